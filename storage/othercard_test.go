package storage_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
)

// again is another application at the same house, of a person who has the document and the name of the story's.
func (s *story) again(change ...func(*storage.RosterPerson)) *story {
	s.t.Helper()
	person := s.Person(append([]func(*storage.RosterPerson){func(p *storage.RosterPerson) {
		p.DocumentNumber, p.Name = s.person.Roster.DocumentNumber, s.person.Roster.Name
	}}, change...)...)
	return &story{House: s.House, t: s.t, person: person, application: s.Applied(person)}
}

// activates is the holder activating the approved card.
func (s *story) activates() error {
	m := s.activated()
	return s.answered(m, second(s.ActivateCard(s.t.Context(), m, s.activation())))
}

func (s *story) cardState() campus.CardState {
	card, err := s.Card(s.t.Context(), s.card)
	require.NoError(s.t, err)
	return card.State
}

// D4: one human has one card, under whatever numbers the roster has them.
func TestOneCardForOneHuman(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*storage.RosterPerson)
		status string // under the first number, by then
		want   string
	}{
		"a student twice":                            {func(*storage.RosterPerson) {}, "registered", "other_card_active"},
		"a student who has become another student":   {func(*storage.RosterPerson) {}, "graduated", "done"},
		"an employee who studies here":               {func(*storage.RosterPerson) {}, "employed", "done"},
		"somebody of another name with the document": {func(p *storage.RosterPerson) { p.Name = "李娜" }, "registered", "done"},
		"a namesake with another document": {func(p *storage.RosterPerson) { p.DocumentNumber = storagetest.ResidentNumber(900) },
			"registered", "done"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := apply(t).activate()
			second := first.again(test.change).approve()
			first.Exec(`update people set status = $1 where id = $2`, test.status, first.person.ID)
			before := count(first.House, "audit")
			require.Equal(t, test.want, outcome(second.activates()))
			active := count(first.House, "cards where state = 'active'")
			switch {
			case test.want != "done":
				require.Equal(t, campus.CardActive, first.cardState())
				require.Equal(t, campus.CardPending, second.cardState())
				require.Equal(t, before, count(first.House, "audit where action <> 'case.activate'"), "nothing was written")
			case test.status != "registered":
				require.Equal(t, 1, active)
				require.Equal(t, campus.CardReplaced, first.cardState())
				require.Equal(t, 1, count(first.House, "card_changes where to_state = 'replaced' and reason = 'role_changed' and actor like 'student/%'"))
				require.Equal(t, 1, count(first.House, "notices where template = 'notice.card_replaced' and person_id = $1", first.person.ID))
				require.Equal(t, 1, count(first.House, "audit where action = 'card.replace'"))
			default:
				require.Equal(t, 2, active, "they are two")
			}
		})
	}
}

// D4: at any instant, also when both are activated at this one.
func TestOneCardForOneHumanAtOnce(t *testing.T) {
	t.Parallel()
	first := apply(t)
	stories := []*story{first.approve()}
	for range 7 {
		stories = append(stories, first.again().approve())
	}
	moves, activations := make([]campus.Move, len(stories)), make([]storage.Activation, len(stories))
	for i, s := range stories {
		moves[i], activations[i] = s.activated(), s.activation()
	}
	blocker, err := connect(t, first.House).Begin(t.Context()) // all arrive before the first of them goes on
	require.NoError(t, err)
	_, err = blocker.Exec(t.Context(), `lock table card_changes in exclusive mode`)
	require.NoError(t, err)
	var errs []error
	var all sync.WaitGroup
	all.Go(func() {
		errs = atOnce(len(stories), func(i int) error { return second(first.ActivateCard(t.Context(), moves[i], activations[i])) })
	})
	require.Eventually(t, func() bool {
		return count(first.House, "pg_locks where not granted and relation = 'card_changes'::regclass") == len(stories)
	}, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, blocker.Commit(t.Context()))
	all.Wait()
	require.Equal(t, map[string]int{"done": 1, "other_card_active": len(stories) - 1}, outcomes(errs))
	require.Equal(t, 1, count(first.House, "cards where state = 'active'"))
}

// Reviewers see that the same human has a card under another number, before they approve.
func TestReviewsOfOneHumanAreMarked(t *testing.T) {
	t.Parallel()
	first := apply(t).activate()
	second := first.again()
	who := first.colleague(campus.Grant{Role: campus.Reviewer})
	item := second.open(campus.NewWorkItem{Kind: campus.ReviewItem})
	mark := func() string {
		t.Helper()
		one, err := first.WorkItem(t.Context(), who, item)
		require.NoError(t, err)
		list, err := first.WorkItems(t.Context(), who, storage.WorkItemFilter{Limit: 10})
		require.NoError(t, err)
		ofCase, err := first.CaseWorkItems(t.Context(), second.application.ID)
		require.NoError(t, err)
		require.Equal(t, []string{one.Mark, one.Mark}, []string{list[0].Mark, ofCase[0].Mark})
		return one.Mark
	}
	require.Equal(t, campus.OtherCardMark, mark())
	first.Exec(`update cards set state = 'pending'`)
	require.Equal(t, campus.OtherCardMark, mark(), "one that is about to be activated")
	first.Exec(`update people set status = 'employed' where id = $1`, first.person.ID)
	require.Equal(t, campus.OtherCardReplacedMark, mark())
	first.Exec(`update cards set state = 'closed'`)
	require.Empty(t, mark())
	first.Exec(`update cards set state = 'active'`)
	first.Exec(`update people set document_hash = $1 where id = $2`, []byte(uuid.NewString()), first.person.ID)
	require.Empty(t, mark(), "somebody else")
}

// No card ends before it has begun: the day on which the studies end is ahead, or there is none.
func TestNoCardEndsBeforeItBegins(t *testing.T) {
	t.Parallel()
	s := apply(t).approve()
	today := campus.DateOf(s.Clock.Now())
	for _, day := range []campus.Date{today.AddDays(-200), today.AddDays(-1), today} {
		require.NoError(t, s.KeepGraduation(t.Context(), s.person.ID, day))
		require.Equal(t, "studies_over", outcome(s.activates()), "%s", day)
		require.Equal(t, campus.CardPending, s.cardState())
	}
	require.NoError(t, s.KeepGraduation(t.Context(), s.person.ID, today.AddDays(1)))
	require.NoError(t, s.activates())
	card, err := s.Card(t.Context(), s.card)
	require.NoError(t, err)
	require.Equal(t, today.AddDays(1), card.ValidUntil)
}
