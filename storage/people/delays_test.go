package people_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

// staffTest is a university with staff who have passwords.
type staffTest struct {
	*storagetest.Env
	t      *testing.T
	policy campus.SignInPolicy
}

const staffPassword = "a good pass 1"

func employ(t *testing.T, usernames ...string) *staffTest {
	t.Helper()
	h := storagetest.New(t)
	h.University(storagetest.University)
	for _, username := range usernames {
		require.NoError(t, h.People.SeedStaff(t.Context(),
			[]people.StaffSeed{{University: storagetest.University, Username: username, Name: "王老师",
				Password: staffPassword}}))
	}
	return &staffTest{h, t, h.Policy().SignIn}
}

func (s *staffTest) enter(username, password, address string) error {
	return storagetest.Err(s.People.SignInStaff(s.t.Context(), s.policy,
		people.Credentials{University: storagetest.University, Name: username,
			Password: password, Address: address}))
}

// Staff are not locked: who enters a wrong password waits, and nobody else does for long.
func TestStaffWaitInsteadOfBeingLocked(t *testing.T) {
	t.Parallel()

	t.Run("of many at once so many are looked at as are free, known or not", func(t *testing.T) {
		t.Parallel()
		s := employ(t, "wang")
		free := s.policy.StaffDelays.Pair.Free
		for _, username := range []string{"wang", "nobody"} {
			errs := storagetest.AtOnce(40, func(int) error { return s.enter(username, "wrong", username) })
			require.Equal(t, map[string]int{"wrong_password": free, "sign_in_delayed": 40 - free}, storagetest.Outcomes(errs))
			require.Equal(t, 2*time.Second, waitOf(s.enter(username, staffPassword, username)))
		}
		require.NoError(t, s.enter("wang", staffPassword, "office"), "at once from elsewhere")
		require.Equal(t, 1, storagetest.Count(s.Env, `audit where action = 'sign_in.delay' and subject like 'staff/%'`))
	})

	t.Run("right ones at once wait for nobody", func(t *testing.T) {
		t.Parallel()
		s := employ(t, "wang")
		over := make(chan struct{})
		var clock sync.WaitGroup
		clock.Go(func() { // an entry may begin before another ends, and be counted after it
			for {
				select {
				case <-over:
					return
				default:
					s.Clock.Advance(time.Millisecond)
				}
			}
		})
		errs := storagetest.AtOnce(60, func(int) error { return s.enter("wang", staffPassword, "office") })
		close(over)
		clock.Wait()
		require.Equal(t, map[string]int{"done": 60}, storagetest.Outcomes(errs))
	})

	t.Run("the wait grows, ends, and a right entry begins anew", func(t *testing.T) {
		t.Parallel()
		s := employ(t, "wang", "nobody")
		s.Exec(`update staff set retired_at = now() where username = 'nobody'`)
		for _, username := range []string{"wang", "nobody"} {
			var waits []time.Duration
			for n := 0; len(waits) < 10; n++ {
				require.Less(t, n, 60, "it never waits")
				err := s.enter(username, "wrong", "stranger of "+username)
				if storagetest.Outcome(err) == "wrong_password" {
					continue
				}
				waits = append(waits, waitOf(err))
				s.Clock.Advance(waitOf(err))
			}
			require.Equal(t, 2*time.Second, waits[0])
			require.Equal(t, 4*time.Second, waits[1])
			require.Equal(t, 8*time.Second, waits[2])
			require.Equal(t, 5*time.Minute, waits[9])
		}
		require.NoError(t, s.enter("wang", staffPassword, "stranger of wang"))
		for range s.policy.StaffDelays.Pair.Free {
			require.Equal(t, "wrong_password", storagetest.Outcome(s.enter("wang", "wrong", "stranger of wang")))
		}
		require.Equal(t, 2*time.Second, waitOf(s.enter("wang", "wrong", "stranger of wang")))
	})

	t.Run("strangers at many addresses hold nobody up", func(t *testing.T) {
		t.Parallel()
		s := employ(t, "wang")
		require.NoError(t, s.enter("wang", staffPassword, "office"))
		attack := func() {
			storagetest.AtOnce(60, func(i int) error { return s.enter("wang", "wrong", fmt.Sprint("stranger ", i)) })
		}
		attack()
		held := s.enter("wang", staffPassword, "hotel")
		require.Equal(t, "sign_in_delayed", storagetest.Outcome(held))
		require.LessOrEqual(t, waitOf(held), 5*time.Second, "a little, where the account was never used")
		require.NoError(t, s.enter("wang", staffPassword, "office"), "not at all where it is used")
		for range 30 {
			s.Clock.Advance(5 * time.Second)
			attack()
		}
		require.NoError(t, s.enter("wang", staffPassword, "office"))
		require.LessOrEqual(t, waitOf(s.enter("wang", staffPassword, "hotel")), 5*time.Second, "however long it lasts")
		s.Clock.Advance(s.policy.UsualAddress.Std())
		attack()
		require.Equal(t, "sign_in_delayed", storagetest.Outcome(s.enter("wang", staffPassword, "office")),
			"it was not used for long")
	})

	t.Run("one address that tries everybody waits", func(t *testing.T) {
		t.Parallel()
		s := employ(t, "wang")
		require.NoError(t, s.enter("wang", staffPassword, "stranger"), "they share the address with staff")
		errs := storagetest.AtOnce(60, func(i int) error { return s.enter(fmt.Sprint("user", i), "wrong", "stranger") })
		free := s.policy.StaffDelays.Address.Free
		require.Equal(t, map[string]int{"wrong_password": free, "sign_in_delayed": 60 - free}, storagetest.Outcomes(errs))
		require.NoError(t, s.enter("wang", staffPassword, "stranger"), "who is usually there does not")
		for range 20 {
			s.Clock.Advance(waitOf(s.enter("user1", "wrong", "stranger")))
			require.Equal(t, "wrong_password", storagetest.Outcome(s.enter(uuid.NewString(), "wrong", "stranger")))
		}
		require.LessOrEqual(t, waitOf(s.enter("user1", "wrong", "stranger")), time.Minute)
		s.Clock.Advance(time.Hour)
		require.Equal(t, "wrong_password", storagetest.Outcome(s.enter("user1", "wrong", "stranger")), "it is forgotten")
	})

	t.Run("a right entry takes back its own count, so that who has one account does not try all others",
		func(t *testing.T) {
			t.Parallel()
			s := employ(t, "wang", "li")
			delays := s.policy.StaffDelays
			var tried []error
			for i := range delays.Address.Free + 5 {
				tried = append(tried, s.enter(fmt.Sprint("user", i), "wrong", "stranger"))
				require.NoError(t, s.enter("wang", staffPassword, "stranger"), "who is usually there is let in")
			}
			require.Equal(t, map[string]int{"wrong_password": delays.Address.Free, "sign_in_delayed": 5},
				storagetest.Outcomes(tried), "an address")
			tried = nil
			for i := range delays.Account.Free + 5 {
				tried = append(tried, s.enter("li", "wrong", fmt.Sprint("hotel", i)))
				if i < delays.Account.Free-1 {
					require.NoError(t, s.enter("li", staffPassword, "office"))
				}
			}
			require.Equal(t, map[string]int{"wrong_password": delays.Account.Free, "sign_in_delayed": 5},
				storagetest.Outcomes(tried), "an account")
		})

	t.Run("a right entry takes back the wait that it began, and no longer one", func(t *testing.T) {
		t.Parallel()
		s := employ(t, "wang", "li")
		delays := s.policy.StaffDelays
		for i := range delays.Account.Free - 1 {
			require.Equal(t, "wrong_password", storagetest.Outcome(s.enter("wang", "wrong", fmt.Sprint("stranger", i))))
		}
		require.NoError(t, s.enter("wang", staffPassword, "office"), "the last that is free")
		require.NoError(t, s.enter("wang", staffPassword, "hotel"), "nothing waits at the account")
		for i := range delays.Address.Free - 1 {
			require.Equal(t, "wrong_password", storagetest.Outcome(s.enter(fmt.Sprint("user", i), "wrong", "shared")))
		}
		require.NoError(t, s.enter("wang", staffPassword, "shared"), "the last that is free")
		require.NoError(t, s.enter("li", staffPassword, "shared"), "nothing waits at the address")
		for range delays.Pair.Free - 1 {
			require.Equal(t, "wrong_password", storagetest.Outcome(s.enter("li", "wrong", "desk")))
		}
		require.NoError(t, s.enter("li", staffPassword, "desk"), "the last that is free")
		require.NoError(t, s.enter("li", staffPassword, "desk"), "nothing waits at the account from that address")
		// Another entry makes it wait longer while the password is compared.
		s.ExecAsOwner(`create function come_after() returns trigger language plpgsql as $$ begin
			update entry_delays set level = level + 1, until = until + interval '1 second' where key = new.key; return null; end $$`)
		s.ExecAsOwner(`create trigger come_after after update on entry_delays for each row
			when (old.until < '2000-01-01' and new.until > '2000-01-01' and new.account is not null) execute function come_after()`)
		for range delays.Pair.Free - 1 {
			require.Equal(t, "wrong_password", storagetest.Outcome(s.enter("li", "wrong", "yard")))
		}
		require.NoError(t, s.enter("li", staffPassword, "yard"), "the last that is free")
		require.NoError(t, s.enter("li", staffPassword, "yard"),
			"everything has begun anew for the account from that address")
		require.NoError(t, s.enter("wang", staffPassword, "library"))
		require.Equal(t, 2*time.Second, waitOf(s.enter("wang", staffPassword, "house")),
			"the longer one of the account holds")
	})

	t.Run("what is over is swept, and usual addresses stay", func(t *testing.T) {
		t.Parallel()
		s := employ(t, "wang")
		require.NoError(t, s.enter("wang", staffPassword, "office"))
		require.Equal(t, "wrong_password", storagetest.Outcome(s.enter("wang", "wrong", "stranger")))
		s.Clock.Advance(25 * time.Hour)
		require.NoError(t, storagetest.Err(s.DropExpired(t.Context(), 100)))
		require.Equal(t, 1, storagetest.Count(s.Env, `entry_delays`))
		s.Clock.Advance(100 * 24 * time.Hour)
		require.NoError(t, storagetest.Err(s.DropExpired(t.Context(), 100)))
		require.Zero(t, storagetest.Count(s.Env, `entry_delays`))
	})
}

// F5: a release ends no wait of an address: it is of all who try there, and short. Elsewhere the colleague signs in.
func TestAReleaseLeavesTheAddressWaiting(t *testing.T) {
	t.Parallel()
	s := employ(t, "wang")
	boss, _ := s.Staff(storagetest.University, campus.Grant{Role: campus.Administrator})
	for i := range s.policy.StaffDelays.Address.Free {
		require.Equal(t, "wrong_password", storagetest.Outcome(s.enter(fmt.Sprint("nobody-", i), "wrong", "hall")), i)
	}
	require.NoError(t, s.People.ReleaseStaff(t.Context(), storagetest.Request(campus.Staff(boss.ID)), boss, "wang"))
	require.Equal(t, "sign_in_delayed", storagetest.Outcome(s.enter("wang", staffPassword, "hall")))
	require.NoError(t, s.enter("wang", staffPassword, "office"))
	s.Clock.Advance(s.policy.StaffDelays.Address.Most.Std())
	require.NoError(t, s.enter("wang", staffPassword, "hall"))
}

// An administrator ends the wait of a colleague.
func TestReleasingStaff(t *testing.T) {
	t.Parallel()
	s := employ(t, "wang", "li")
	s.University("lcvtc")
	administrator := campus.Grant{Role: campus.Administrator}
	boss, _ := s.Staff(storagetest.University, administrator)
	foreigner, _ := s.Staff("lcvtc", administrator)
	release := func(who campus.StaffMember, username string) error {
		return s.People.ReleaseStaff(t.Context(), storagetest.Request(campus.Staff(who.ID)), who, username)
	}
	for _, username := range []string{"wang", "li"} {
		storagetest.AtOnce(10, func(int) error { return s.enter(username, "wrong", "office") })
		require.Equal(t, "sign_in_delayed", storagetest.Outcome(s.enter(username, staffPassword, "office")))
	}
	require.Equal(t, "username_unknown", storagetest.Outcome(release(foreigner, "wang")))
	require.Equal(t, "username_unknown", storagetest.Outcome(release(boss, "nobody")))
	require.Equal(t, "sign_in_delayed", storagetest.Outcome(s.enter("wang", staffPassword, "office")))
	require.NoError(t, release(boss, "wang"))
	for range s.policy.StaffDelays.Pair.Free { // its level ends, too: so many are free as at the beginning
		require.Equal(t, "wrong_password", storagetest.Outcome(s.enter("wang", "wrong", "office")))
	}
	require.Equal(t, "sign_in_delayed", storagetest.Outcome(s.enter("wang", staffPassword, "office")))
	require.NoError(t, release(boss, "wang"))
	require.NoError(t, s.enter("wang", staffPassword, "office"))
	require.Equal(t, "sign_in_delayed", storagetest.Outcome(s.enter("li", staffPassword, "office")), "of nobody else")
	require.Equal(t, 2, storagetest.Count(s.Env,
		`audit where action = 'sign_in.release' and actor = $1 and subject = 'staff/' || (select id from staff where username = 'wang')`,
		campus.Staff(boss.ID).String()))
}
