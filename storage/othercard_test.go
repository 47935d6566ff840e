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

func cardState(s *story) campus.CardState {
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
		card   campus.CardState
		want   string
	}{
		"a student twice":                            {same, "registered", campus.CardActive, "other_card_active"},
		"a student twice, whose card is frozen":      {same, "registered", campus.CardFrozen, "other_card_active"},
		"a student twice, whose card is lost":        {same, "registered", campus.CardLost, "other_card_active"},
		"a student twice, whose card is closed":      {same, "registered", campus.CardClosed, "done"},
		"a student who has become another student":   {same, "graduated", campus.CardActive, "done"},
		"an employee who studies here":               {same, "employed", campus.CardActive, "done"},
		"an employee whose card is lost":             {same, "employed", campus.CardLost, "done"},
		"somebody of another name with the document": {func(p *storage.RosterPerson) { p.Name = "李娜" }, "registered", campus.CardActive, "done"},
		"a namesake with another document": {func(p *storage.RosterPerson) { p.DocumentNumber = storagetest.ResidentNumber(900) },
			"registered", campus.CardActive, "done"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := apply(t).activate()
			second := again(first, test.change).approve()
			first.Exec(`update people set status = $1 where id = $2`, test.status, first.person.ID)
			first.Exec(`update cards set state = $1 where id = $2`, test.card, first.card)
			mark, err := second.OtherCard(t.Context(), second.application.ID)
			require.NoError(t, err)
			told := ""
			switch {
			case test.want != "done":
				told = campus.OtherCardMark
			case test.status != "registered":
				told = campus.OtherCardReplacedMark
			}
			require.Equal(t, told, mark, "what the holder is told before")
			before := count(first.House, "audit")
			require.Equal(t, test.want, outcome(second.activates()))
			held := count(first.House, "cards where state in ('active', 'frozen', 'lost')")
			switch {
			case test.want != "done":
				require.Equal(t, test.card, cardState(first))
				require.Equal(t, campus.CardPending, cardState(second))
				require.Equal(t, before, count(first.House, "audit where action <> 'case.activate'"), "nothing was written")
			case test.status != "registered":
				require.Equal(t, 1, held)
				require.Equal(t, campus.CardReplaced, cardState(first))
				require.Equal(t, 1, count(first.House, "card_changes where to_state = 'replaced' and reason = 'role_changed' and actor like 'student/%'"))
				require.Equal(t, 1, count(first.House, "notices where template = 'notice.card_replaced' and person_id = $1", first.person.ID))
				require.Equal(t, 1, count(first.House, "audit where action = 'card.replace'"))
			case test.card == campus.CardClosed:
				require.Equal(t, 1, held)
				require.Equal(t, campus.CardClosed, cardState(first))
			default:
				require.Equal(t, 2, held, "they are two")
			}
		})
	}
}

func same(*storage.RosterPerson) {}

// D4: of several cards under the other number all end that somebody holds or can have back, and no other.
func TestEveryCardOfTheOtherNumberIsReplaced(t *testing.T) {
	t.Parallel()
	first := apply(t).activate()
	ids := first.Twins(first.application, 4)
	for i, state := range []campus.CardState{campus.CardLost, campus.CardFrozen, campus.CardClosed, campus.CardLost} {
		first.Exec(`update cards set id = gen_random_uuid(), state = $1 where id = $2`, state, ids[i]) // an id of no case
	}
	second := again(first).approve()
	first.Exec(`update people set status = 'employed' where id = $1`, first.person.ID)
	require.NoError(t, second.activates())
	require.Equal(t, 1, count(first.House, "cards where state in ('active', 'frozen', 'lost')"))
	require.Equal(t, 4, count(first.House, "cards where state = 'replaced' and person_id = $1", first.person.ID))
	require.Equal(t, 1, count(first.House, "cards where state = 'closed'"))
	require.Equal(t, 4, count(first.House, "card_changes where to_state = 'replaced' and reason = 'role_changed'"))
	require.Equal(t, 4, count(first.House, "audit where action = 'card.replace'"))
}

// D4 is a rule of one university: who has a card at another keeps it.
func TestCardsOfTwoUniversities(t *testing.T) {
	t.Parallel()
	here := apply(t).activate()
	here.University("lcvtc")
	there := againAt(here, "lcvtc", same).approve()
	here.Exec(`update people set status = 'graduated' where id = $1`, here.person.ID)
	require.NoError(t, there.activates())
	require.Equal(t, []campus.CardState{campus.CardActive, campus.CardActive}, []campus.CardState{cardState(here), cardState(there)})
}

// D4: a roster changes somebody's document while their card is being activated. The document that counts is the new one.
func TestActivationWhileTheDocumentChanges(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		document string // whose is the person's new one; empty: nobody's
		want     string
	}{
		"it is nobody's": {"", "done"},
		"it is the one of somebody with the card": {"first", "other_card_active"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := apply(t).activate()
			second := again(first, func(p *storage.RosterPerson) { p.DocumentNumber = storagetest.ResidentNumber(900) }).approve()
			roster, err := connect(t, first.House).Begin(t.Context())
			require.NoError(t, err)
			_, err = roster.Exec(t.Context(), `update people set document_hash = case $2 when 'first' then (select document_hash from people where id = $3)
				else '\x00' end where id = $1`, second.person.ID, test.document, first.person.ID)
			require.NoError(t, err)
			answer := make(chan error, 1)
			go func() { answer <- second.activates() }()
			require.Eventually(t, func() bool { return lockWaits(first.House, "%for no key update of p%") == 1 }, 20*time.Second, 10*time.Millisecond)
			require.NoError(t, roster.Commit(t.Context()))
			require.Equal(t, test.want, outcome(<-answer))
		})
	}
}

// D4: at any instant, also when both are activated at this one.
func TestOneCardForOneHumanAtOnce(t *testing.T) {
	t.Parallel()
	first := apply(t)
	stories := []*story{first.approve()}
	for range 7 {
		stories = append(stories, again(first).approve())
	}
	moves, activations := make([]campus.Move, len(stories)), make([]storage.Activation, len(stories))
	for i, s := range stories {
		moves[i], activations[i] = s.activated(), s.activation()
	}
	release := holdCommits(t, first.House, "cards") // all arrive before the first of them is there to be seen
	var errs []error
	var all sync.WaitGroup
	all.Go(func() {
		errs = atOnce(len(stories), func(i int) error { return second(first.ActivateCard(t.Context(), moves[i], activations[i])) })
	})
	require.Eventually(t, func() bool {
		return lockWaits(first.House, "%") == len(stories)
	}, 20*time.Second, 10*time.Millisecond)
	release()
	all.Wait()
	require.Equal(t, map[string]int{"done": 1, "other_card_active": len(stories) - 1}, outcomes(errs))
	require.Equal(t, 1, count(first.House, "cards where state = 'active'"))
}

// Reviewers see that the same human has a card under another number, before they approve.
func TestReviewsOfOneHumanAreMarked(t *testing.T) {
	t.Parallel()
	first := apply(t).activate()
	second := again(first)
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
	first.Exec(`update people set document_hash = (select document_hash from people where id = $1), name = '李娜' where id = $2`,
		second.person.ID, first.person.ID)
	require.Empty(t, mark(), "somebody of another name with the document")
	first.University("lcvtc")
	againAt(second, "lcvtc").activate()
	require.Empty(t, mark(), "who has a card at another university")
	first.Exec(`update people set name = $1 where id = $2`, second.person.Roster.Name, first.person.ID)
	require.Equal(t, campus.OtherCardReplacedMark, mark(), "the same human again")
}

// A review that is over has no mark: nothing is decided by it any more.
func TestClosedReviewsAreNotMarked(t *testing.T) {
	t.Parallel()
	first := apply(t).activate()
	second := again(first)
	closed := second.open(campus.NewWorkItem{Kind: campus.ReviewItem})
	first.Exec(`update work_items set closed_at = opened_at where id = $1`, closed)
	open := second.open(campus.NewWorkItem{Kind: campus.ReviewItem})
	who := first.colleague(campus.Grant{Role: campus.Reviewer})
	for id, want := range map[uuid.UUID]string{closed: "", open: campus.OtherCardMark} {
		item, err := first.WorkItem(t.Context(), who, id)
		require.NoError(t, err)
		require.Equal(t, want, item.Mark)
	}
}

// No card ends before it has begun: the day on which the studies end is ahead, or there is none.
func TestNoCardEndsBeforeItBegins(t *testing.T) {
	t.Parallel()
	s := apply(t).approve()
	today := campus.DateOf(s.Clock.Now())
	for _, day := range []campus.Date{today.AddDays(-200), today.AddDays(-1), today} {
		require.NoError(t, s.KeepGraduation(t.Context(), s.person.ID, day))
		require.Equal(t, "studies_over", outcome(s.activates()), "%s", day)
		require.Equal(t, campus.CardPending, cardState(s))
	}
	require.NoError(t, s.KeepGraduation(t.Context(), s.person.ID, today.AddDays(1)))
	_, err := s.ImportPeople(t.Context(), storagetest.University, []storage.RosterPerson{s.person.Roster})
	require.NoError(t, err, "the same roster again does not take the registry's day away")
	require.NoError(t, s.activates())
	card, err := s.Card(t.Context(), s.card)
	require.NoError(t, err)
	require.Equal(t, today.AddDays(1), card.ValidUntil)
}
