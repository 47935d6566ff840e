package money

import (
	"context"
	"strconv"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// appealTerminal is what asks for the transfers of appeals. Their keys are the case and what for.
const appealTerminal = "appeal"

// GivenBack is what became of the refund of an appeal, as its case is told.
type GivenBack struct {
	Some bool // of it went back
	All  bool // of what was granted: else only that was left of the payment
}

// RefundAppeal gives back what the last decision about an appeal grants, or all of an obvious duplicate: by purse, as
// every refund, to the account in use by now, whether or not the books of the day are closed (E3). If less is left of
// the payment it gives back that. Once for each decision: the same again is the same answer.
func (s *Store) RefundAppeal(ctx context.Context, id uuid.UUID) (back GivenBack, err error) {
	a, err := s.Appeal(ctx, id)
	if err != nil {
		return back, err
	}
	granted := a.GrantedCents
	if a.Duplicate() { // nobody decides about it
		granted = a.AskedCents
	}
	r := appealRefund{appeal: a, granted: granted, key: a.CaseID.String() + "/" + strconv.Itoa(a.Round),
		hash: hashOf("appeal", a.TransferID.String(), strconv.FormatInt(granted, 10))}
	var given int64
	err = s.alone(ctx, a.AccountID, "refund an appeal", func(t db.Tx) error {
		given, err = r.post(t)
		return err
	})
	return GivenBack{Some: given > 0, All: given == granted}, db.Wrap("refund an appeal", refusal(err))
}

// appealRefund is what goes back by one decision about an appeal.
type appealRefund struct {
	appeal  Appeal
	granted int64
	key     string
	hash    []byte
}

// post gives back what is left of what was granted, once, and answers how much that was.
func (r appealRefund) post(t db.Tx) (given int64, err error) {
	o, err := lockOriginal(t, r.appeal.TransferID)
	if err != nil {
		return 0, err
	}
	if given, found, err := r.before(t); err != nil || found {
		return given, err
	}
	answer := Answer{Outcome: Posted, At: t.Now, given: min(r.granted, o.left.Main+o.left.Subsidy)}
	if answer.given > 0 {
		back, err := o.left.GiveBack(answer.given)
		if err != nil {
			return 0, err
		}
		if _, answer.Transfer, err = o.giveBack(t, back, posting{kind: campus.RefundTransfer, terminal: appealTerminal,
			key: r.key, taken: t.Now}); err != nil {
			return 0, err
		}
	}
	if err := keepAnswer(t, appealTerminal, r.key, r.hash, o.Account, answer); err != nil {
		return 0, err
	}
	return answer.given, r.note(t, answer.given)
}

// before is what went back when this was asked for before, if it was.
func (r appealRefund) before(t db.Tx) (given int64, found bool, err error) {
	if _, found, err = firstAnswer(t, appealTerminal, r.key, r.hash); err != nil || !found {
		return 0, found, err
	}
	err = t.Ask(`select given_cents from answers where terminal = @terminal and key = @key`,
		map[string]any{"terminal": appealTerminal, "key": r.key}).Scan(&given)
	return given, true, err
}

// note counts what went back, and tells the holder.
func (r appealRefund) note(t db.Tx, given int64) error {
	if err := casework.AddAudit(t, campus.System(), "appeal.refund", "appeal/"+r.appeal.CaseID.String(),
		r.appeal.University); err != nil || given == 0 {
		return err
	}
	if err := t.Write(`update appeals set given_cents = given_cents + @given where case_id = @case`,
		map[string]any{"given": given, "case": r.appeal.CaseID}); err != nil {
		return err
	}
	return casework.QueueNotice(t, r.appeal.PersonID, &r.appeal.CaseID,
		campus.Notice{Template: "notice.appeal_given_back", Params: yuanParams(given)}, nil)
}

// RecoverAppeal takes what went back of an obvious duplicate again, for the merchant whose objection was upheld. What
// the account has not is owed (E3). Of an account that is closed by now nobody owes anything: the university pays the
// merchant. Once: the same again changes nothing.
func (s *Store) RecoverAppeal(ctx context.Context, id uuid.UUID) error {
	a, err := s.Appeal(ctx, id)
	if err != nil {
		return err
	}
	key, hash := a.CaseID.String()+"/recovery", hashOf("recovery", a.TransferID.String())
	err = s.alone(ctx, a.AccountID, "recover what an appeal gave back", func(t db.Tx) error {
		account, err := lockAccount(t, a.AccountID) // who comes second finds the answer
		if err != nil {
			return err
		}
		if _, found, err := firstAnswer(t, appealTerminal, key, hash); err != nil || found || a.GivenCents == 0 {
			return err
		}
		transfer, err := a.recover(t, account, key)
		if err != nil {
			return err
		}
		if err := keepAnswer(t, appealTerminal, key, hash, a.AccountID,
			Answer{Outcome: Posted, Transfer: transfer, At: t.Now}); err != nil {
			return err
		}
		return a.noteRecovery(t)
	})
	return db.Wrap("recover what an appeal gave back", refusal(err))
}

// recover posts what is taken again from a locked account.
func (a Appeal) recover(t db.Tx, account Account, key string) (uuid.UUID, error) {
	if account.ClosedAt != nil {
		return payFromCover(t, a.University, Payment{Terminal: appealTerminal, Key: key, Book: a.BookID,
			Cents: a.GivenCents, TakenAt: t.Now}, posting{kind: campus.CoverTransfer, cause: a.TransferID})
	}
	_, id, err := post(t, account, posting{kind: campus.RecoveryTransfer, book: a.BookID, cause: a.TransferID,
		change: account.Purses().TakeBeyond(a.GivenCents, false), terminal: appealTerminal, key: key, taken: t.Now})
	return id, err
}

// noteRecovery counts what was taken again, and tells the holder.
func (a Appeal) noteRecovery(t db.Tx) error {
	if err := t.Write(`update appeals set taken_cents = @taken where case_id = @case`,
		map[string]any{"taken": a.GivenCents, "case": a.CaseID}); err != nil {
		return err
	}
	if err := casework.AddAudit(t, campus.System(), "appeal.recover", "appeal/"+a.CaseID.String(), a.University); err != nil {
		return err
	}
	return casework.QueueNotice(t, a.PersonID, &a.CaseID,
		campus.Notice{Template: "notice.appeal_taken_again", Params: yuanParams(a.GivenCents)}, nil)
}
