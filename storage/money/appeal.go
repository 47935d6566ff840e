package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Appeal is a payment that its holder asks back (E3). Its case says how far that has come.
type Appeal struct {
	CaseID        uuid.UUID `gorm:"primaryKey"`
	University    string
	PersonID      uuid.UUID
	TransferID    uuid.UUID
	AccountID     uuid.UUID
	BookID        uuid.UUID
	AskedCents    int64
	Reason        campus.AppealReason
	Word          string // what the holder wrote
	OpenedAt      time.Time
	TwinID        uuid.NullUUID // of an obvious duplicate: the sale that the till has
	JournalID     uuid.NullUUID
	Answer        campus.AppealAction // of the merchant; empty: none yet
	AnswerNote    string
	AnsweredBy    string
	AnsweredAt    *time.Time
	Round         int // decisions so far
	Verdict       campus.AppealAction
	VerdictReason string
	VerdictNote   string
	VerdictBy     string
	GrantedCents  int64 // by the last decision
	GivenCents    int64 // in all
	TakenCents    int64 // again
	Objection     string
	ContestNote   string

	PaidCents     int64 // the payment
	PaidAt        time.Time
	LeftCents     int64 // of the payment, now
	MerchantZH    string
	MerchantEN    string
	PolicyVersion string // of the case
}

// TableName names the table for gorm.
func (Appeal) TableName() string { return "appeals" }

// Duplicate tells that money goes back at once, because the till has one sale where we have two.
func (a Appeal) Duplicate() bool { return a.TwinID.Valid }

// NewAppeal is what a holder asks for.
type NewAppeal struct {
	Person        uuid.UUID
	Payment       uuid.UUID // the transfer
	Cents         int64     // 0: all that is left of it
	Reason        campus.AppealReason
	Word          string
	Policy        campus.AppealPolicy
	PolicyVersion string
}

// OpenAppeal opens the case in which a holder asks for a payment of theirs, under whatever number (decision 71).
// Whether it is an obvious duplicate is seen here, while nobody else can appeal for the same account. NotFound:
// appeal_unknown, for a payment of somebody else and for what is no payment. Conflict: appeal_late, appeal_exists,
// already_back, refund_too_high.
func (s *Store) OpenAppeal(ctx context.Context, req casework.Request, n NewAppeal) (a Appeal, err error) {
	if n.Cents != 0 {
		if err := campus.CheckAmount(n.Cents); err != nil {
			return a, err
		}
	}
	account, err := s.accountOfPayment(ctx, n.Payment)
	if err != nil {
		return a, err
	}
	a, err = onceAlone(ctx, s, account, "appeal a payment", req, func(t db.Tx) (Appeal, error) {
		return openAppeal(ctx, t, req, n)
	})
	return a, refusal(err)
}

func openAppeal(ctx context.Context, t db.Tx, req casework.Request, n NewAppeal) (a Appeal, err error) {
	o, err := appealable(t, n)
	if err != nil {
		return a, err
	}
	a = Appeal{CaseID: uuid.Must(uuid.NewV7()), University: o.University, PersonID: n.Person, TransferID: o.ID,
		AccountID: o.Account, BookID: o.Book, AskedCents: n.Cents, Reason: n.Reason, Word: n.Word, OpenedAt: t.Now}
	left := o.left.Main + o.left.Subsidy
	if a.AskedCents == 0 {
		a.AskedCents = left
	}
	if err := campus.CheckLeft(a.AskedCents, left); err != nil {
		return a, err
	}
	if a.AskedCents == -o.Change.Net() { // of all of it, of which nothing was given back
		if a.TwinID, a.JournalID, err = weigh(t, o, n); err != nil {
			return a, err
		}
	}
	return a, fileAppeal(ctx, t, a, n.PolicyVersion, req.Actor)
}

// appealable locks what was given back of a payment that its holder may appeal.
func appealable(t db.Tx, n NewAppeal) (o original, err error) {
	if o, err = lockOriginal(t, n.Payment); campus.CodeOf(err) == campus.NotFound {
		return o, appealUnknown(n.Payment)
	}
	if err != nil {
		return o, err
	}
	var theirs bool
	if err := t.Ask(`select exists (select from accounts where id = @account and person_id = any(`+numbersSQL+`))`,
		map[string]any{"account": o.Account, "person": n.Person}).Scan(&theirs); err != nil {
		return o, err
	}
	if !theirs {
		return o, appealUnknown(n.Payment)
	}
	// A sale without network is posted when it is uploaded, so that is from when it counts (E3).
	return o, n.Policy.CheckTime(o.At, t.Now)
}

func appealUnknown(payment uuid.UUID) error {
	return campus.Errorf(campus.NotFound, "appeal_unknown", "the holder has no payment %s", payment)
}

// fileAppeal keeps an appeal, with its case and the start of its workflow.
func fileAppeal(ctx context.Context, t db.Tx, a Appeal, policyVersion string, by campus.Actor) error {
	owner := casework.CaseOwner{University: a.University, PersonID: a.PersonID}
	if err := t.Ask(`select campus from people where id = @id`, map[string]any{"id": a.PersonID}).
		Scan(&owner.Campus); err != nil {
		return err
	}
	ref := campus.CaseRef{Kind: campus.AppealCase, ID: a.CaseID}
	if err := casework.OpenCase(t, ref, owner, policyVersion); err != nil {
		return err
	}
	if err := t.Ask(`insert into appeals (case_id, university, person_id, transfer_id, account_id, book_id, asked_cents,
			reason, word, opened_at, twin_id, journal_id)
		values (@case, @university, @person, @transfer, @account, @book, @asked, @reason, @word, @now, @twin, @journal)
		returning case_id`, map[string]any{"case": a.CaseID, "university": a.University, "person": a.PersonID,
		"transfer": a.TransferID, "account": a.AccountID, "book": a.BookID, "asked": a.AskedCents,
		"reason": string(a.Reason), "word": a.Word, "now": t.Now, "twin": a.TwinID, "journal": a.JournalID}).
		Scan(&a.CaseID); err != nil {
		return refusal(err)
	}
	if err := casework.AddEvent(t, a.CaseID, campus.Event{Kind: "appealed", Actor: by, Public: true},
		uuid.Nil); err != nil {
		return err
	}
	if err := casework.AddAudit(t, by, "appeal.open", ref.WorkflowID(), a.University); err != nil {
		return err
	}
	return casework.EnqueueStart(ctx, t, ref, string(ref.Kind),
		campus.CaseInput{Case: ref, University: owner.University, Campus: owner.Campus})
}

// Appeal reads an appeal by its case. NotFound: appeal_unknown.
func (s *Store) Appeal(ctx context.Context, id uuid.UUID) (Appeal, error) {
	a, found, err := db.One[Appeal](ctx, s.DB, appealSQL, map[string]any{"case": id})
	if err == nil && !found {
		err = campus.Errorf(campus.NotFound, "appeal_unknown", "no appeal %s", id)
	}
	return a, db.Wrap("read an appeal", err)
}

const appealSQL db.Statement = `select a.*, t.amount_cents as paid_cents, t.at as paid_at,
		t.amount_cents - coalesce(r.main_back + r.subsidy_back, 0) as left_cents, coalesce(m.name_zh, '') as merchant_zh,
		coalesce(m.name_en, '') as merchant_en, c.policy_version
	from appeals a join cases c on c.id = a.case_id join transfers t on t.id = a.transfer_id
		left join refundables r on r.transfer_id = a.transfer_id left join merchants m on m.book_id = a.book_id
	where a.case_id = @case`

// nudgeAppeal has the open appeal of a payment, if there is one, look at it: all of it was given back in another way,
// and so nobody has to decide (E3). The payment's refunds are locked, so an appeal that is opened at the same time
// finds nothing left, or is found here.
func nudgeAppeal(t db.Tx, payment uuid.UUID) error {
	var id uuid.UUID
	err := t.Ask(`select a.case_id from appeals a join cases c on c.id = a.case_id
		where a.transfer_id = @payment and c.outcome = ''`, map[string]any{"payment": payment}).Scan(&id)
	if err != nil {
		return none(err)
	}
	return casework.EnqueueSignal(t.Statement.Context, t, campus.CaseRef{Kind: campus.AppealCase, ID: id}, campus.FactsChanged)
}

// AppealNote is what people write with what they decide about an appeal, and how much of it they grant.
type AppealNote struct {
	Note        string `json:"note,omitempty"`
	AmountCents int64  `json:"amount_cents,omitempty"` // of a part, in fen
}

// SayOfAppeal keeps what a person has said about an appeal, with the move that says so.
func (s *Store) SayOfAppeal(ctx context.Context, m campus.Move) (campus.Moved, error) {
	moved, err := s.casework.MoveAs(ctx, m, func(t db.Tx, _ casework.MovedCase) error {
		note, err := casework.ReadDecision[AppealNote](t, m.Decision.ID)
		if err != nil {
			return err
		}
		return sayOf(t, m, note)
	})
	return moved, refusal(err)
}

// sayOf writes what a decision says. Each update has columns of its own.
func sayOf(t db.Tx, m campus.Move, note AppealNote) error {
	words := map[string]any{"case": m.Case.ID, "note": note.Note, "by": m.Decision.By.String(), "now": t.Now,
		"action": m.Decision.Action, "reason": m.Decision.Reason}
	switch m.Decision.Update {
	case campus.AnswerAppealUpdate:
		return t.Write(`update appeals set answer = @action, answer_note = @note, answered_by = @by, answered_at = @now
			where case_id = @case`, words)
	case campus.DecideAppealUpdate:
		return decideAppeal(t, words, campus.AppealAction(m.Decision.Action), note.AmountCents)
	case campus.ObjectAppealUpdate:
		return t.Write(`update appeals set objection = @note where case_id = @case`, words)
	case campus.ContestUpdate:
		return t.Write(`update appeals set contest_note = @note where case_id = @case`, words)
	}
	return nil
}

// decideAppeal keeps how much of an appeal is granted by a decision. Invalid: part_amount.
func decideAppeal(t db.Tx, words map[string]any, action campus.AppealAction, part int64) error {
	var open int64 // of what was asked for
	if err := t.Ask(`select asked_cents - given_cents from appeals where case_id = @case for no key update`, words).
		Scan(&open); err != nil {
		return err
	}
	granted := open
	switch action {
	case campus.RefundNothing:
		granted = 0
	case campus.RefundPart:
		if granted = part; part < 1 || part >= open {
			return campus.FieldErrorf("amount_cents", "part_amount", "a part is more than nothing, and not all that is left")
		}
	}
	words["granted"] = granted
	return t.Write(`update appeals set round = round + 1, verdict = @action, verdict_reason = @reason, verdict_note = @note,
		verdict_by = @by, granted_cents = @granted where case_id = @case`, words)
}
