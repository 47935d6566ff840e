package money_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// E1, F5: strangers who enter wrong codes for a till wait, at their address; the right code stays good, and a wave is
// seen in the audit trail and by the doctor.
func TestWrongEnrolmentCodesEndNoRightOne(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.University(storagetest.University)
	who, _ := h.Staff(storagetest.University, campus.Grant{Role: campus.Finance})
	till := h.Till(h.Merchant("食堂", "canteen"), "一号窗口")
	code, err := h.Money.MakeEnrolmentCode(t.Context(), who, till.ID)
	require.NoError(t, err)
	policy := h.Policy().SignIn
	enrol := func(id uuid.UUID, code, address string) string {
		_, err := h.Money.Enrol(t.Context(), policy, id, code, address)
		return storagetest.Outcome(err)
	}
	free := policy.CodeDelays.Pair.Free
	for _, id := range []uuid.UUID{till.ID, uuid.New()} {
		wrong := storagetest.AtOnce(20, func(int) error {
			_, err := h.Money.Enrol(t.Context(), policy, id, "000000000000", id.String())
			return err
		})
		require.Equal(t, map[string]int{"enrolment_code": free, "enrolment_delayed": 20 - free},
			storagetest.Outcomes(wrong), "a till or none")
	}
	require.Equal(t, "enrolment_delayed", enrol(till.ID, code.Code, till.ID.String()))
	for i := range 150 {
		require.Equal(t, "enrolment_code", enrol(till.ID, "000000000000", fmt.Sprint("stranger ", i)))
	}
	require.Equal(t, 1, storagetest.Count(h, `audit where action = 'terminal.delay' and subject = $1`,
		"terminal/"+till.ID.String()))
	wrong, err := h.People.WrongEntries(t.Context(), 10*time.Minute)
	require.NoError(t, err)
	require.Equal(t, []int{150 + 2*free, 2}, []int{wrong.Entries, wrong.Accounts})
	require.Equal(t, "done", enrol(till.ID, code.Code, "shop"))
	require.Equal(t, "enrolment_code", enrol(till.ID, code.Code, "shop"), "once")
}
