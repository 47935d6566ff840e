package casework

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// moveRows write what a move brings along, each kind of rows for itself. Work items are closed before others are
// opened: a move may ask again for what it closes.
var moveRows = []func(db.Tx, campus.Move, MovedCase) error{
	finishAttempts, addEvents, auditDecision, closeItems, openItems, keepProposals, markItemsOfMove, tellPerson,
	writeFacts,
}

func bring(t db.Tx, m campus.Move, c MovedCase) error {
	for _, add := range moveRows {
		if err := add(t, m, c); err != nil {
			return err
		}
	}
	return nil
}

// finishAttempts closes the tries of the steps that have gone well since the last move.
func finishAttempts(t db.Tx, m campus.Move, _ MovedCase) error {
	for _, step := range m.Finished {
		if err := t.Write(`update attempts set outcome = 'ok', finished_at = @at
			where case_id = @id and step = @step and outcome = 'open'`,
			map[string]any{"id": m.Case.ID, "step": step.Step, "at": step.At}); err != nil {
			return err
		}
	}
	return nil
}

func addEvents(t db.Tx, m campus.Move, _ MovedCase) error {
	for _, event := range slices.Concat(m.Earlier, m.Events) {
		if err := AddEvent(t, m.Case.ID, event, m.Decision.ID); err != nil {
			return err
		}
	}
	return nil
}

// AddEvent adds an entry to the timeline of a case; decision is that of a person behind it, if there is one.
func AddEvent(t db.Tx, caseID uuid.UUID, event campus.Event, decision uuid.UUID) error {
	return t.Write(`insert into events (case_id, at, kind, actor, data, public, decision_id)
		values (@id, @now, @kind, @actor, cast(@data as jsonb), @public, cast(@decision as uuid))`, map[string]any{
		"id": caseID, "now": t.Now, "kind": event.Kind, "actor": event.Actor.String(), "data": eventData(event),
		"public": event.Public, "decision": Nullable(decision),
	})
}

// CaseEvent is an entry of the timeline of a case.
type CaseEvent struct {
	Case  uuid.UUID
	Event campus.Event
}

// AddEvents adds an entry to the timeline of each of many cases.
func AddEvents(t db.Tx, lot []CaseEvent) error {
	return t.Write(`insert into events (case_id, at, kind, actor, data, public)
		select v.id, cast(@now as timestamptz), v.kind, v.actor, cast(v.data as jsonb), v.public
		from unnest(cast(@ids as uuid[]), cast(@kinds as text[]), cast(@actors as text[]), cast(@datas as text[]),
				cast(@publics as boolean[]))
			v (id, kind, actor, data, public)`, map[string]any{
		"now":     t.Now,
		"ids":     db.IDs(lot, func(e CaseEvent) uuid.UUID { return e.Case }),
		"kinds":   db.Column(lot, func(e CaseEvent) string { return e.Event.Kind }),
		"actors":  db.Column(lot, func(e CaseEvent) string { return e.Event.Actor.String() }),
		"datas":   db.Column(lot, func(e CaseEvent) string { return eventData(e.Event) }),
		"publics": db.Column(lot, func(e CaseEvent) bool { return e.Event.Public }),
	})
}

// AddToEvent puts counts into the event of a move: what the workflow cannot know before the fact is there.
func AddToEvent(t db.Tx, m campus.Move, counts map[string]int) error {
	data := make(map[string]string, len(counts))
	for what, n := range counts {
		data[what] = strconv.Itoa(n)
	}
	return t.Write(`update events set data = data || cast(@data as jsonb) where id = (
		select id from events where case_id = @id and kind = @kind order by id desc limit 1)`,
		map[string]any{"data": db.JSONText(data), "id": m.Case.ID, "kind": m.Events[0].Kind})
}

func eventData(event campus.Event) string {
	if event.Data == nil {
		return "{}"
	}
	return db.JSONText(event.Data)
}

func auditDecision(t db.Tx, m campus.Move, c MovedCase) error {
	if m.Decision.ID == uuid.Nil {
		return nil
	}
	return AddAudit(t, m.Decision.By, auditAction(m), m.Case.WorkflowID(), c.Owner.University)
}

// auditAction returns what the audit calls a decision: as the timeline does, where it says something.
func auditAction(m campus.Move) string {
	if len(m.Events) > 0 {
		return "case." + m.Events[0].Kind
	}
	return "case." + m.Name
}

// closeItems closes the work items that a move has settled, and all of them with the case.
func closeItems(t db.Tx, m campus.Move, _ MovedCase) error {
	if m.Outcome != "" { // nothing stays open behind a closed case
		return t.Write(`update work_items set closed_at = @now where case_id = @id and closed_at is null`,
			map[string]any{"id": m.Case.ID, "now": t.Now})
	}
	for _, key := range m.Closes {
		if err := closeWorkItem(t, m.Case.ID, key); err != nil {
			return err
		}
	}
	return nil
}

// openItems asks people what a move asks of them. With an incident its step is given to staff: a try whose end nobody
// saw is lost.
func openItems(t db.Tx, m campus.Move, _ MovedCase) error {
	for _, item := range m.Opens {
		if item.Kind == campus.IncidentItem {
			if err := loseAttempts(t, m.Case.ID, item.Step); err != nil {
				return err
			}
		}
		if err := openItem(t, m.Case.ID, item); err != nil {
			return err
		}
	}
	return nil
}

// markItemsOfMove notes at open items that their deadline nears or has passed.
func markItemsOfMove(t db.Tx, m campus.Move, _ MovedCase) error {
	for _, key := range m.Remind {
		if err := t.Write(remindedSQL, itemWords(t, m.Case.ID, key)); err != nil {
			return err
		}
	}
	for _, key := range m.Escalate {
		if err := t.Write(escalatedSQL, itemWords(t, m.Case.ID, key)); err != nil {
			return err
		}
	}
	return nil
}

// noticeChoosers name what the person is told in place of a message of a move, by its template: what is written is
// right at the moment of the move. Each is registered beside what it looks at.
var noticeChoosers = map[string]func(t db.Tx, caseID uuid.UUID) (template string, err error){}

// ChooseNotice registers what chooses the template of a message in the transaction of its move. Its reads do not see
// what the move has queued.
func ChooseNotice(template string, choose func(t db.Tx, caseID uuid.UUID) (string, error)) {
	if _, taken := noticeChoosers[template]; taken {
		panic("two choose in place of " + template)
	}
	noticeChoosers[template] = choose
}

// tellPerson keeps the messages of a move for the person the case is about.
func tellPerson(t db.Tx, m campus.Move, c MovedCase) (err error) {
	for _, notice := range m.Notices {
		if choose, found := noticeChoosers[notice.Template]; found {
			if notice.Template, err = choose(t, m.Case.ID); err != nil {
				return err
			}
		}
		err := insertNotice(t, newNotice{person: Nullable(c.Owner.PersonID), university: c.Owner.University,
			caseID: &m.Case.ID,
			notice: notice})
		if err != nil {
			return err
		}
	}
	return nil
}

// factWriters say what the tables do with each kind of fact. Each is registered beside its table.
var factWriters = map[campus.FactKind]func(db.Tx, campus.Move, campus.Fact) error{}

// KeepFacts registers what keeps the facts of a kind.
func KeepFacts[T any](kind campus.FactKind, keep func(db.Tx, campus.Move, T) error) {
	if _, taken := factWriters[kind]; taken {
		panic("two keep facts of kind " + kind)
	}
	factWriters[kind] = func(t db.Tx, m campus.Move, fact campus.Fact) error {
		var data T
		if err := json.Unmarshal(fact.Data, &data); err != nil {
			return fmt.Errorf("read a fact of kind %s: %w", fact.Kind, err)
		}
		return keep(t, m, data)
	}
}

// writeFacts keeps what has become known by the time of a move.
func writeFacts(t db.Tx, m campus.Move, _ MovedCase) error {
	for _, fact := range m.Facts {
		keep, found := factWriters[fact.Kind]
		if !found {
			return campus.Errorf(campus.Internal, "", "nothing keeps facts of kind %q", fact.Kind)
		}
		if err := keep(t, m, fact); err != nil {
			return err
		}
	}
	return nil
}
