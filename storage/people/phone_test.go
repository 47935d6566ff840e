package people_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

const newPhone = "+8613912345678"

// phone puts another number on file at the counter.
func (c *counter) phone(number string) error {
	return storagetest.Err(c.SetPhoneAtCounter(c.T.Context(), storagetest.Request(campus.Staff(c.who.ID)), c.who,
		people.NewCounterAct{Kind: campus.PhoneAct, Person: c.Holder.ID, Policy: c.policy}, number))
}

func (c *counter) seen() *counter {
	c.T.Helper()
	require.NoError(c.T, storagetest.Err(c.verify(c.who, c.Holder.Roster.DocumentNumber)))
	return c
}

// checked has the carrier asked about the phone at a moment, and keeps the verdict.
func (c *counter) checked(asked time.Time) {
	c.T.Helper()
	c.Exec(`insert into attempts (id, case_id, step, attempt, try, actor, started_at, outcome) values ($1, $2, 'phone', 1, 1, 'system', $3, 'ok')`,
		uuid.New(), c.Application.ID, asked)
	m := c.NextMove(c.Application, campus.StageReview, campus.WaitsForReviewer)
	require.NoError(c.T, storagetest.Err(c.Casework.Record(c.T.Context(),
		m.With(campus.FindingFacts([]campus.Finding{{Item: campus.PhoneItem, Verdict: campus.Pass}}...)...))))
}

func (c *counter) phoneFinding() campus.Finding {
	c.T.Helper()
	findings, err := c.Casework.Findings(c.T.Context(), c.Application.ID)
	require.NoError(c.T, err)
	require.Len(c.T, findings, 1)
	return findings[0]
}

// L6: the counter puts another number on file, for whoever was verified.
func TestPhoneAtCounter(t *testing.T) {
	t.Parallel()
	c := atCounter(t)
	token := c.SignedIn(c.Holder.ID)
	before := storagetest.Everything(t, c.Env)
	require.Equal(t, "verification_missing", storagetest.Outcome(c.phone(newPhone)))
	require.Equal(t, before, storagetest.Everything(t, c.Env))
	c.seen()
	require.Equal(t, "phone_same", storagetest.Outcome(c.phone("+86"+c.Holder.Roster.Phone)))
	require.NoError(t, c.phone(newPhone))
	who, err := c.Store.People.Person(t.Context(), c.Holder.ID)
	require.NoError(t, err)
	require.Equal(t, newPhone, who.Phone)
	require.Equal(t, "session_over", storagetest.Outcome(storagetest.Err(c.People.FindSession(t.Context(), token))),
		"who has the old phone is signed out")
	require.Equal(t, 1, storagetest.Count(c.Env, `audit where action = 'person.phone' and actor = $1`,
		"staff/"+c.who.ID.String()))
	require.Equal(t, 1, storagetest.Count(c.Env,
		`counter_acts where kind = 'phone' and done_at is not null and verified_by is not null and detail = ''`))
	require.Equal(t, 1, storagetest.Count(c.Env, `events where case_id = $1 and kind = 'phone_changed' and public`,
		c.Application.ID))

	messages, err := c.People.ClaimPhoneMessages(t.Context(), 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, messages, 1)
	require.Equal(t, []string{"notice.phone_changed", "+86" + c.Holder.Roster.Phone, ""},
		[]string{messages[0].Template, messages[0].Phone, messages[0].Email})
	again, err := c.People.ClaimPhoneMessages(t.Context(), 10, time.Minute)
	require.NoError(t, err)
	require.Empty(t, again, "another sender has it")
	require.NoError(t, c.People.FinishPhoneMessage(t.Context(), casework.NoticeResult{ID: messages[0].ID, Done: true}))
	raw := storagetest.One[string](c.Env, `select jsonb_agg(to_jsonb(m))::text from phone_messages m`)
	require.NotContains(t, raw, c.Holder.Roster.Phone, "sealed")
	notices, err := c.Casework.ClaimNotices(t.Context(), 10, time.Minute)
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
		m := c.NextMove(c.Application, campus.StageProvisioning, campus.WaitsForSchool)
		m.Decision = c.Decision(c.Application, storagetest.Reviewer(), campus.ReviewUpdate, storagetest.Approve,
			cards.ReviewNote{})
		return c.Answered(m, storagetest.Err(c.Cards.CreateCard(t.Context(), m, uuid.Must(uuid.NewV7()),
			storagetest.Approval())))
	}
	before := storagetest.Everything(t, c.Env)["cases"]
	require.Equal(t, "phone_unchecked", storagetest.Outcome(accept()))
	require.Equal(t, before, storagetest.Everything(t, c.Env)["cases"], "the case stays where it is")

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
	line := c.Holder.Roster
	again := func() {
		_, err := c.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{line})
		require.NoError(t, err)
	}
	again()
	require.Equal(t, campus.Pass, c.phoneFinding().Verdict, "the same number")
	line.Phone = "13900000001"
	again()
	require.Equal(t, campus.PhoneChangedReason, c.phoneFinding().Reason)
	require.Equal(t, 1, storagetest.Count(c.Env,
		`events where case_id = $1 and kind = 'phone_changed' and actor = 'system'`, c.Application.ID))
}

// L6: a later roster does not put the old number back, until it knows the new one.
func TestRosterKeepsAChangedPhone(t *testing.T) {
	t.Parallel()
	c := atCounter(t).seen()
	person := c.Holder.Roster
	roster := func(phone string) string {
		line := person
		line.Phone, line.Name = phone, "新名"
		faults, err := c.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{line})
		require.NoError(t, err)
		require.Empty(t, faults)
		return storagetest.One[string](c.Env, `select phone from people where id = $1`, c.Holder.ID)
	}
	require.Equal(t, "+8613900000001", roster("13900000001"), "nobody has changed it")
	require.NoError(t, c.phone(newPhone))
	require.Equal(t, newPhone, roster("13900000001"))
	require.Equal(t, newPhone, roster(""), "one without a number")
	require.Equal(t, newPhone, roster("13900000001"), "has not caught up")
	require.Equal(t, "新名", storagetest.One[string](c.Env, `select name from people where id = $1`, c.Holder.ID),
		"the rest is the roster's")
	require.Equal(t, newPhone, roster(newPhone), "the roster has caught up")
	require.Equal(t, "+8613900000002", roster("13900000002"), "and counts again")
}

// A5, L6: a wrong number on file does not keep anybody from the first sign-in for ever.
func TestFirstSignInAfterAnotherPhone(t *testing.T) {
	t.Parallel()
	c := atCounter(t).seen()
	require.NoError(t, c.phone(newPhone))
	session, err := c.People.SignInStudent(t.Context(), c.Policy().SignIn, people.Credentials{
		University: storagetest.University, Name: c.Holder.Roster.Number, Password: c.Holder.Initial})
	require.NoError(t, err)
	who, err := c.People.FindSession(t.Context(), session.Token)
	require.NoError(t, err)
	sent, err := c.People.SendPhoneCode(t.Context(), storagetest.Request(campus.Student(c.Holder.ID)), c.Policy().SignIn,
		who)
	require.NoError(t, err)
	require.Equal(t, "5678", sent.Phone)
	require.NoError(t, storagetest.Err(c.People.SetFirstPassword(t.Context(), c.Policy().SignIn, who,
		c.PhoneCode(t.Context()), "correct horse 7")))
}
