package people_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

func TestWrongEntries(t *testing.T) {
	t.Parallel()

	t.Run("100 at once: five are looked at, the rest finds it locked until the day ends", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		policy := h.Policy().SignIn
		var mu sync.Mutex
		reasons := map[string]int{}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				_, err := h.People.SignInStudent(t.Context(), policy, storagetest.Credentials(p, "wrong1234"))
				mu.Lock()
				defer mu.Unlock()
				reasons[campus.ReasonOf(err)]++
			})
		}
		all.Wait()
		require.Equal(t, map[string]int{"wrong_password": 5, "sign_in_locked": 95}, reasons)
		require.Equal(t, 5, storagetest.One[int](h,
			`select coalesce(sum(wrong), 0)::int from sign_in_entries where person_id = $1`, p.ID))

		_, err := h.People.SignInStudent(t.Context(), policy, storagetest.Credentials(p, p.Initial))
		require.Equal(t, "sign_in_locked", campus.ReasonOf(err), "the right one comes too late today")
		h.Clock.Advance(campus.DateOf(h.Clock.Now()).End().Sub(h.Clock.Now()))
		_, err = h.People.SignInStudent(t.Context(), policy, storagetest.Credentials(p, p.Initial))
		require.NoError(t, err, "a new day in Shanghai")
	})

	t.Run("a right entry begins the count anew", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		policy := h.Policy().SignIn
		for range 3 {
			for range policy.WrongEntries - 1 {
				_, err := h.People.SignInStudent(t.Context(), policy, storagetest.Credentials(p, "wrong1234"))
				require.Equal(t, "wrong_password", campus.ReasonOf(err))
			}
			_, err := h.People.SignInStudent(t.Context(), policy, storagetest.Credentials(p, p.Initial))
			require.NoError(t, err)
		}
	})

	t.Run("an unknown number is told what a wrong password is told", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		_, known := h.People.SignInStudent(t.Context(), h.Policy().SignIn, storagetest.Credentials(p, "wrong1234"))
		_, unknown := h.People.SignInStudent(t.Context(), h.Policy().SignIn,
			people.Credentials{University: p.University, Name: "0", Password: "wrong1234"})
		require.Equal(t, known, unknown)
	})

	t.Run("a number belongs to one university", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		h.University("lcvtc")
		_, err := h.People.SignInStudent(t.Context(), h.Policy().SignIn,
			people.Credentials{University: "lcvtc", Name: p.Roster.Number, Password: p.Initial})
		require.Equal(t, "wrong_password", campus.ReasonOf(err))
	})
}

// F5: in a row and on one day. What was entered yesterday does not count today, whether it locked the sign-in or not.
func TestWrongEntriesOfYesterdayDoNotCount(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct{ yesterday, locks int }{
		"all but one": {4, 1}, "all, so that it was locked": {5, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := storagetest.New(t)
			l := &lockTest{h, t, h.Person(), h.Policy().SignIn}
			number := l.person.Roster.Number
			for range of.yesterday {
				require.Equal(t, "wrong_password", storagetest.Outcome(l.enter(number, "wrong1234", "", "home")))
			}
			l.Clock.Advance(campus.DateOf(l.Clock.Now()).End().Sub(l.Clock.Now()))
			for range l.policy.WrongEntries - 1 {
				require.Equal(t, "wrong_password", storagetest.Outcome(l.enter(number, "wrong1234", "", "home")))
			}
			seen, err := l.People.WrongEntries(t.Context(), time.Minute)
			require.NoError(t, err)
			require.Equal(t, people.WrongEntries{Entries: 4, Accounts: 1}, seen, "nor is the lock of yesterday one of today")
			require.Equal(t, "wrong_password", storagetest.Outcome(l.enter(number, "wrong1234", "", "home")))
			require.Equal(t, "sign_in_locked", storagetest.Outcome(l.enter(number, l.person.Initial, "", "home")))
			require.Equal(t, of.locks, storagetest.Count(h, `audit where action = 'sign_in.lock'`))
		})
	}
}

// F5: a right entry takes back itself and what came before it. Wrong ones that were counted while its password was
// compared stay.
func TestARightEntryTakesBackWhatItCounted(t *testing.T) {
	t.Parallel()
	for name, later := range map[string]int{"nothing came after it": 0, "two came after it": 2,
		"those that came after it have locked": 4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := storagetest.New(t)
			l := &lockTest{h, t, h.Person(), h.Policy().SignIn}
			number := l.person.Roster.Number
			h.ExecAsOwner(fmt.Sprintf(`create function come_after() returns trigger language plpgsql as $$ begin
				update sign_in_entries set wrong = wrong + %[1]d, locked_at = case when %[1]d = 4 then wrong_at end; return null; end $$`, later))
			h.ExecAsOwner(`create trigger come_after after insert on sign_in_entries for each row execute function come_after()`)
			require.NoError(t, l.enter(number, l.person.Initial, "", "home"))
			require.Equal(t, later, storagetest.One[int](h, `select wrong from sign_in_entries where locked_at is null`))
			for range l.policy.WrongEntries - later {
				require.Equal(t, "wrong_password", storagetest.Outcome(l.enter(number, "wrong1234", "", "stranger")))
			}
			require.Equal(t, "sign_in_locked", storagetest.Outcome(l.enter(number, "wrong1234", "", "stranger")))
		})
	}
}

// F5: what is entered for a number or a username counts at its university and at its kind of sign-in alone.
func TestEntriesCountForOneAccount(t *testing.T) {
	t.Parallel()
	const name = "2026009999"
	for what, of := range map[string]struct {
		enter   func(l *lockTest, university, password string) error
		refused string
	}{
		"the number of a holder": {func(l *lockTest, university, password string) error {
			return storagetest.Err(l.People.SignInStudent(l.t.Context(), l.policy,
				people.Credentials{University: university, Name: name, Password: password}))
		}, "sign_in_locked"},
		"the code of a number": {func(l *lockTest, university, password string) error {
			return storagetest.Err(l.People.SignInStudent(l.t.Context(), l.policy,
				people.Credentials{University: university, Name: name,
					Password: password, Code: "0000000x", Address: "shared"}))
		}, "code_delayed"},
		"the username of staff": {func(l *lockTest, university, password string) error {
			return storagetest.Err(l.People.SignInStaff(l.t.Context(), l.policy,
				people.Credentials{University: university, Name: name,
					Password: password, Address: "shared"}))
		}, "sign_in_delayed"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			h := storagetest.New(t)
			l := &lockTest{h, t, h.Person(func(p *people.RosterPerson) { p.Number = name }), h.Policy().SignIn}
			h.University("lcvtc")
			there := h.PersonOf("lcvtc", func(p *people.RosterPerson) { p.Number = name })
			for _, university := range []string{storagetest.University, "lcvtc"} {
				require.NoError(t, h.People.SeedStaff(t.Context(), []people.StaffSeed{
					{University: university, Username: name, Name: "王老师", Password: staffPassword},
				}))
			}
			for range 5 {
				require.NotEqual(t, of.refused, storagetest.Outcome(of.enter(l, storagetest.University, "wrong1234")))
			}
			require.Equal(t, of.refused, storagetest.Outcome(of.enter(l, storagetest.University, "wrong1234")))
			require.NotEqual(t, of.refused, storagetest.Outcome(of.enter(l, "lcvtc", "wrong1234")), "of the other university")
			holder := people.Credentials{University: "lcvtc", Name: name, Password: there.Initial, Address: "shared"}
			require.NoError(t, storagetest.Err(l.People.SignInStudent(t.Context(), l.policy, holder)))
			if of.refused != "sign_in_delayed" {
				staff := people.Credentials{University: storagetest.University, Name: name, Password: staffPassword,
					Address: "shared"}
				require.NoError(t, storagetest.Err(l.People.SignInStaff(t.Context(), l.policy, staff)), "of the other kind")
			}
		})
	}
}

// A number counts as it is typed: width, blanks and case do not matter, and the spellings of one number share one count
// (F5). A number that nobody has is told the same.
func TestSpellingsOfANumber(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	l := &lockTest{h, t, h.Person(func(p *people.RosterPerson) { p.Number, p.Status = "T2012001", "employed" }),
		h.Policy().SignIn}
	spellings := []string{"t2012001", "T2012001", "ｔ2012001", " t 2012001", "Ｔ２０１２００１"}
	for _, number := range spellings {
		require.NoError(t, l.enter(number, l.person.Initial, "", "home"), "%q", number)
	}
	nobody := strings.NewReplacer("t", "x", "T", "X", "ｔ", "ｘ", "Ｔ", "Ｘ")
	for whose, spell := range map[string]func(string) string{"a holder": strings.Clone, "nobody": nobody.Replace} {
		var told []string
		for _, number := range append(spellings, "t2012001") {
			told = append(told, storagetest.Outcome(l.enter(spell(number), "wrong1234", "", "home")))
		}
		require.Equal(t, []string{"wrong_password", "wrong_password", "wrong_password", "wrong_password",
			"wrong_password", "sign_in_locked"}, told, whose)
	}
	codes := l.askCode("ｔ2012001")
	require.Len(t, codes, 1)
	require.NoError(t, l.enter("t2012001", l.person.Initial, codes[0], "home"))
}

// F5: what an entry costs does not tell whether anybody has the number or the username.
func TestUnknownAndKnownCostTheSameHashing(t *testing.T) {
	t.Parallel()
	s := employ(t, "wang", "retired")
	h := s.Env
	h.Exec(`update staff set retired_at = now() where username = 'retired'`)
	l := &lockTest{h, t, h.Person(), h.Policy().SignIn}
	own := h.Person()
	h.Exec(`update people set password_hash = (select password_hash from staff where username = 'wang') where id = $1`,
		own.ID)
	taken := h.People.SeeHashing()
	for name, test := range map[string]struct {
		password, code string
		want           int
	}{
		"a wrong password":                        {"wrong1234", "", 1},
		"a wrong password that has another form":  {"ｗｒｏｎｇ1234", "", 2},
		"a wrong password with a code of nothing": {"wrong1234", "12345678", 0},
	} {
		all := make([]string, test.want)
		for i := range all {
			all[i] = "2 passes over 19456 KiB"
		}
		for whose, number := range map[string]string{
			"nobody": "1999000001", "who has the initial password": l.person.Roster.Number, "who has their own": own.Roster.Number,
		} {
			require.Error(t, l.enter(number, test.password, test.code, "home"))
			require.ElementsMatch(t, all, taken(), "%s, %s", name, whose)
		}
		for _, username := range []string{"wang", "retired", "nobody"} {
			require.Error(t, s.enter(username, test.password, "home of "+username))
			require.Len(t, taken(), max(test.want, 1), "%s, staff, %s", name, username)
		}
	}
}

func TestFirstSignIn(t *testing.T) {
	t.Parallel()

	t.Run("code and new password open a full session and end the others", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		who, token := storagetest.SignInFirst(t, h, p)
		other := h.InitialSession(p.ID)
		sent, err := h.People.SendPhoneCode(t.Context(), storagetest.Request(campus.Student(p.ID)), h.Policy().SignIn, who)
		require.NoError(t, err)
		require.Equal(t, p.Roster.Phone[7:], sent.Phone)
		session, err := h.People.SetFirstPassword(t.Context(), h.Policy().SignIn, who, h.PhoneCode(t.Context()),
			"correct horse 7")
		require.NoError(t, err)
		require.Equal(t, people.FullSession, session.Level)

		found, err := h.People.FindSession(t.Context(), session.Token)
		require.NoError(t, err)
		require.Equal(t, p.ID, found.Person.ID)
		for _, old := range []string{token, other} {
			_, err = h.People.FindSession(t.Context(), old)
			require.Equal(t, campus.Unauthenticated, campus.CodeOf(err))
		}
		_, err = h.People.SignInStudent(t.Context(), h.Policy().SignIn, storagetest.Credentials(p, p.Initial))
		require.Equal(t, "wrong_password", campus.ReasonOf(err), "the initial password is over")
		again, err := h.People.SignInStudent(t.Context(), h.Policy().SignIn, storagetest.Credentials(p, "correct horse 7"))
		require.NoError(t, err)
		require.Equal(t, people.FullSession, again.Level)
	})

	t.Run("two at once set one password", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		who, _ := storagetest.SignInFirst(t, h, p)
		_, err := h.People.SendPhoneCode(t.Context(), storagetest.Request(campus.Student(p.ID)), h.Policy().SignIn, who)
		require.NoError(t, err)
		code := h.PhoneCode(t.Context())
		errs := make([]error, 2)
		var both sync.WaitGroup
		for i := range errs {
			both.Go(func() {
				_, errs[i] = h.People.SetFirstPassword(t.Context(), h.Policy().SignIn, who, code, "correct horse 7")
			})
		}
		both.Wait()
		require.True(t, (errs[0] == nil) != (errs[1] == nil), "%v, %v", errs[0], errs[1])
	})

	t.Run("a phone nobody can be reached at is said", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person(func(r *people.RosterPerson) { r.Phone = "0635-8230000" })
		who, _ := storagetest.SignInFirst(t, h, p)
		_, err := h.People.SendPhoneCode(t.Context(), storagetest.Request(campus.Student(p.ID)), h.Policy().SignIn, who)
		require.Equal(t, "phone_missing", campus.ReasonOf(err))
	})
}

func TestPhoneCodes(t *testing.T) {
	t.Parallel()

	t.Run("the fifth wrong try at once is the last", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		who, _ := storagetest.SignInFirst(t, h, p)
		_, err := h.People.SendPhoneCode(t.Context(), storagetest.Request(campus.Student(p.ID)), h.Policy().SignIn, who)
		require.NoError(t, err)
		code := h.PhoneCode(t.Context())
		var mu sync.Mutex
		reasons := map[string]int{}
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				_, err := h.People.SetFirstPassword(t.Context(), h.Policy().SignIn, who, "000000x", "correct horse 7")
				mu.Lock()
				defer mu.Unlock()
				reasons[campus.ReasonOf(err)]++
			})
		}
		all.Wait()
		require.Equal(t, map[string]int{"code_wrong": 5, "code_locked": 7}, reasons)
		_, err = h.People.SetFirstPassword(t.Context(), h.Policy().SignIn, who, code, "correct horse 7")
		require.Equal(t, "code_locked", campus.ReasonOf(err))
	})

	t.Run("a code dies of age, of a newer one, and in another session", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		who, _ := storagetest.SignInFirst(t, h, p)
		send := func() string {
			_, err := h.People.SendPhoneCode(t.Context(), storagetest.Request(campus.Student(p.ID)), h.Policy().SignIn, who)
			require.NoError(t, err)
			return h.PhoneCode(t.Context())
		}
		refused := func(who people.Principal, code, reason string) {
			_, err := h.People.SetFirstPassword(t.Context(), h.Policy().SignIn, who, code, "correct horse 7")
			require.Equal(t, reason, campus.ReasonOf(err))
		}
		first := send()
		elsewhere, err := h.People.FindSession(t.Context(), h.InitialSession(p.ID))
		require.NoError(t, err)
		refused(elsewhere, first, "code_expired")
		h.Clock.Advance(time.Second)
		second := send()
		if first != second {
			refused(who, first, "code_wrong")
		}
		h.Clock.Advance(h.Policy().SignIn.PhoneCode.Std())
		refused(who, second, "code_expired")
	})

	t.Run("no more than the policy allows in an hour, also at once", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		who, _ := storagetest.SignInFirst(t, h, p)
		var mu sync.Mutex
		reasons := map[string]int{}
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				_, err := h.People.SendPhoneCode(t.Context(), storagetest.Request(campus.Student(p.ID)), h.Policy().SignIn, who)
				mu.Lock()
				defer mu.Unlock()
				reasons[campus.ReasonOf(err)]++
			})
		}
		all.Wait()
		require.Equal(t, map[string]int{"": 5, "too_many_codes": 7}, reasons)
		require.Equal(t, 5, storagetest.One[int](h, `select count(*) from notices where template = 'notice.phone_code'`))
	})
}

func TestSessions(t *testing.T) {
	t.Parallel()

	t.Run("the table keeps hashes only", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		_, token := storagetest.SignInFirst(t, h, h.Person())
		require.Zero(t, storagetest.One[int](h, `select count(*) from sessions where token_hash = $1`, []byte(token)))
	})

	t.Run("it ends when it expires and when it is revoked", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		who, token := storagetest.SignInFirst(t, h, p)
		other := h.SignedIn(p.ID)
		require.NoError(t, h.People.EndSession(t.Context(), who.Session))
		_, err := h.People.FindSession(t.Context(), token)
		require.Equal(t, "session_over", campus.ReasonOf(err))
		_, err = h.People.FindSession(t.Context(), other)
		require.NoError(t, err)
		h.Clock.Advance(31 * 24 * time.Hour)
		_, err = h.People.FindSession(t.Context(), other)
		require.Equal(t, "session_over", campus.ReasonOf(err))
	})

	t.Run("staff: seeded twice, signed in, retired", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		h.University(storagetest.University)
		seed := []people.StaffSeed{{University: storagetest.University, Username: "wang", Name: "王老师",
			Password: "a good pass 1",
			Grants:   []campus.Grant{{Role: campus.Reviewer, Campuses: []string{storagetest.EastCampus}}}}}
		require.NoError(t, h.People.SeedStaff(t.Context(), seed))
		hash := storagetest.One[string](h, `select password_hash from staff`)
		require.NoError(t, h.People.SeedStaff(t.Context(), seed))
		require.Equal(t, hash, storagetest.One[string](h, `select password_hash from staff`))

		session, err := h.People.SignInStaff(t.Context(), h.Policy().SignIn,
			people.Credentials{University: storagetest.University, Name: "wang", Password: "a good pass 1"})
		require.NoError(t, err)
		who, err := h.People.FindSession(t.Context(), session.Token)
		require.NoError(t, err)
		require.Nil(t, who.Person)
		require.True(t, who.Staff.May(campus.ReviewCases, storagetest.EastCampus))
		require.False(t, who.Staff.May(campus.ReviewCases, storagetest.WestCampus))
		h.Exec(`update staff set retired_at = now()`)
		_, err = h.People.FindSession(t.Context(), session.Token)
		require.Equal(t, "session_over", campus.ReasonOf(err))
		_, err = h.People.SignInStaff(t.Context(), h.Policy().SignIn,
			people.Credentials{University: storagetest.University, Name: "wang", Password: "a good pass 1"})
		require.Equal(t, "wrong_password", campus.ReasonOf(err), "who has left does not sign in")
	})
}

func TestKiosks(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.University(storagetest.University)
	found, secret, err := h.People.KioskSecret(t.Context(), storagetest.EastKiosk)
	require.NoError(t, err)
	require.Equal(t, storagetest.KioskSecret, string(secret))
	require.Equal(t, storagetest.EastCampus, found.Campus)
	require.NotContains(t, string(storagetest.One[[]byte](h, `select secret from kiosks limit 1`)),
		storagetest.KioskSecret)
	_, _, err = h.People.KioskSecret(t.Context(), "lcu-moon-1")
	require.Equal(t, campus.NotFound, campus.CodeOf(err))

	nonce := uuid.NewString()
	require.NoError(t, h.People.UseNonce(t.Context(), found.ID, nonce))
	require.Equal(t, "nonce_used", campus.ReasonOf(h.People.UseNonce(t.Context(), found.ID, nonce)))
	require.NoError(t, h.People.UseNonce(t.Context(), "another", nonce))
	h.Clock.Advance(2 * time.Hour)
	_, err = h.DropExpired(t.Context(), 10)
	require.NoError(t, err)
	require.NoError(t, h.People.UseNonce(t.Context(), found.ID, nonce))
}
