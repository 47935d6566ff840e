package storage_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
)

const newPhone = "+8613912345678"

// phone puts another number on file at the counter.
func (c *counter) phone(number string) error {
	return second(c.SetPhoneAtCounter(c.t.Context(), storagetest.Request(campus.Staff(c.who.ID)), c.who,
		storage.NewCounterAct{Kind: campus.PhoneAct, Person: c.person.ID, Policy: c.policy}, number))
}

func (c *counter) seen() *counter {
	c.t.Helper()
	require.NoError(c.t, second(c.verify(c.who, c.person.Roster.DocumentNumber)))
	return c
}

// checked has the carrier asked about the phone at a moment, and keeps the verdict.
func (c *counter) checked(asked time.Time) {
	c.t.Helper()
	c.Exec(`insert into attempts (id, case_id, step, attempt, try, actor, started_at, outcome) values ($1, $2, 'phone', 1, 1, 'system', $3, 'ok')`,
		uuid.New(), c.application.ID, asked)
	m := c.NextMove(c.application, campus.StageReview, campus.WaitsForReviewer)
	require.NoError(c.t, second(c.Record(c.t.Context(), m.With(campus.FindingFacts([]campus.Finding{{Item: campus.PhoneItem, Verdict: campus.Pass}}...)...))))
}

func (c *counter) phoneFinding() campus.Finding {
	c.t.Helper()
	findings, err := c.Findings(c.t.Context(), c.application.ID)
	require.NoError(c.t, err)
	require.Len(c.t, findings, 1)
	return findings[0]
}

// L6: the counter puts another number on file, for whoever was verified.
func TestPhoneAtCounter(t *testing.T) {
	t.Parallel()
	c := atCounter(t)
	token := c.SignedIn(c.person.ID)
	before := everything(t, c.House)
	require.Equal(t, "verification_missing", outcome(c.phone(newPhone)))
	require.Equal(t, before, everything(t, c.House))
	c.seen()
	require.Equal(t, "phone_same", outcome(c.phone("+86"+c.person.Roster.Phone)))
	require.NoError(t, c.phone(newPhone))
	who, err := c.Store.Person(t.Context(), c.person.ID)
	require.NoError(t, err)
	require.Equal(t, newPhone, who.Phone)
	require.Equal(t, "session_over", outcome(second(c.FindSession(t.Context(), token))), "who has the old phone is signed out")
	require.Equal(t, 1, count(c.House, `audit where action = 'person.phone' and actor = $1`, "staff/"+c.who.ID.String()))
	require.Equal(t, 1, count(c.House, `counter_acts where kind = 'phone' and done_at is not null and verified_by is not null and detail = ''`))
	require.Equal(t, 1, count(c.House, `events where case_id = $1 and kind = 'phone_changed' and public`, c.application.ID))

	messages, err := c.ClaimPhoneMessages(t.Context(), 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, messages, 1)
	require.Equal(t, []string{"notice.phone_changed", "+86" + c.person.Roster.Phone, ""}, []string{messages[0].Template, messages[0].Phone, messages[0].Email})
	again, err := c.ClaimPhoneMessages(t.Context(), 10, time.Minute)
	require.NoError(t, err)
	require.Empty(t, again, "another sender has it")
	require.NoError(t, c.FinishPhoneMessage(t.Context(), storage.NoticeResult{ID: messages[0].ID, Done: true}))
	raw := storagetest.One[string](c.House, `select jsonb_agg(to_jsonb(m))::text from phone_messages m`)
	require.NotContains(t, raw, c.person.Roster.Phone, "sealed")
	notices, err := c.ClaimNotices(t.Context(), 10, time.Minute)
	require.NoError(t, err)
	require.Equal(t, []string{"notice.phone_changed", newPhone}, []string{notices[0].Template, notices[0].Phone})
}

// A3, L6: what the carrier said of the old number is no verdict on the new one.
func TestChangedPhoneIsCheckedAgain(t *testing.T) {
	t.Parallel()
	c := atCounter(t).seen()
	c.checked(c.Clock.Now())
	require.Equal(t, campus.Pass, c.phoneFinding().Verdict)
	c.Clock.Advance(time.Minute)
	require.NoError(t, c.phone(newPhone))
	changed := c.phoneFinding()
	require.Equal(t, []any{campus.Unknown, campus.PhoneChangedReason}, []any{changed.Verdict, changed.Reason})
	require.Equal(t, []campus.Item{campus.PhoneItem}, campus.Wanted([]campus.Finding{changed}))

	accept := func() error {
		m := c.NextMove(c.application, campus.StageProvisioning, campus.WaitsForSchool)
		m.Decision = c.Decision(c.application, reviewer(), campus.ReviewUpdate, approve, storage.ReviewNote{})
		return c.answered(m, second(c.CreateCard(t.Context(), m, uuid.Must(uuid.NewV7()), approval())))
	}
	before := everything(t, c.House)["cases"]
	require.Equal(t, "phone_unchecked", outcome(accept()))
	require.Equal(t, before, everything(t, c.House)["cases"], "the case stays where it is")

	c.checked(c.Clock.Now().Add(-time.Second))
	require.Equal(t, campus.PhoneChangedReason, c.phoneFinding().Reason, "the carrier was asked about the old number")
	c.Clock.Advance(time.Second)
	c.checked(c.Clock.Now())
	require.Equal(t, campus.Pass, c.phoneFinding().Verdict)
	require.NoError(t, accept())
}

// A3, L6: a roster that corrects the number has it checked again, too.
func TestRosterPhoneIsCheckedAgain(t *testing.T) {
	t.Parallel()
	c := atCounter(t)
	c.checked(c.Clock.Now())
	line := c.person.Roster
	again := func() {
		_, err := c.ImportPeople(t.Context(), storagetest.University, []storage.RosterPerson{line})
		require.NoError(t, err)
	}
	again()
	require.Equal(t, campus.Pass, c.phoneFinding().Verdict, "the same number")
	line.Phone = "13900000001"
	again()
	require.Equal(t, campus.PhoneChangedReason, c.phoneFinding().Reason)
	require.Equal(t, 1, count(c.House, `events where case_id = $1 and kind = 'phone_changed' and actor = 'system'`, c.application.ID))
}

// L6: a later roster does not put the old number back, until it knows the new one.
func TestRosterKeepsAChangedPhone(t *testing.T) {
	t.Parallel()
	c := atCounter(t).seen()
	person := c.person.Roster
	roster := func(phone string) string {
		line := person
		line.Phone, line.Name = phone, "新名"
		faults, err := c.ImportPeople(t.Context(), storagetest.University, []storage.RosterPerson{line})
		require.NoError(t, err)
		require.Empty(t, faults)
		return storagetest.One[string](c.House, `select phone from people where id = $1`, c.person.ID)
	}
	require.Equal(t, "+8613900000001", roster("13900000001"), "nobody has changed it")
	require.NoError(t, c.phone(newPhone))
	require.Equal(t, newPhone, roster("13900000001"))
	require.Equal(t, newPhone, roster(""), "one without a number")
	require.Equal(t, newPhone, roster("13900000001"), "has not caught up")
	require.Equal(t, "新名", storagetest.One[string](c.House, `select name from people where id = $1`, c.person.ID), "the rest is the roster's")
	require.Equal(t, newPhone, roster(newPhone), "the roster has caught up")
	require.Equal(t, "+8613900000002", roster("13900000002"), "and counts again")
}

// A5, L6: a wrong number on file does not keep anybody from the first sign-in for ever.
func TestFirstSignInAfterAnotherPhone(t *testing.T) {
	t.Parallel()
	c := atCounter(t).seen()
	require.NoError(t, c.phone(newPhone))
	session, err := c.SignInStudent(t.Context(), c.Policy().SignIn, storage.Credentials{
		University: storagetest.University, Name: c.person.Roster.Number, Password: c.person.Initial})
	require.NoError(t, err)
	who, err := c.FindSession(t.Context(), session.Token)
	require.NoError(t, err)
	sent, err := c.SendPhoneCode(t.Context(), storagetest.Request(campus.Student(c.person.ID)), c.Policy().SignIn, who)
	require.NoError(t, err)
	require.Equal(t, "5678", sent.Phone)
	require.NoError(t, second(c.SetFirstPassword(t.Context(), c.Policy().SignIn, who, c.PhoneCode(t.Context()), "correct horse 7")))
}
