package worker

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage"
	"campuscard/storage/money"
)

const (
	payoutPause = time.Second
	gatherPause = 30 * time.Second // a day is settled once
	payoutFiles = 4                // at once
)

// payouts pays the merchants (L3): it gathers what is due when a day was settled, sends it to the bank as a file, and
// asks what became of each line, until none can bounce any more. What waits is in rows (decision 103).
type payouts struct {
	store    *storage.Store
	bank     *school.Bank
	policies *campus.Policies
	log      *slog.Logger

	gathered time.Time // when it was last looked whether something is due
}

func (w *payouts) round(ctx context.Context) (time.Duration, error) {
	var failed error
	if now := w.store.Now(); now.Sub(w.gathered).Abs() >= gatherPause {
		failed, w.gathered = w.gather(ctx), now
	}
	due, err := w.store.Money.DuePayoutFiles(ctx, payoutFiles, 3*w.bank.Patience()+topUpOwn)
	failed = errors.Join(failed, err)
	for _, f := range due {
		failed = errors.Join(failed, w.ask(ctx, f))
	}
	return payoutPause, failed
}

// gather makes the files of the universities that have settled a day.
func (w *payouts) gather(ctx context.Context) error {
	universities, err := w.store.Money.UniversitiesToPay(ctx)
	for _, university := range universities {
		if terms := w.policies.For(university).Money.Payouts; terms.Automatic {
			err = errors.Join(err, w.store.Money.MakePayoutsDue(ctx, university, terms.Least))
		}
	}
	return err
}

// ask sends a file, or asks what became of it, and keeps what the bank says.
func (w *payouts) ask(ctx context.Context, f money.DueFile) error {
	state, err := w.send(ctx, f)
	if campus.CodeOf(err) == campus.Refused {
		state, err = w.refused(ctx, f, err)
	}
	if ctx.Err() != nil { // what fails while we stop says nothing about the bank
		return nil
	}
	terms, now := w.policies.For(f.University).Money.Payouts, w.store.Now()
	asked := money.FileAsked{ID: f.ID, Taken: err == nil, Next: terms.NextTry(now, f.Tries)}
	if err != nil {
		asked.Failure = string(campus.CodeOf(err))
		w.log.WarnContext(ctx, "the bank does not say what became of a payout file", "file", f.ID, "next", asked.Next,
			"error", err)
		return w.store.Money.PayoutFileAsked(ctx, asked)
	}
	waiting, news, err := w.settle(ctx, f, state)
	if err != nil {
		return err
	}
	asked.News = news
	if waiting == 0 {
		asked.Next = terms.NextLook(now, f.MadeAt)
	}
	return w.store.Money.PayoutFileAsked(ctx, asked)
}

// send gives the bank a file that it was never heard to have, under the same name each time. A bank that says that it
// has another under that name (409) has it all the same: it is asked what became of it.
func (w *payouts) send(ctx context.Context, f money.DueFile) (school.PayoutFileState, error) {
	if f.TakenAt == nil {
		file := school.PayoutFile{File: f.ID.String()}
		for i, p := range f.Payouts {
			file.Lines = append(file.Lines, school.PayoutLine{Line: p.ID.String(), AmountCents: p.AmountCents,
				Currency: campus.Yuan, Holder: f.Where[i].Holder, Bank: f.Where[i].Bank, Number: f.Where[i].Number})
		}
		state, err := w.bank.Send(ctx, f.University, file)
		if campus.CodeOf(err) != campus.Conflict {
			return state, err
		}
	}
	return w.bank.File(ctx, f.University, f.ID.String())
}

// refused asks about a file that the bank does not take: an earlier try, whose answer got lost, may have been taken. If
// it does not know the file, no line will ever be paid.
func (w *payouts) refused(ctx context.Context, f money.DueFile, refused error) (school.PayoutFileState, error) {
	state, err := w.bank.File(ctx, f.University, f.ID.String())
	if campus.CodeOf(err) != campus.NotFound {
		return state, err
	}
	state = school.PayoutFileState{File: f.ID.String()}
	for _, p := range f.Payouts {
		state.Lines = append(state.Lines, school.PayoutLineState{Line: p.ID.String(), State: school.PayoutBounced,
			Reason: cmp.Or(campus.ReasonOf(refused), string(campus.Refused))})
	}
	return state, nil
}

// settle keeps what became of each line. waiting are those without an outcome.
func (w *payouts) settle(ctx context.Context, f money.DueFile, state school.PayoutFileState) (waiting int, news bool,
	err error) {
	said := map[uuid.UUID]school.PayoutLineState{}
	for _, line := range state.Lines {
		if id, err := uuid.Parse(line.Line); err == nil {
			said[id] = line
		}
	}
	for _, p := range f.Payouts {
		line, told := said[p.ID]
		switch {
		case told && line.State != school.PayoutProcessing:
			news = news || string(p.State) != line.State
			err := w.store.Money.SettlePayout(ctx, f.University, p.ID, line.State == school.PayoutPaid, line.Reason)
			if campus.ReasonOf(err) == campus.ChannelContradicts { // people look into it
				w.log.ErrorContext(ctx, "the bank contradicts itself", "payout", p.ID, "error", err)
			} else if err != nil {
				return 0, false, err
			}
		case p.State == campus.PayoutAsked:
			waiting++
		}
	}
	return waiting, news, nil
}
