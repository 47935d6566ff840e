package production

import (
	"context"
	"encoding/hex"
	"slices"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/production"
)

// BatchView is a batch in a list: codes and counts.
type BatchView struct {
	production.Batch
	StateText  string      `json:"state_text"`
	ReasonText string      `json:"reason_text"`
	PromisedOn campus.Date `json:"promised_on" format:"date" doc:"The earliest day promised to a holder"`
	Note       string      `json:"promise_note,omitempty" doc:"That the day is an estimate"`
	SHA256     string      `json:"sha256,omitempty" doc:"Hex, of the order file"`
}

func (s *Server) batchOf(in campus.Language) func(production.Batch) BatchView {
	return func(b production.Batch) BatchView {
		return BatchView{
			Batch: b, StateText: campus.Text(in, "batch."+string(b.State), nil),
			ReasonText: campus.Text(in, "batch_reason."+string(b.Reason), nil),
			PromisedOn: campus.DateOf(b.PromisedAt.Add(-time.Nanosecond)), Note: s.DueNote(in, b.University, &b.PromisedAt),
			SHA256: hex.EncodeToString(b.SHA256),
		}
	}
}

type batchListInput struct {
	core.PageQuery
	State campus.BatchState `query:"state" enum:"open,sent,done,failed"`
}

// listBatches returns the batches of one's university, newest first (D3).
func (s *Server) listBatches(ctx context.Context, in *batchListInput) (*core.Answer[core.Page[BatchView]], error) {
	return core.Listed(in.PageQuery, func(after uuid.UUID, limit int) ([]production.Batch, error) {
		return s.Store.Production.StaffBatches(ctx, core.Member(ctx), in.State, after, limit)
	}, s.batchOf(core.Language(ctx)), func(b production.Batch) uuid.UUID { return b.ID })
}

// openBatch opens a batch of the cards that wait now. It works while Temporal is away: the batch begins when it is
// back.
func (s *Server) openBatch(ctx context.Context, _ *struct{}) (*core.Answer[BatchView], error) {
	who := core.Member(ctx)
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	b, err := s.Store.Production.OpenBatchNow(ctx, s.Request(ctx), who, production.NewBatch{
		ID: id, University: who.University, Reason: campus.BatchByStaff, PolicyVersion: s.Policies.Version(),
		Size: max(s.Policies.For(who.University).Production.BatchSize, 1),
	})
	if err != nil {
		return nil, err
	}
	b, err = s.Store.Production.StaffBatch(ctx, who, b.ID) // a kept answer holds what is shown only
	return core.Answered(s.batchOf(core.Language(ctx))(b)), err
}

type batchCardView struct {
	production.BatchCard
	StateText  string      `json:"state_text"`
	PromisedOn campus.Date `json:"promised_on" format:"date"`
	Note       string      `json:"promise_note,omitempty" doc:"That the day is an estimate"`
}

// batchDetail is a batch with its case, its cards and its deliveries.
type batchDetail struct {
	BatchView
	Stage      campus.Stage               `json:"stage"`
	StageText  string                     `json:"stage_text"`
	WaitsFor   campus.Party               `json:"waits_for"`
	Due        *time.Time                 `json:"due,omitempty"`
	DueNote    string                     `json:"due_note,omitempty" doc:"That the date is an estimate"`
	Parked     []string                   `json:"parked" doc:"Steps that wait for staff; settle them under /staff/cases/{id}"`
	TheCards   []batchCardView            `json:"items" doc:"Each card, and where it is"`
	Deliveries []production.KioskDelivery `json:"deliveries"`
}

// getBatch returns one batch with all that is known about it.
func (s *Server) getBatch(ctx context.Context, in *core.CaseInput) (*core.Answer[batchDetail], error) {
	who, lang := core.Member(ctx), core.Language(ctx)
	b, err := s.Store.Production.StaffBatch(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	c, err := s.Store.Casework.StaffCase(ctx, who, b.ID)
	if err != nil {
		return nil, err
	}
	cards, err := s.Store.Production.BatchCards(ctx, b.ID)
	if err != nil {
		return nil, err
	}
	deliveries, err := s.Store.Production.BatchDeliveries(ctx, b.ID)
	if err != nil {
		return nil, err
	}
	return core.Answered(batchDetail{
		BatchView: s.batchOf(lang)(b), Stage: c.Stage, StageText: campus.Text(lang, "stage."+string(c.Stage), nil),
		WaitsFor: c.WaitsFor, Due: c.Due, DueNote: s.DueNote(lang, b.University, c.Due),
		Parked: append([]string{}, c.Parked...), Deliveries: deliveries,
		TheCards: core.Each(cards, func(card production.BatchCard) batchCardView {
			return batchCardView{card, campus.Text(lang, "plastic."+string(card.State), nil),
				campus.DateOf(card.PromisedAt.Add(-time.Nanosecond)), s.DueNote(lang, b.University, &card.PromisedAt)}
		}),
	}), nil
}

const orderFileType = "application/x-ndjson"

// getOrderFile shows the file that the bureau was sent. It names people, so every look is audited.
func (s *Server) getOrderFile(ctx context.Context, in *core.CaseInput) (*core.File, error) {
	who := core.Member(ctx)
	b, err := s.Store.Production.StaffBatch(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	if !who.May(campus.HandlePlastic, "") {
		return nil, campus.NotPermitted(campus.HandlePlastic)
	}
	content, err := s.Store.Production.OrderFile(ctx, b)
	if err != nil {
		return nil, err
	}
	if err := s.Store.Casework.RecordLook(ctx, core.Actor(ctx), "batch.read_order_file", "batch/"+b.ID.String(),
		b.University); err != nil {
		return nil, err
	}
	return core.NewFile(orderFileType, "attachment; filename="+b.ID.String()+".jsonl", content), nil
}

// kioskDeliveryView is what a kiosk has to receive.
type kioskDeliveryView struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	ShippedAt time.Time `json:"shipped_at"`
	Cards     []string  `json:"cards" doc:"Numbers of the cards still to come"`
}

type kioskDeliveryList struct {
	Items []kioskDeliveryView `json:"items"`
}

// listKioskDeliveries returns what is on its way to the kiosk that asks, oldest first.
func (s *Server) listKioskDeliveries(ctx context.Context, _ *struct{}) (*core.Answer[kioskDeliveryList], error) {
	open, cards, err := s.Store.Production.OpenDeliveries(ctx, core.Machine(ctx).ID)
	if err != nil {
		return nil, err
	}
	return core.Answered(kioskDeliveryList{core.Each(open, func(d production.KioskDelivery) kioskDeliveryView {
		view := kioskDeliveryView{ID: d.ID, ShippedAt: d.ShippedAt, Cards: []string{}}
		for _, card := range cards {
			if card.DeliveryID == d.ID {
				view.Cards = append(view.Cards, card.CardNumber)
			}
		}
		return view
	})}), nil
}

type deliveryListInput struct {
	core.PageQuery
	Open bool `query:"open" doc:"Only those without a receipt"`
}

// listDeliveries returns the deliveries to the kiosks of one's university, newest first.
func (s *Server) listDeliveries(ctx context.Context,
	in *deliveryListInput) (*core.Answer[core.Page[production.KioskDelivery]], error) {
	return core.Listed(in.PageQuery, func(after uuid.UUID, limit int) ([]production.KioskDelivery, error) {
		return s.Store.Production.StaffDeliveries(ctx, core.Member(ctx), in.Open, after, limit)
	}, core.AsItIs, func(d production.KioskDelivery) uuid.UUID { return d.ID })
}

type placedInput struct {
	CardNumber  string `json:"card_number" pattern:"^[0-9]{8,20}$"`
	Compartment string `json:"compartment" pattern:"^[A-Z][0-9]{1,3}$" example:"A07"`
}

type receiptInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Placed  []placedInput `json:"placed" maxItems:"2000" nullable:"false" doc:"Where each card lies"`
		Missing []string      `json:"missing,omitempty" required:"false" maxItems:"2000" nullable:"false" doc:"Card numbers that did not arrive"`
		Damaged []string      `json:"damaged,omitempty" required:"false" maxItems:"2000" nullable:"false" doc:"Card numbers that are of no use"`
		NoRoom  []string      `json:"no_room,omitempty" required:"false" maxItems:"2000" nullable:"false" doc:"Card numbers for which no compartment was free: they stay with the courier, and another receipt tells of them"`
	}
}

func (in *receiptInput) receipt() production.Receipt {
	return production.Receipt{
		Delivery: in.ID, Missing: slices.Concat(in.Body.Missing), Damaged: slices.Concat(in.Body.Damaged), NoRoom: slices.Concat(in.Body.NoRoom),
		Placed: core.Each(in.Body.Placed, func(p placedInput) production.Placed { return production.Placed(p) }),
	}
}

// receiveAtKiosk takes the receipt of the kiosk a delivery came to (D3). It works while Temporal is away.
func (s *Server) receiveAtKiosk(ctx context.Context, in *receiptInput) (*core.Answer[production.KioskDelivery], error) {
	d, err := s.Store.Production.KioskReceipt(ctx, s.Request(ctx), core.Machine(ctx), in.receipt())
	return core.Answered(d), err
}

// receiveAsStaff takes the receipt of the card centre, for a kiosk that cannot give it.
func (s *Server) receiveAsStaff(ctx context.Context, in *receiptInput) (*core.Answer[production.KioskDelivery], error) {
	d, err := s.Store.Production.StaffReceipt(ctx, s.Request(ctx), core.Member(ctx), in.receipt())
	return core.Answered(d), err
}

type plasticReportInput struct {
	core.CaseInput
	Body struct {
		State campus.PlasticState `json:"state" enum:"lost,damaged"`
		Note  string              `json:"note,omitempty" required:"false" maxLength:"1000" words:"lines" doc:"To colleagues"`
	}
}

// reportPlastic notes that a card is not in its compartment, or of no use: another is made, and the old code is dead.
func (s *Server) reportPlastic(ctx context.Context, in *plasticReportInput) (*core.NoContent, error) {
	who := core.Member(ctx)
	c, err := s.Store.Casework.StaffCase(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	if !who.May(campus.HandlePlastic, c.Campus) {
		return nil, campus.NotPermitted(campus.HandlePlastic)
	}
	_, err = s.Store.Production.ReportPlastic(ctx, s.Request(ctx), who, c.ID, in.Body.State, in.Body.Note)
	return &core.NoContent{}, err
}
