package people_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

// mover is a holder who changes their number.
type mover struct {
	*storagetest.Env
	t      *testing.T
	person storagetest.Person
	who    people.Principal
}

func moving(t *testing.T) *mover {
	t.Helper()
	h := storagetest.New(t)
	p := h.Person()
	who, err := h.People.FindSession(t.Context(), h.SignedIn(p.ID))
	require.NoError(t, err)
	return &mover{h, t, p, who}
}

func (m *mover) ask(password, phone string) error {
	return storagetest.Err(m.People.SendNewPhoneCode(m.t.Context(), storagetest.Request(campus.Student(m.person.ID)),
		m.Env.Policy().SignIn, m.who, password, phone))
}

func (m *mover) change(code string) error {
	return storagetest.Err(m.People.ChangePhone(m.t.Context(), storagetest.Request(campus.Student(m.person.ID)),
		m.Env.Policy().SignIn, m.who, code))
}

func (m *mover) phone() string {
	return storagetest.One[string](m.Env, `select phone from people where id = $1`, m.person.ID)
}

// L6: the holder changes their number, with the password and a code to the new one.
func TestChangePhone(t *testing.T) {
	t.Parallel()
	m := moving(t)
	old, other := m.phone(), m.SignedIn(m.person.ID)
	require.Equal(t, "wrong_entry", storagetest.Outcome(m.ask("wrong", newPhone)))
	require.Equal(t, "phone_same", storagetest.Outcome(m.ask(m.person.Initial, old)))
	require.Equal(t, "code_expired", storagetest.Outcome(m.change("123456")), "none was asked for")
	require.NoError(t, m.ask(m.person.Initial, newPhone))
	raw := storagetest.One[string](m.Env, `select jsonb_agg(to_jsonb(c))::text from phone_codes c`)
	require.NotContains(t, raw, "13912345678", "sealed")
	require.Equal(t, old, m.phone(), "asking changes nothing")
	messages, err := m.People.ClaimPhoneMessages(t.Context(), 10, time.Second)
	require.NoError(t, err)
	require.Equal(t, []string{newPhone, "notice.phone_code"}, []string{messages[0].Phone, messages[0].Template})
	code := messages[0].Params["code"]
	require.Equal(t, "code_wrong", storagetest.Outcome(m.change("x"+code[1:])))
	req := storagetest.Request(campus.Student(m.person.ID))
	for range 2 { // the same request again gets the first answer
		changed, err := m.People.ChangePhone(t.Context(), req, m.Env.Policy().SignIn, m.who, code)
		require.NoError(t, err)
		require.Equal(t, "5678", changed.Phone)
	}
	require.Equal(t, newPhone, m.phone())
	require.Equal(t, "code_expired", storagetest.Outcome(m.change(code)), "a code counts once")
	require.Equal(t, "session_over", storagetest.Outcome(storagetest.Err(m.People.FindSession(t.Context(), other))))
	require.Equal(t, 1, storagetest.Count(m.Env, `sessions where id = $1 and revoked_at is null`, m.who.Session),
		"this device stays")
	require.Equal(t, 1, storagetest.Count(m.Env, `audit where action = 'person.phone' and actor = $1`,
		campus.Student(m.person.ID).String()))
	require.Equal(t, 1, storagetest.Count(m.Env, `people where id = $1 and phone_source = 'holder'`, m.person.ID))
	m.Clock.Advance(time.Second)
	messages, err = m.People.ClaimPhoneMessages(t.Context(), 10, time.Second)
	require.NoError(t, err)
	require.Contains(t, []string{messages[0].Phone, messages[1].Phone}, old, "the old number hears of it")
}

// F5, A5: neither passwords nor codes can be guessed at leisure.
func TestChangePhoneIsLimited(t *testing.T) {
	t.Parallel()
	m := moving(t)
	policy := m.Env.Policy().SignIn
	for range policy.PhoneCodesPerHour {
		require.NoError(t, m.ask(m.person.Initial, newPhone))
	}
	require.Equal(t, "too_many_codes", storagetest.Outcome(m.ask(m.person.Initial, newPhone)))
	code := m.NewPhoneCode(t.Context())
	errs := storagetest.AtOnce(policy.PhoneCodeTries+3, func(int) error { return m.change("abcdef") })
	require.Equal(t, map[string]int{"code_wrong": policy.PhoneCodeTries, "code_locked": 3}, storagetest.Outcomes(errs))
	require.Equal(t, "code_locked", storagetest.Outcome(m.change(code)))
	require.Zero(t, storagetest.Count(m.Env, `requests where route = 'POST /test' and response is null`),
		"what was refused is let go")
	m.Clock.Advance(time.Hour + time.Second)
	require.NoError(t, m.ask(m.person.Initial, newPhone))
	m.Clock.Advance(policy.PhoneCode.Std())
	require.Equal(t, "code_expired", storagetest.Outcome(m.change(m.NewPhoneCode(t.Context()))))
	for range policy.WrongEntries {
		require.Equal(t, "wrong_entry", storagetest.Outcome(m.ask("wrong", newPhone)))
	}
	require.Equal(t, "sign_in_locked", storagetest.Outcome(m.ask(m.person.Initial, newPhone)))
}

// L6: a session is a device's.
func TestDevices(t *testing.T) {
	t.Parallel()
	m := moving(t)
	session, err := m.People.SignInStudent(t.Context(), m.Env.Policy().SignIn,
		people.Credentials{University: storagetest.University,
			Name: m.person.Roster.Number, Password: m.person.Initial, Device: "我的旧手机"})
	require.NoError(t, err)
	listed := func() []people.Device {
		devices, err := m.People.Devices(t.Context(), m.person.ID, uuid.Nil, 10)
		require.NoError(t, err)
		return devices
	}
	devices := listed()
	require.Len(t, devices, 2)
	require.Equal(t, []any{"我的旧手机", people.InitialSession}, []any{devices[0].Device, devices[0].Level})
	stranger := people.SignedInPerson{ID: m.Env.Person().ID, University: storagetest.University}
	require.Equal(t, "session_unknown", storagetest.Outcome(m.People.EndOwnSession(t.Context(), stranger, devices[0].ID)))
	require.NoError(t, m.People.EndOwnSession(t.Context(), *m.who.Person, devices[0].ID))
	require.Equal(t, "session_unknown",
		storagetest.Outcome(m.People.EndOwnSession(t.Context(), *m.who.Person, devices[0].ID)), "it is over")
	require.Equal(t, "session_over",
		storagetest.Outcome(storagetest.Err(m.People.FindSession(t.Context(), session.Token))))
	m.SignedIn(m.person.ID)
	require.NoError(t, m.People.EndOtherSessions(t.Context(), m.who))
	require.Len(t, listed(), 1)
	require.Equal(t, m.who.Session, listed()[0].ID)
	require.Equal(t, 2, storagetest.Count(m.Env, `audit where action in ('session.end', 'session.end_others')`))
	m.Clock.Advance(40 * 24 * time.Hour)
	require.Empty(t, listed())
}
