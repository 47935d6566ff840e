package activities

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage/production"
)

// PlasticPlan is what a plastic's workflow needs to know when it begins.
type PlasticPlan struct {
	Plastic  campus.PlasticPolicy
	Promised time.Time // D2: the end of the promised day
	ID       uuid.UUID // of the newest plastic
	Seq      int
	Batched  bool // D3: with others; else each plastic is ordered by itself
	Urgent   campus.Duration
	Calendar campus.Calendar

	Found *PlasticStatus `json:",omitempty"` // how it stood when the case began
}

// BeginPlastic takes the case out of the queue and reads the policy it keeps to its end.
func (a *Activities) BeginPlastic(ctx context.Context, in BeginCase) (Began[PlasticPlan], error) {
	var batch *production.NewBatch
	if in.Move.Stage == campus.StageBatching {
		n, err := a.queued(in.University)
		if err != nil {
			return Began[PlasticPlan]{}, err
		}
		batch = &n
	}
	begun, version, plastic, err := a.store.Production.BeginPlastic(ctx, in.Move, batch)
	if err != nil {
		return Began[PlasticPlan]{}, err
	}
	policy, err := a.policies.find(ctx, version, in.University)
	if err != nil {
		return Began[PlasticPlan]{}, err
	}
	return Began[PlasticPlan]{begun, policy.Steps, PlasticPlan{
		Plastic: policy.Plastic, Promised: plastic.PromisedAt, ID: plastic.ID, Seq: plastic.Seq,
		Batched: policy.Production.Batches, Urgent: policy.Production.UrgentBefore, Calendar: policy.Calendar,
		Found: new(statusOf(plastic)),
	}}, nil
}

// PlasticStatus is the state of a plastic as its workflow needs it.
type PlasticStatus struct {
	ID    uuid.UUID
	Seq   int
	State campus.PlasticState

	Waits    bool   // for a batch, or for another one
	CardOver bool   `json:",omitempty"` // its card has ended: nobody will hold it
	Rejected string // the bureau's word for why it would not make it
}

// ReadPlastic looks at the facts: call-backs and kiosks have written them.
func (a *Activities) ReadPlastic(ctx context.Context, caseID uuid.UUID) (PlasticStatus, error) {
	p, err := a.store.Production.CurrentPlastic(ctx, caseID)
	return statusOf(p), err
}

func statusOf(p production.Plastic) PlasticStatus {
	over := p.CardState != "" && p.CardState.Terminal()
	return PlasticStatus{ID: p.ID, Seq: p.Seq, State: p.State, Waits: p.Waits(), CardOver: over, Rejected: p.Rejected}
}

// PlasticStep is one step of one plastic.
type PlasticStep struct {
	Ref     campus.StepRef
	Plastic uuid.UUID
}

// OrderPlastic sends the production order of one plastic to the bureau (D3).
func (a *Activities) OrderPlastic(ctx context.Context, in PlasticStep) error {
	_, err := attempt(ctx, a, in.Ref, func(ctx context.Context) (struct{}, error) {
		p, err := a.store.Production.CurrentPlastic(ctx, in.Ref.Case.ID)
		if err != nil {
			return struct{}{}, err
		}
		if p.ID != in.Plastic { // a try that comes late: another plastic has taken its place
			return struct{}{}, nil
		}
		p.OrderKey = in.Ref.IdempotencyKey() + "/" + in.Plastic.String()
		if err := a.store.Production.NoteOrder(ctx, p.ID, p.OrderKey); err != nil {
			return struct{}{}, err
		}
		production, err := a.placeOrder(ctx, p)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, a.store.Production.SaveOrder(ctx, in.Plastic, production.OrderID)
	})
	return err
}

// placeOrder sends the order of a plastic under its key: the first time, or again to learn what became of it.
func (a *Activities) placeOrder(ctx context.Context, p production.Plastic) (school.Production, error) {
	card, err := a.store.Cards.Card(ctx, p.CardID)
	if err != nil {
		return school.Production{}, err
	}
	who, err := a.store.People.Identity(ctx, p.PersonID)
	if err != nil {
		return school.Production{}, err
	}
	return a.school.Bureau.PlaceOrder(ctx, p.OrderKey, school.Order{
		Reference: p.ID.String(), University: p.University, Number: who.Number, HolderName: who.Name,
		CardNumber: card.Number, Kiosk: p.KioskID, DueOn: p.PromisedOn(),
	})
}

// AskBureau asks how an order stands, for the case that a call-back was lost, and keeps the answer as one.
func (a *Activities) AskBureau(ctx context.Context, in PlasticStep) error {
	_, err := attempt(ctx, a, in.Ref, func(ctx context.Context) (struct{}, error) {
		p, err := a.store.Production.CurrentPlastic(ctx, in.Ref.Case.ID)
		if err != nil {
			return struct{}{}, err
		}
		production, err := a.school.Bureau.Production(ctx, p.OrderID)
		if err != nil {
			return struct{}{}, err
		}
		report, err := ProductionReport(production)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, a.store.TakeReport(ctx, report)
	})
	return err
}

// ProductionReport translates the bureau's report into our words. BadAnswer: a status or reference we do not know.
func ProductionReport(p school.Production) (production.Report, error) {
	states := map[string]campus.PlasticState{
		"accepted": campus.PlasticInProduction, "produced": campus.PlasticInProduction, "spoilt": campus.PlasticSpoilt,
		"shipped": campus.PlasticShipped, "delivered": campus.PlasticReady, "cancelled": campus.PlasticCancelled,
		"lost": campus.PlasticLost, "damaged": campus.PlasticDamaged,
	}
	state, known := states[p.Status]
	id, err := uuid.Parse(p.Reference)
	batch := uuid.Nil
	if err == nil && p.Batch != "" {
		batch, err = uuid.Parse(p.Batch)
	}
	if !known || err != nil {
		return production.Report{}, campus.Errorf(campus.BadAnswer, "",
			"the bureau reports a status or reference we do not know")
	}
	return production.Report{
		OrderID: p.OrderID, Plastic: id, Batch: batch, State: state, Reason: p.Reason, Kiosk: p.Kiosk, Compartment: p.Compartment,
		Sequence: p.Sequence, Chip: p.Chip,
	}, nil
}

// CancelOrder takes an order back at the bureau; an order that is made already stays. An order of unknown outcome is
// first found by its key.
func (a *Activities) CancelOrder(ctx context.Context, in PlasticStep) error {
	_, err := attempt(ctx, a, in.Ref, func(ctx context.Context) (struct{}, error) {
		p, err := a.store.Production.CurrentPlastic(ctx, in.Ref.Case.ID)
		if err != nil || p.OrderKey == "" {
			return struct{}{}, err
		}
		if p.OrderID == "" && p.BatchID != nil { // its batch is being sent: no order is known that could be taken back
			return struct{}{}, nil
		}
		if p.OrderID == "" {
			production, err := a.placeOrder(ctx, p)
			if err != nil {
				if !campus.CodeOf(err).Retryable() {
					err = nil // the bureau never took it
				}
				return struct{}{}, err
			}
			p.OrderID = production.OrderID
		}
		_, err = a.school.Bureau.Cancel(ctx, in.Ref.IdempotencyKey(), p.OrderID)
		if code := campus.CodeOf(err); code == campus.Conflict || code == campus.NotFound {
			err = nil
		}
		return struct{}{}, err
	})
	return err
}

// AnnouncePickup is the move that tells the student where their card waits.
type AnnouncePickup struct {
	Move    campus.Move
	Plastic uuid.UUID
}

// AnnouncePickup queues the message with the pickup code, which only storage knows, with the move it belongs to (D3).
func (a *Activities) AnnouncePickup(ctx context.Context, in AnnouncePickup) (campus.Moved, error) {
	return a.store.Production.AnnouncePickup(ctx, in.Move, in.Plastic)
}

// RemakePlastic orders another plastic in the place of a spoilt one.
type RemakePlastic struct {
	Move    campus.Move
	Plastic uuid.UUID // of the new one
}

// RemakePlastic notes that a spoilt plastic is made again (D3).
func (a *Activities) RemakePlastic(ctx context.Context, in RemakePlastic) (campus.Moved, error) {
	return a.store.Production.RemakePlastic(ctx, in.Move, in.Plastic)
}

// EndPlastic is the end of a plastic nobody has picked up.
type EndPlastic struct {
	Move    campus.Move
	Plastic uuid.UUID
	State   campus.PlasticState
	Reason  string
}

// EndPlastic takes a plastic that nobody will pick up to its last state.
func (a *Activities) EndPlastic(ctx context.Context, in EndPlastic) (campus.Moved, error) {
	change := campus.Change{Actor: campus.System(), Channel: "workflow", Reason: in.Reason}
	return a.store.Production.EndPlastic(ctx, in.Move, in.Plastic, in.State, change)
}
