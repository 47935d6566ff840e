package storage_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/storage"
	"campuscard/storage/casework"
	"campuscard/storage/people"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
)

// colleagues are members of staff on the roster of a university, by their numbers.
func colleagues(h *storagetest.Env, university string, n int) []string {
	numbers := make([]string, n)
	for i := range numbers {
		h.PersonOf(university, func(p *people.RosterPerson) {
			p.Status, p.Level, p.Number = "employed", "staff", fmt.Sprintf("T%04d", i)
		})
		numbers[i] = fmt.Sprintf("T%04d", i)
	}
	return numbers
}

// submit is a call of the HR system of a university: id and body are the sender's.
func submit(t *testing.T, h *storagetest.Env, university, id, body string, numbers ...string) ([]storage.Submission,
	error) {
	t.Helper()
	call := casework.Callback{Sender: casework.HRSender(university), ID: id, BodyHash: production.BodyHash([]byte(body))}
	return h.SubmitEmployees(t.Context(), call, university, numbers, "1")
}

// A2: whatever HR sends at once, each call is answered, and each employee has one application.
func TestSubmissionsAtOnce(t *testing.T) {
	t.Parallel()
	for name, idOf := range map[string]func(i int) string{
		"eight calls about the same people":    func(i int) string { return fmt.Sprint(i) },
		"the same call, delivered eight times": func(int) string { return "1" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := storagetest.New(t)
			h.University(storagetest.University)
			numbers := colleagues(h, storagetest.University, 5)
			answers := make([][]storage.Submission, 8)
			errs := storagetest.AtOnce(8, func(i int) (err error) {
				asked := slices.Clone(numbers)
				if i%2 == 1 && idOf(0) != idOf(1) { // in another order: nobody may wait for another in a circle
					slices.Reverse(asked)
				}
				answers[i], err = submit(t, h, storagetest.University, idOf(i), "body", asked...)
				return err
			})
			require.Equal(t, map[string]int{"done": 8}, storagetest.Outcomes(errs))
			opened := map[uuid.UUID]int{}
			for _, answer := range answers {
				require.Len(t, answer, 5)
				for _, employee := range answer {
					if employee.Outcome == "opened" {
						opened[employee.ID]++
					} else {
						require.Equal(t, "application_open", employee.Outcome)
					}
				}
			}
			require.Len(t, opened, 5)
			if idOf(0) == idOf(1) {
				for _, times := range opened {
					require.Equal(t, 8, times, "each gets the answer of the first")
				}
			}
			require.Equal(t, 5, storagetest.Count(h, `applications`))
		})
	}
}

// A2: who submits the same people at the same moment waits before anything of theirs is opened, in whatever order the
// calls name them.
func TestSubmissionsOfTheSamePeopleWait(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.University(storagetest.University)
	numbers := colleagues(h, storagetest.University, 2)
	release := storagetest.HoldCommits(t, h, "applications")
	var errs []error
	var all sync.WaitGroup
	all.Go(func() {
		errs = storagetest.AtOnce(2, func(i int) error {
			return storagetest.Err(submit(t, h, storagetest.University, fmt.Sprint(i), "body", numbers[i], numbers[1-i]))
		})
	})
	require.Eventually(t, func() bool {
		return storagetest.LockWaits(h, "%") == 2 && storagetest.LockWaits(h, "select 1 from people%") == 1
	}, 20*time.Second, 10*time.Millisecond)
	release()
	all.Wait()
	require.Equal(t, map[string]int{"done": 2}, storagetest.Outcomes(errs))
	require.Equal(t, 2, storagetest.Count(h, `applications`))
}

// An id of a call-back is its sender's: another sender may use it too, and the same sender only for the same.
func TestIDsOfCallbacks(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.University(storagetest.University)
	h.University("lcvtc")
	mine, theirs := colleagues(h, storagetest.University, 2), colleagues(h, "lcvtc", 1)

	first, err := submit(t, h, storagetest.University, "1", "mine", mine[0])
	require.NoError(t, err)
	other, err := submit(t, h, "lcvtc", "1", "theirs", theirs...)
	require.NoError(t, err)
	require.Equal(t, "opened", other[0].Outcome, "another sender's id is another id")

	before := storagetest.Everything(t, h)
	again, err := submit(t, h, storagetest.University, "1", "mine", mine[0])
	require.NoError(t, err)
	require.Equal(t, first, again, "the same call again is answered as the first")
	_, err = submit(t, h, storagetest.University, "1", "another", mine[1])
	require.Equal(t, "callback_conflict", storagetest.Outcome(err), "another call under its id is not a repetition")
	require.Equal(t, before, storagetest.Everything(t, h))

	_, err = submit(t, h, storagetest.University, "2", "unknown", "T9999")
	require.Equal(t, "employee_unknown", storagetest.Outcome(err))
	h.PersonOf(storagetest.University,
		func(p *people.RosterPerson) { p.Status, p.Level, p.Number = "employed", "staff", "T9999" })
	later, err := submit(t, h, storagetest.University, "2", "unknown", "T9999")
	require.NoError(t, err, "what was refused may be sent again")
	require.Equal(t, "opened", later[0].Outcome)
}
