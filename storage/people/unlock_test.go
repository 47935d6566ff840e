package people_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

// lockTest is a person whom a stranger has locked out.
type lockTest struct {
	*storagetest.Env
	t      *testing.T
	person storagetest.Person
	policy campus.SignInPolicy
}

func lockedOut(t *testing.T) *lockTest {
	t.Helper()
	h := storagetest.New(t)
	l := &lockTest{h, t, h.Person(), h.Policy().SignIn}
	l.lock(l.person.Roster.Number)
	return l
}

// enter signs in from an address, or tries to.
func (l *lockTest) enter(number, password, code, address string) error {
	return storagetest.Err(l.People.SignInStudent(l.t.Context(), l.policy,
		people.Credentials{University: storagetest.University, Name: number,
			Password: password, Code: code, Address: address}))
}

func (l *lockTest) lock(number string) {
	l.t.Helper()
	for range l.policy.WrongEntries {
		require.Equal(l.t, "wrong_password", storagetest.Outcome(l.enter(number, "wrong1234", "", "stranger")))
	}
	require.Equal(l.t, "sign_in_locked", storagetest.Outcome(l.enter(number, "wrong1234", "", "stranger")))
}

// askCode asks for codes and answers those that were sent.
func (l *lockTest) askCode(number string) []string {
	l.t.Helper()
	until, err := l.People.SendUnlockCode(l.t.Context(), l.policy, storagetest.University, number)
	require.NoError(l.t, err)
	require.True(l.t, campus.DateOf(l.Clock.Now()).End().Equal(until))
	return l.UnlockCodes(l.t.Context())
}

// waitOf is how long an answer asks to wait.
func waitOf(err error) time.Duration {
	if known, ok := errors.AsType[*campus.Error](err); ok {
		return known.Wait
	}
	return 0
}

// F5: who was locked out by a stranger gets in alone, while the stranger goes on.
func TestALockIsUndoneByItsHolderAlone(t *testing.T) {
	t.Parallel()
	l := lockedOut(t)
	number := l.person.Roster.Number
	require.Equal(t, "sign_in_locked", storagetest.Outcome(l.enter(number, l.person.Initial, "", "home")))
	require.Equal(t, 1, storagetest.Count(l.Env,
		`audit where action = 'sign_in.lock' and subject = $1 and actor = 'system'`, "person/"+l.person.ID.String()))
	codes := l.askCode(number)
	require.Len(t, codes, 1)
	require.Equal(t, "code_expired", storagetest.Outcome(l.SetFirst(codes[0])), "it is no code of another kind")
	errs := storagetest.AtOnce(20, func(i int) error {
		if i == 7 {
			return l.enter(number, l.person.Initial, codes[0], "home")
		}
		return l.enter(number, "wrong1234", "", "stranger")
	})
	require.Equal(t, 1, storagetest.Outcomes(errs)["done"], "%v", storagetest.Outcomes(errs))
	require.NoError(t, errs[7])
	require.Equal(t, 1, storagetest.Count(l.Env, `audit where action = 'sign_in.unlock' and subject = $1 and actor = $2`,
		"person/"+l.person.ID.String(), campus.Student(l.person.ID).String()))
	require.Equal(t, "unlock_code_wrong", storagetest.Outcome(l.enter(number, l.person.Initial, codes[0], "home")),
		"a code counts once")
}

// SetFirst tries a code where the first password is set.
func (l *lockTest) SetFirst(code string) error {
	who, err := l.People.FindSession(l.t.Context(), l.InitialSession(l.person.ID))
	require.NoError(l.t, err)
	return storagetest.Err(l.People.SetFirstPassword(l.t.Context(), l.policy, who, code, "correct horse 7"))
}

// The way past a lock is no weapon: strangers can neither use up the codes of somebody nor keep them from entering one.
func TestStrangersDoNotUseUpCodes(t *testing.T) {
	t.Parallel()

	t.Run("over the number of the day the last one is good", func(t *testing.T) {
		t.Parallel()
		l := lockedOut(t)
		var codes []string
		for range l.policy.UnlockCodes + 5 {
			codes = append(codes, l.askCode(l.person.Roster.Number)...)
		}
		require.Len(t, codes, l.policy.UnlockCodes)
		l.Clock.Advance(6 * time.Hour)
		require.NoError(t, l.enter(l.person.Roster.Number, l.person.Initial, codes[2], "home"))
		l.lock(l.person.Roster.Number)
		require.Len(t, l.askCode(l.person.Roster.Number), 1, "after the holder's success there are codes again")
	})

	t.Run("at once, too", func(t *testing.T) {
		t.Parallel()
		l := lockedOut(t)
		for _, err := range storagetest.AtOnce(20, func(int) error {
			return storagetest.Err(l.People.SendUnlockCode(t.Context(), l.policy, storagetest.University,
				l.person.Roster.Number))
		}) {
			require.NoError(t, err)
		}
		require.Len(t, l.UnlockCodes(t.Context()), l.policy.UnlockCodes)
	})

	t.Run("wrong codes hold up their sender", func(t *testing.T) {
		t.Parallel()
		l := lockedOut(t)
		number := l.person.Roster.Number
		code := l.askCode(number)[0]
		errs := storagetest.AtOnce(50, func(int) error { return l.enter(number, "wrong1234", "0000000x", "stranger") })
		require.Equal(t, map[string]int{"unlock_code_wrong": l.policy.CodeDelays.Pair.Free,
			"code_delayed": 50 - l.policy.CodeDelays.Pair.Free}, storagetest.Outcomes(errs))
		held := l.enter(number, l.person.Initial, code, "stranger")
		require.Equal(t, "code_delayed", storagetest.Outcome(held), "who guesses waits even with the right one")
		require.Equal(t, time.Second, waitOf(held))
		require.NoError(t, l.enter(number, l.person.Initial, code, "home"))
	})

	t.Run("no code is sent to who has no phone, and nobody is told", func(t *testing.T) {
		t.Parallel()
		l := lockedOut(t)
		other := l.Person()
		l.Exec(`update people set phone = '' where id = $1`, other.ID)
		l.lock(other.Roster.Number)
		require.Empty(t, l.askCode(other.Roster.Number), "the answer is that of everybody")
		require.Zero(t, storagetest.Count(l.Env, `notices where person_id = $1`, other.ID))
		require.Len(t, l.askCode(l.person.Roster.Number), 1)
	})

	t.Run("a code is sent for a lock alone", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		l := &lockTest{h, t, h.Person(), h.Policy().SignIn}
		require.Empty(t, l.askCode(l.person.Roster.Number))
		require.Equal(t, "wrong_password", storagetest.Outcome(l.enter(l.person.Roster.Number, "wrong1234", "", "stranger")))
		require.Empty(t, l.askCode(l.person.Roster.Number))
	})
}

func TestUnlockCodesAreLimited(t *testing.T) {
	t.Parallel()

	t.Run("the password is not guessed with a code", func(t *testing.T) {
		t.Parallel()
		l := lockedOut(t)
		number := l.person.Roster.Number
		code := l.askCode(number)[0]
		errs := storagetest.AtOnce(12, func(int) error { return l.enter(number, "wrong1234", code, "home") })
		require.Equal(t, map[string]int{"wrong_password": l.policy.UnlockCodeTries,
			"unlock_code_spent": 12 - l.policy.UnlockCodeTries}, storagetest.Outcomes(errs))
		require.Equal(t, "unlock_code_spent", storagetest.Outcome(l.enter(number, l.person.Initial, code, "home")))
		require.NoError(t, l.enter(number, l.person.Initial, l.askCode(number)[0], "home"))
	})

	t.Run("it is of its day and of its number", func(t *testing.T) {
		t.Parallel()
		l := lockedOut(t)
		other := l.Person()
		l.lock(other.Roster.Number)
		code := l.askCode(l.person.Roster.Number)[0]
		require.Equal(t, "unlock_code_wrong", storagetest.Outcome(l.enter(other.Roster.Number, other.Initial, code, "home")))
		l.Clock.Advance(campus.DateOf(l.Clock.Now()).End().Sub(l.Clock.Now()))
		require.Equal(t, "unlock_code_wrong",
			storagetest.Outcome(l.enter(l.person.Roster.Number, l.person.Initial, code, "home")))
		require.NoError(t, l.enter(l.person.Roster.Number, l.person.Initial, "", "home"), "another day")
		l.lock(l.person.Roster.Number)
		require.Equal(t, "unlock_code_wrong",
			storagetest.Outcome(l.enter(l.person.Roster.Number, l.person.Initial, code, "home")), "nor of a later day")
	})
}

// A number that nobody has is counted, locked and forgotten as one that somebody has.
func TestUnknownNumbersAreCountedAlike(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	l := &lockTest{h, t, h.Person(), h.Policy().SignIn}
	course := func(number, right string) (said []string) {
		for range 2 {
			errs := storagetest.AtOnce(20, func(int) error { return l.enter(number, "wrong1234", "", "stranger "+number) })
			said = append(said, fmt.Sprint(storagetest.Outcomes(errs)))
			said = append(said, fmt.Sprint(waitOf(l.enter(number, right, "", "stranger"))))
			for range l.policy.UnlockCodes + 2 {
				until, err := l.People.SendUnlockCode(t.Context(), l.policy, storagetest.University, number)
				said = append(said, fmt.Sprint(until, err))
			}
			for range 7 {
				err := l.enter(number, "wrong1234", "99999999", "guessing "+number)
				said = append(said, storagetest.Outcome(err), fmt.Sprint(waitOf(err)))
			}
			l.Clock.Advance(24 * time.Hour)
		}
		return said
	}
	at := l.Clock.Now()
	known := course(l.person.Roster.Number, l.person.Initial)
	l.Clock.Advance(at.Sub(l.Clock.Now()))
	require.Equal(t, known, course("1999000001", "x"))
	require.Equal(t, "map[sign_in_locked:15 wrong_password:5]", known[0])
	require.Equal(t, 2, storagetest.Count(h, `sign_in_entries`))
	require.Equal(t, 2, storagetest.Count(h, `audit where action = 'sign_in.lock'`),
		"the audit trail does not grow by what nobody has")

	_, err := h.DropExpired(t.Context(), 100)
	require.NoError(t, err)
	require.Zero(t, storagetest.Count(h, `sign_in_entries`), "what is over is swept")
	require.Zero(t, storagetest.Count(h, `entry_delays where key <> '' and at < $1`, h.Clock.Now().Add(-24*time.Hour)))
}

// F5: unlocking at the counter.
func TestUnlockAtCounter(t *testing.T) {
	t.Parallel()
	c := atCounter(t)
	l := &lockTest{c.Env, t, c.Holder, c.Env.Policy().SignIn}
	unlock := func() error {
		return storagetest.Err(c.People.UnlockAtCounter(t.Context(), storagetest.Request(campus.Staff(c.who.ID)), l.policy,
			c.who,
			people.NewCounterAct{Kind: campus.UnlockAct, Person: c.Holder.ID, Policy: c.policy}))
	}
	l.lock(c.Holder.Roster.Number)
	require.Equal(t, "verification_missing", storagetest.Outcome(unlock()))
	seen, err := c.verify(c.who, c.Holder.Roster.DocumentNumber)
	require.NoError(t, err)
	require.Equal(t, campus.Pass, seen.Verdict)
	require.NoError(t, unlock())
	require.NoError(t, l.enter(c.Holder.Roster.Number, c.Holder.Initial, "", "home"))
	require.Equal(t, 1, storagetest.Count(c.Env, `audit where action = 'counter.unlock' and actor = $1`,
		campus.Staff(c.who.ID).String()))
	require.Equal(t, 1, storagetest.Count(c.Env, `notices where template = 'notice.sign_in_unlocked' and person_id = $1`,
		c.Holder.ID))
	require.Equal(t, "sign_in_open", storagetest.Outcome(unlock()), "nobody is told of what was not done")

	// Who knows the initial password can use up the codes of the hour, and the holder could not finish the first
	// sign-in.
	askFor := func(person uuid.UUID) error {
		who, err := c.People.FindSession(t.Context(), c.InitialSession(person))
		require.NoError(t, err)
		return storagetest.Err(c.People.SendPhoneCode(t.Context(), storagetest.Request(campus.Student(person)), l.policy,
			who))
	}
	other := c.Person()
	require.NoError(t, askFor(other.ID))
	ask := func() error { return askFor(c.Holder.ID) }
	for range l.policy.PhoneCodesPerHour {
		require.Equal(t, "sign_in_open", storagetest.Outcome(unlock()), "codes that can still be asked for hold nobody up")
		require.NoError(t, ask())
	}
	require.Equal(t, "too_many_codes", storagetest.Outcome(ask()))
	require.NoError(t, unlock())
	require.Zero(t, storagetest.Count(c.Env, `phone_codes where person_id = $1`, c.Holder.ID))
	require.Equal(t, 1, storagetest.Count(c.Env, `phone_codes where person_id = $1`, other.ID), "codes of others stay")
	require.NoError(t, ask())
	c.Exec(`update phone_codes set used_at = now()`)
	require.Equal(t, "sign_in_open", storagetest.Outcome(unlock()),
		"a code of the first sign-in was used, and nobody is locked")
}

// The doctor counts what was entered wrongly lately.
func TestWrongEntriesAreCounted(t *testing.T) {
	t.Parallel()
	l := lockedOut(t)
	l.lock("1999000001")
	require.Equal(t, "wrong_password",
		storagetest.Outcome(storagetest.Err(l.People.SignInStaff(t.Context(), l.policy,
			people.Credentials{University: storagetest.University, Name: "wang"}))))
	seen, err := l.People.WrongEntries(t.Context(), 10*time.Minute)
	require.NoError(t, err)
	require.Equal(t, people.WrongEntries{Entries: 11, Accounts: 3, Locked: 1}, seen)
	l.Clock.Advance(10 * time.Minute)
	seen, err = l.People.WrongEntries(t.Context(), 10*time.Minute)
	require.NoError(t, err)
	require.Equal(t, people.WrongEntries{Locked: 1}, seen)
}
