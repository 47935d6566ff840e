package cards_test

import (
	"sync"
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

func cardState(s *storagetest.Story) campus.CardState {
	card, err := s.Cards.Card(s.T.Context(), s.Card)
	require.NoError(s.T, err)
	return card.State
}

// D4: one human has one card, under whatever numbers the roster has them.
func TestOneCardForOneHuman(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*people.RosterPerson)
		status string // under the first number, by then
		card   campus.CardState
		want   string
	}{
		"a student twice":                          {same, "registered", campus.CardActive, "other_card_active"},
		"a student twice, whose card is frozen":    {same, "registered", campus.CardFrozen, "other_card_active"},
		"a student twice, whose card is lost":      {same, "registered", campus.CardLost, "other_card_active"},
		"a student twice, whose card is closed":    {same, "registered", campus.CardClosed, "done"},
		"a student who has become another student": {same, "graduated", campus.CardActive, "done"},
		"an employee who studies here":             {same, "employed", campus.CardActive, "done"},
		"an employee whose card is lost":           {same, "employed", campus.CardLost, "done"},
		"somebody of another name with the document": {func(p *people.RosterPerson) { p.Name = "李娜" }, "registered",
			campus.CardActive, "done"},
		"a namesake with another document": {func(p *people.RosterPerson) { p.DocumentNumber = storagetest.ResidentNumber(900) },
			"registered", campus.CardActive, "done"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := storagetest.Apply(t).Activate()
			second := storagetest.Again(first, test.change).Approve()
			first.Exec(`update people set status = $1 where id = $2`, test.status, first.Holder.ID)
			first.Exec(`update cards set state = $1 where id = $2`, test.card, first.Card)
			mark, err := second.Cards.OtherCard(t.Context(), second.Application.ID)
			require.NoError(t, err)
			told := ""
			switch {
			case test.want != "done":
				told = campus.OtherCardMark
			case test.status != "registered":
				told = campus.OtherCardReplacedMark
			}
			require.Equal(t, told, mark, "what the holder is told before")
			before := storagetest.Count(first.Env, "audit")
			require.Equal(t, test.want, storagetest.Outcome(second.Activates()))
			held := storagetest.Count(first.Env, "cards where state in ('active', 'frozen', 'lost')")
			switch {
			case test.want != "done":
				require.Equal(t, test.card, cardState(first))
				require.Equal(t, campus.CardPending, cardState(second))
				require.Equal(t, before, storagetest.Count(first.Env, "audit where action <> 'case.activate'"),
					"nothing was written")
			case test.status != "registered":
				require.Equal(t, 1, held)
				require.Equal(t, campus.CardReplaced, cardState(first))
				require.Equal(t, 1, storagetest.Count(first.Env,
					"card_changes where to_state = 'replaced' and reason = 'role_changed' and actor like 'student/%'"))
				require.Equal(t, 1, storagetest.Count(first.Env,
					"notices where template = 'notice.card_replaced' and person_id = $1", first.Holder.ID))
				require.Equal(t, 1, storagetest.Count(first.Env, "audit where action = 'card.replace'"))
			case test.card == campus.CardClosed:
				require.Equal(t, 1, held)
				require.Equal(t, campus.CardClosed, cardState(first))
			default:
				require.Equal(t, 2, held, "they are two")
			}
		})
	}
}

func same(*people.RosterPerson) {}

// D4: nobody is asked for an activation that is refused. Who has the other card is told so as long as it is in the way.
func TestMessagesAboutAnActivationKnowOfAnotherCard(t *testing.T) {
	t.Parallel()
	first := storagetest.Apply(t).Activate()
	second := storagetest.Again(first)
	tell := func(template string) string {
		t.Helper()
		m := second.NextMove(second.Application, campus.StageActivation, campus.WaitsForStudent)
		m.Notices = []campus.Notice{{Template: template, Params: map[string]string{"day": "2026-09-01"}}}
		require.NoError(t, storagetest.Err(second.Casework.Record(t.Context(), m)))
		told, err := second.Casework.Notices(t.Context(), second.Holder.ID, uuid.Nil, 1)
		require.NoError(t, err)
		require.Equal(t, m.Notices[0].Params, told[0].Params)
		return told[0].Template
	}
	other := map[string]string{
		"notice.approved": "notice.other_card", "notice.remind_activation": "notice.other_card",
		"notice.approved_freshman": "notice.other_card_freshman",
		"notice.activation_lapsed": "notice.other_card_lapsed",
		"notice.expired":           "notice.other_card_expired",
		"notice.withdrawn":         "notice.withdrawn",
	}
	for usual, want := range other {
		for _, state := range cards.HeldStates {
			first.Exec(`update cards set state = $1`, state)
			require.Equal(t, want, tell(usual), state)
		}
		first.Exec(`update people set status = 'graduated' where id = $1`, first.Holder.ID)
		require.Equal(t, usual, tell(usual), "the other one ends with the activation")
		first.Exec(`update people set status = 'registered' where id = $1`, first.Holder.ID)
		first.Exec(`update cards set state = 'closed'`)
		require.Equal(t, usual, tell(usual), "it is there no more")
	}
}

// L10: the message that is chosen is in the university's own words.
func TestAMessageThatIsChosenIsInOwnWords(t *testing.T) {
	t.Parallel()
	first := storagetest.Apply(t).Activate()
	second := storagetest.Again(first)
	words, err := campus.FindNoticeTemplate("other_card")
	require.NoError(t, err)
	own := words.Default()
	for language, in := range own {
		in.Mail, in.SMS = "own words", "own words"
		own[language] = in
	}
	admin := first.Colleague(campus.Grant{Role: campus.Administrator})
	require.NoError(t, storagetest.Err(first.Casework.WordNotice(t.Context(), admin, words, own, 0)))
	m := second.NextMove(second.Application, campus.StageActivation, campus.WaitsForStudent)
	m.Notices = []campus.Notice{{Template: "notice.approved"}}
	require.NoError(t, storagetest.Err(second.Casework.Record(t.Context(), m)))
	told, err := second.Casework.Notices(t.Context(), second.Holder.ID, uuid.Nil, 1)
	require.NoError(t, err)
	require.Equal(t, "own words", told[0].In(campus.English).Text)
}

// D4: of several cards under the other number all end that somebody holds or can have back, and no other.
func TestEveryCardOfTheOtherNumberIsReplaced(t *testing.T) {
	t.Parallel()
	first := storagetest.Apply(t).Activate()
	ids := first.Twins(first.Application, 4)
	for i, state := range []campus.CardState{campus.CardLost, campus.CardFrozen, campus.CardClosed, campus.CardLost} {
		first.Exec(`update cards set id = gen_random_uuid(), state = $1 where id = $2`, state, ids[i]) // an id of no case
	}
	second := storagetest.Again(first).Approve()
	first.Exec(`update people set status = 'employed' where id = $1`, first.Holder.ID)
	require.NoError(t, second.Activates())
	require.Equal(t, 1, storagetest.Count(first.Env, "cards where state in ('active', 'frozen', 'lost')"))
	require.Equal(t, 4, storagetest.Count(first.Env, "cards where state = 'replaced' and person_id = $1", first.Holder.ID))
	require.Equal(t, 1, storagetest.Count(first.Env, "cards where state = 'closed'"))
	require.Equal(t, 4, storagetest.Count(first.Env,
		"card_changes where to_state = 'replaced' and reason = 'role_changed'"))
	require.Equal(t, 4, storagetest.Count(first.Env, "audit where action = 'card.replace'"))
}

// D4 is a rule of one university: who has a card at another keeps it.
func TestCardsOfTwoUniversities(t *testing.T) {
	t.Parallel()
	here := storagetest.Apply(t).Activate()
	here.University("lcvtc")
	there := storagetest.AgainAt(here, "lcvtc", same).Approve()
	here.Exec(`update people set status = 'graduated' where id = $1`, here.Holder.ID)
	require.NoError(t, there.Activates())
	require.Equal(t, []campus.CardState{campus.CardActive, campus.CardActive},
		[]campus.CardState{cardState(here), cardState(there)})
}

// D4: a roster changes somebody's document while their card is being activated. The document that counts is the new
// one.
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
			first := storagetest.Apply(t).Activate()
			second := storagetest.Again(first,
				func(p *people.RosterPerson) { p.DocumentNumber = storagetest.ResidentNumber(900) }).Approve()
			roster, err := storagetest.Connect(t, first.Env).Begin(t.Context())
			require.NoError(t, err)
			_, err = roster.Exec(t.Context(),
				`update people set document_hash = case $2 when 'first' then (select document_hash from people where id = $3)
				else '\x00' end where id = $1`, second.Holder.ID, test.document, first.Holder.ID)
			require.NoError(t, err)
			answer := make(chan error, 1)
			go func() { answer <- second.Activates() }()
			require.Eventually(t, func() bool { return storagetest.LockWaits(first.Env, "%for no key update of p%") == 1 },
				20*time.Second, 10*time.Millisecond)
			require.NoError(t, roster.Commit(t.Context()))
			require.Equal(t, test.want, storagetest.Outcome(<-answer))
		})
	}
}

// D4: at any instant, also when both are activated at this one.
func TestOneCardForOneHumanAtOnce(t *testing.T) {
	t.Parallel()
	first := storagetest.Apply(t)
	stories := []*storagetest.Story{first.Approve()}
	for range 7 {
		stories = append(stories, storagetest.Again(first).Approve())
	}
	moves, activations := make([]campus.Move, len(stories)), make([]cards.Activation, len(stories))
	for i, s := range stories {
		moves[i], activations[i] = s.Activated(), s.Activation()
	}
	release := storagetest.HoldCommits(t, first.Env, "cards") // all arrive before the first of them is there to be seen
	var errs []error
	var all sync.WaitGroup
	all.Go(func() {
		errs = storagetest.AtOnce(len(stories),
			func(i int) error { return storagetest.Err(first.ActivateCard(t.Context(), moves[i], activations[i])) })
	})
	require.Eventually(t, func() bool {
		return storagetest.LockWaits(first.Env, "%") == len(stories)
	}, 20*time.Second, 10*time.Millisecond)
	release()
	all.Wait()
	require.Equal(t, map[string]int{"done": 1, "other_card_active": len(stories) - 1}, storagetest.Outcomes(errs))
	require.Equal(t, 1, storagetest.Count(first.Env, "cards where state = 'active'"))
}

// Reviewers see that the same human has a card under another number, before they approve.
func TestReviewsOfOneHumanAreMarked(t *testing.T) {
	t.Parallel()
	first := storagetest.Apply(t).Activate()
	second := storagetest.Again(first)
	who := first.Colleague(campus.Grant{Role: campus.Reviewer})
	item := second.Open(campus.NewWorkItem{Kind: campus.ReviewItem})
	mark := func() string {
		t.Helper()
		one, err := first.Casework.WorkItem(t.Context(), who, item)
		require.NoError(t, err)
		list, err := first.Casework.WorkItems(t.Context(), who, casework.WorkItemFilter{Limit: 10})
		require.NoError(t, err)
		ofCase, err := first.Casework.CaseWorkItems(t.Context(), second.Application.ID)
		require.NoError(t, err)
		require.Equal(t, []string{one.Mark, one.Mark}, []string{list[0].Mark, ofCase[0].Mark})
		return one.Mark
	}
	require.Equal(t, campus.OtherCardMark, mark())
	first.Exec(`update cards set state = 'pending'`)
	require.Equal(t, campus.OtherCardMark, mark(), "one that is about to be activated")
	first.Exec(`update people set status = 'employed' where id = $1`, first.Holder.ID)
	require.Equal(t, campus.OtherCardReplacedMark, mark())
	first.Exec(`update cards set state = 'closed'`)
	require.Empty(t, mark())
	first.Exec(`update cards set state = 'active'`)
	first.Exec(`update people set document_hash = $1 where id = $2`, []byte(uuid.NewString()), first.Holder.ID)
	require.Empty(t, mark(), "somebody else")
	first.Exec(`update people set document_hash = (select document_hash from people where id = $1), name = '李娜' where id = $2`,
		second.Holder.ID, first.Holder.ID)
	require.Empty(t, mark(), "somebody of another name with the document")
	first.University("lcvtc")
	storagetest.AgainAt(second, "lcvtc").Activate()
	require.Empty(t, mark(), "who has a card at another university")
	first.Exec(`update people set name = $1 where id = $2`, second.Holder.Roster.Name, first.Holder.ID)
	require.Equal(t, campus.OtherCardReplacedMark, mark(), "the same human again")
}

// A review that is over has no mark: nothing is decided by it any more.
func TestClosedReviewsAreNotMarked(t *testing.T) {
	t.Parallel()
	first := storagetest.Apply(t).Activate()
	second := storagetest.Again(first)
	closed := second.Open(campus.NewWorkItem{Kind: campus.ReviewItem})
	first.Exec(`update work_items set closed_at = opened_at where id = $1`, closed)
	open := second.Open(campus.NewWorkItem{Kind: campus.ReviewItem})
	who := first.Colleague(campus.Grant{Role: campus.Reviewer})
	for id, want := range map[uuid.UUID]string{closed: "", open: campus.OtherCardMark} {
		item, err := first.Casework.WorkItem(t.Context(), who, id)
		require.NoError(t, err)
		require.Equal(t, want, item.Mark)
	}
}

// No card ends before it has begun: the day on which the studies end is ahead, or there is none.
func TestNoCardEndsBeforeItBegins(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Approve()
	today := campus.DateOf(s.Clock.Now())
	for _, day := range []campus.Date{today.AddDays(-200), today.AddDays(-1), today} {
		require.NoError(t, s.People.KeepGraduation(t.Context(), s.Holder.ID, day))
		require.Equal(t, "studies_over", storagetest.Outcome(s.Activates()), "%s", day)
		require.Equal(t, campus.CardPending, cardState(s))
	}
	require.NoError(t, s.People.KeepGraduation(t.Context(), s.Holder.ID, today.AddDays(1)))
	_, err := s.People.ImportPeople(t.Context(), storagetest.University, []people.RosterPerson{s.Holder.Roster})
	require.NoError(t, err, "the same roster again does not take the registry's day away")
	require.NoError(t, s.Activates())
	card, err := s.Cards.Card(t.Context(), s.Card)
	require.NoError(t, err)
	require.Equal(t, today.AddDays(1), card.ValidUntil)
}
