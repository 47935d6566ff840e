package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

// F5: the doctor says when a wave of wrong entries is on, and not when a few people have mistyped.
func TestAWaveOfWrongEntriesIsFound(t *testing.T) {
	t.Parallel()
	policies, err := campus.LoadPolicies(deploy.Policy)
	require.NoError(t, err)
	h := storagetest.New(t)
	p := h.Person()
	d := &doctor{policies: policies, store: h.Store}
	require.Equal(t, well("sign-ins.fine", values{"count": "0", "accounts": "0", "locked": "0", "time": "10m"}),
		d.lookAtSignIns(t.Context()))
	enter := func(number string) {
		for range h.Policy().SignIn.WrongEntries {
			_, err := h.People.SignInStudent(t.Context(), h.Policy().SignIn,
				people.Credentials{University: p.University, Name: number, Password: "wrong"})
			require.Equal(t, "wrong_password", campus.ReasonOf(err))
		}
	}
	enter(p.Roster.Number)
	require.Equal(t, OK, d.lookAtSignIns(t.Context())[0].Level)
	for _, number := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"} {
		enter(number)
	}
	require.Equal(t, warn("sign-ins.wave", values{"count": "65", "accounts": "13", "locked": "1", "time": "10m"}),
		d.lookAtSignIns(t.Context()))
}
