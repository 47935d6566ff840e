package api_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school/portrait"
	"campuscard/storage/storagetest"
)

// Staff at work on the real engine.
func TestStaffWork(t *testing.T) {
	t.Parallel()
	l := newLiveTest(t, "proposed", "served", "leaver", "carried", "renumbered", "many 1", "many 2", "many 3", "many 4",
		"many 5", "many 6")
	for _, who := range []string{"third", "fourth"} {
		l.hire(who, storagetest.University, campus.Grant{Role: campus.Reviewer})
	}
	t.Run("a proposal finds its second person", l.testProposal) // alone, because a system fails for everybody
	for name, test := range map[string]func(*testing.T){
		"many decide the same items at the same time": l.testManyAtOnce,
		"somebody is served at the counter":           l.testServed,
		"somebody applies at the counter":             l.testCarried,
		"somebody has another number":                 l.testRenumbered,
		"somebody takes it back at the counter":       l.testLeaver,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t) })
	}
}

type shownProposal struct {
	ID       uuid.UUID
	Action   string    `json:"proposed_action"`
	By       uuid.UUID `json:"proposed_by"`
	ByName   string    `json:"proposed_by_name"`
	Note     string    `json:"proposal_note"`
	Reviewer string
}

// K3: the second person finds who proposed what, and why, in the list, at the item and in the case.
func (l *liveTest) testProposal(t *testing.T) {
	l.engine.School.Fault("carrier", "outage", nil)
	id := l.applies(t, "proposed", portrait.NoFlaw)
	l.comes(t, "proposed", id, "checking", "operator")
	waiting := func() []shownProposal {
		return ask[struct{ Items []shownProposal }](t, l.apiTest, "second operator", workItems+"?second_person=true").Items
	}
	require.Empty(t, waiting())
	propose := settlement(id, "phone", `{"action":"skip","attempt":1,"note":"seen on paper"}`)
	require.Equal(t, "second_person_needed", l.done(t, propose).Step.Outcome)
	found := waiting()
	require.Len(t, found, 1)
	require.Equal(t, []string{"skip", "王老师", "seen on paper"},
		[]string{found[0].Action, found[0].ByName, found[0].Note})
	require.Equal(t, found[0], ask[shownProposal](t, l.apiTest, "second operator", workItems+"/"+found[0].ID.String()))
	require.Equal(t, found, ask[struct {
		WorkItems []shownProposal `json:"work_items"`
	}](t, l.apiTest, "second operator", staffCases+"/"+id.String()).WorkItems)

	require.Equal(t, "failed", l.done(t, settlement(id, "phone", `{"action":"retry","attempt":1}`)).Step.Outcome)
	require.Empty(t, waiting(), "a retry in between starts it anew")
	propose = settlement(id, "phone", `{"action":"skip","attempt":2,"note":"seen on paper"}`)
	require.Equal(t, "second_person_needed", l.done(t, propose).Step.Outcome)
	require.Len(t, waiting(), 1)
	propose.who = "second operator"
	require.Equal(t, "skipped", l.done(t, propose).Step.Outcome)
	require.Empty(t, waiting())
	l.engine.School.Fault("carrier", "none", nil)
	l.comes(t, "proposed", id, "review", "reviewer")
}

// C3: two bulk decisions and single ones about the same items at once. Every item is decided once, and every answer
// says what happened to it.
func (l *liveTest) testManyAtOnce(t *testing.T) {
	cases, items := make([]uuid.UUID, 6), make([]uuid.UUID, 6)
	for i := range cases {
		cases[i] = l.applies(t, fmt.Sprint("many ", i+1), portrait.NoFlaw)
	}
	for i, id := range cases {
		l.comes(t, fmt.Sprint("many ", i+1), id, "review", "reviewer")
		items[i] = l.item(id)
	}
	type result struct {
		ID       uuid.UUID
		Decision *shownDecision
		Problem  *problem
	}
	const approve, reject = "approve", "reject"
	deciders := []struct{ who, action string }{{"reviewer", approve}, {"colleague", reject}, {"third", approve},
		{"fourth", reject}}
	answers := make([]map[uuid.UUID]result, len(deciders))
	body := func(action string) fields {
		if action == reject {
			return fields{"action": reject, "reason": "certificate_wrong"}
		}
		return fields{"action": approve}
	}
	var all sync.WaitGroup
	for d, by := range deciders[:2] { // the bulk ones
		var list []fields
		for _, item := range items {
			one := body(by.action)
			one["id"] = item
			list = append(list, one)
		}
		many := call{who: by.who, method: "POST", path: workItems + "/decisions",
			body: string(toForm(fields{"items": list}))}.
			with("Idempotency-Key", "all-of-"+by.who)
		answers[d] = map[uuid.UUID]result{}
		all.Go(func() {
			for busy := true; busy; { // what is not known yet is asked for again, under the same key
				busy = false
				for _, r := range read[struct{ Items []result }](t, l.do(t, many)).Items {
					answers[d][r.ID] = r
					busy = busy || r.Decision != nil && r.Decision.Status == "running"
				}
			}
		})
	}
	var lock sync.Mutex
	for d, by := range deciders {
		if d < 2 {
			continue
		}
		answers[d] = map[uuid.UUID]result{}
		for _, item := range items {
			all.Go(func() {
				got := l.do(t, decision(by.who, item, toForm(body(by.action))))
				r := result{ID: item}
				if got.status == 200 {
					r.Decision = new(read[shownDecision](t, got))
				} else {
					r.Problem = new(read[problem](t, got))
				}
				lock.Lock()
				answers[d][item] = r
				lock.Unlock()
			})
		}
	}
	all.Wait()

	for i, item := range items {
		var winners []string
		for d, by := range deciders {
			switch r := answers[d][item]; {
			case r.Decision != nil:
				winners = append(winners, by.who+" "+by.action)
				require.Equal(t, map[string]string{approve: "provisioning", reject: "closing"}[by.action], r.Decision.Stage)
			default:
				require.Contains(t, []string{"already_decided", "wrong_stage", "decision_pending"}, r.Problem.Reason)
			}
		}
		require.Len(t, winners, 1, "item %d is decided once", i)
		who := fmt.Sprint("many ", i+1)
		stage, waits, kind := "activation", "student", "approved"
		if winners[0] == "colleague reject" || winners[0] == "fourth reject" {
			stage, waits, kind = "done", "nobody", "rejected"
		}
		l.comes(t, who, cases[i], stage, waits)
		require.Equal(t, []string{kind}, storagetest.One[[]string](l.Env, `select array_agg(kind) from events
			where case_id = $1 and kind in ('approved', 'rejected')`, cases[i]), "and the answer was true: %v", winners)
	}
}

func (l *liveTest) served(t *testing.T, who string, act string, id uuid.UUID) shownDecision {
	t.Helper()
	return l.done(t, personCall("centre", l.students[who].ID, "acts", toForm(fields{"act": act, "case": id})))
}

func (l *liveTest) seen(t *testing.T, who string) {
	t.Helper()
	got := l.do(t, personCall("centre", l.students[who].ID, "verifications",
		toForm(fields{"document_type": "resident_card", "document_number": l.students[who].Document, "never_expires": true})))
	require.Equal(t, 201, got.status, "%s", got.body)
}

// L1: somebody without a camera is served from the check to the activation.
func (l *liveTest) testServed(t *testing.T) {
	const me = "served"
	id := l.applies(t, me, portrait.TooDark)
	l.comes(t, me, id, "liveness", "student")
	choose := personCall("centre", l.students[me].ID, "acts", toForm(fields{"act": "counter_check", "case": id}))
	l.refuse(t, id, map[string]scenario{"a choice for somebody not seen": {choose, 403, "verification_missing", ""}})
	l.seen(t, me)
	require.Equal(t, "in_person", l.served(t, me, "counter_check", id).Stage)
	l.refuse(t, id, map[string]scenario{"an activation too early": {personCall("centre", l.students[me].ID, "acts",
		toForm(fields{"act": "activation", "case": id})), 409, "wrong_stage", ""}})
	passed := l.done(t, decision("centre", l.item(id), `{"action":"pass"}`))
	require.Equal(t, "/api/v1/staff/receipts/"+passed.ID.String(), passed.Receipt)
	l.done(t, decision("reviewer", l.item(id), approval))
	l.comes(t, me, id, "activation", "student")
	active := l.served(t, me, "activation", id)
	require.Equal(t, "completed", active.Outcome)

	centre := storagetest.One[string](l.Env,
		`select distinct actor from events where case_id = $1 and kind in ('counter_asked', 'verified', 'activated')`, id)
	require.Contains(t, centre, "staff/", "one member of staff did it all")
	require.Equal(t, []string{centre, "counter"},
		storagetest.One[[]string](l.Env, `select array[actor, channel] from card_changes where to_state = 'active'
		and card_id = (select id from cards where person_id = $1)`, l.students[me].ID))
	var done []string
	for _, act := range ask[struct{ Items []shownAct }](t, l.apiTest, "centre",
		staffPeople+"/"+l.students[me].ID.String()+"/acts").Items {
		if act.DoneAt != nil {
			done = append(done, act.Kind)
		}
	}
	require.Equal(t, []string{"activation", "check", "counter_check", "verification"}, done,
		"what was refused has no receipt")
}

func (l *liveTest) testLeaver(t *testing.T) {
	const me = "leaver"
	id, item := l.reviewed(t, me)
	l.seen(t, me)
	back := personCall("centre", l.students[me].ID, "acts",
		toForm(fields{"act": "withdrawal", "case": id})).with("Idempotency-Key", "leave-"+id.String())
	left := l.done(t, back)
	require.Equal(t, "withdrawn", left.Outcome)
	require.Equal(t, left, l.done(t, back), "the same again gets the first answer")
	mine := l.both(t, me, id)
	require.Equal(t, "staff", mine.Timeline[len(mine.Timeline)-1].By)
	l.refuse(t, id, map[string]scenario{"a review of what is gone": {decision("reviewer", item, approval), 409,
		"already_decided", ""}})
	require.Equal(t, 1, l.audited("counter.withdrawal", "person/"+l.students[me].ID.String()))
}
