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
		_, err := h.Money.Enrol(t.Context(), policy, id, code, address, nil)
		return storagetest.Outcome(err)
	}
	free := policy.CodeDelays.Pair.Free
	for _, id := range []uuid.UUID{till.ID, uuid.New()} {
		wrong := storagetest.AtOnce(20, func(int) error {
			_, err := h.Money.Enrol(t.Context(), policy, id, "000000000000", id.String(), nil)
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

	code, err = h.Money.MakeEnrolmentCode(t.Context(), who, till.ID)
	require.NoError(t, err)
	for range free - 1 {
		require.Equal(t, "enrolment_code", enrol(till.ID, "000000000000", "desk"))
	}
	require.Equal(t, "done", enrol(till.ID, code.Code, "desk"))
	for range free {
		require.Equal(t, "enrolment_code", enrol(till.ID, "000000000000", "desk"), "with the right one everything begins anew")
	}
}

// E1: stopping a till ends its code, a till that is enrolled while it is stopped stays so, and with each enrolment what
// was signed before is no longer believed.
func TestEnrollingAStoppedTill(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.University(storagetest.University)
	who, _ := h.Staff(storagetest.University, campus.Grant{Role: campus.Finance})
	till := h.Till(h.Merchant("食堂", "canteen"), "一号窗口")
	code := func() string {
		made, err := h.Money.MakeEnrolmentCode(t.Context(), who, till.ID)
		require.NoError(t, err)
		return made.Code
	}
	enrol := func(code string) string {
		return storagetest.Outcome(storagetest.Err(h.Money.Enrol(t.Context(), h.Policy().SignIn, till.ID, code, "shop", nil)))
	}
	set := func(state campus.TerminalState) {
		require.NoError(t, storagetest.Err(h.Money.SetTerminalState(t.Context(), storagetest.Request(campus.Staff(who.ID)), who,
			till.ID, state)))
	}
	before := code()
	set(campus.TerminalStopped)
	require.Equal(t, "enrolment_code", enrol(before), "whoever has the till may have the code")
	require.Equal(t, "done", enrol(code()))
	anew, err := h.Money.Till(t.Context(), till.ID)
	require.NoError(t, err)
	require.Equal(t, till.Generation+1, anew.Generation)
	require.NotEqual(t, till.Secret, anew.Secret)
	require.Equal(t, "terminal_stopped", storagetest.Outcome(h.Money.TillWorks(t.Context(), anew)))
	set(campus.TerminalActive)
	require.NoError(t, h.Money.TillWorks(t.Context(), anew))
	require.Equal(t, "terminal_stopped", storagetest.Outcome(h.Money.TillWorks(t.Context(), till)))
}
