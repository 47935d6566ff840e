package story

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/e2e/client"
	"campuscard/school/simulator/till"
)

// isChargedTwice pays a sale of which the till forgets everything, and once more. The till's journal has one sale, so
// the other goes back at once (E3). A friend's noodles, which the till has as well, are for the merchant and staff.
func (s *storyRun) isChargedTwice(ctx context.Context) error {
	const cents = 2_00
	from := time.Now()
	code, err := s.purse.phone.Code(campus.ToPay)
	if err != nil {
		return err
	}
	lost, err := s.purse.till.Sell(ctx, till.Sale{AmountCents: cents, Code: code, Fault: till.Fault{Forgets: true}})
	if err != nil || lost.Outcome != till.Forgotten {
		return errors.Join(err, fmt.Errorf("a sale that is forgotten is %s", lost.Outcome))
	}
	s.purse.cents -= cents
	if err := s.pays(ctx, cents); err != nil {
		return err
	}
	if err := s.purse.till.SendJournal(ctx, from, time.Now()); err != nil {
		return err
	}
	id, err := s.student.Appeal(ctx, lost.Transfer, "charged_twice", "我只买了一份")
	if err != nil {
		return err
	}
	s.purse.cents += cents
	if err := s.appealAt(ctx, id, campus.StageContest); err != nil {
		return err
	}
	s.say("终端忘记了一笔 %s 元的交易，又收了一次：终端流水只有一笔，申诉后立即退回",
		"the till forgets a sale of %s yuan and takes it again: its journal has one, so the appeal gives the other back at once",
		yuan(cents))
	return s.has(ctx)
}

// disputesAPayment appeals a payment that the till has: the merchant contests, staff refuse, the holder objects, and
// another person gives a part back (E3).
func (s *storyRun) disputesAPayment(ctx context.Context) error {
	const cents, part = 3_00, 1_00
	receipt, err := s.sells(ctx, cents)
	if err != nil || !receipt.Paid {
		return errors.Join(err, fmt.Errorf("a sale of %d fen is %s", int64(cents), receipt.Outcome))
	}
	s.purse.cents -= cents
	id, err := s.student.Appeal(ctx, receipt.Transfer, "wrong_amount", "只点了一份")
	if err != nil {
		return err
	}
	if err := s.hearsTheMerchant(ctx, id); err != nil {
		return err
	}
	if err := s.student.ObjectAppeal(ctx, id, "我有小票"); err != nil {
		return err
	}
	if err := s.decidesAppeal(ctx, id, campus.StageVerdict, "finance2", map[string]any{"action": campus.RefundPart,
		"reason": "appeal_proven", "amount_cents": part}); err != nil {
		return err
	}
	s.purse.cents += part
	if err := s.appealAt(ctx, id, campus.StageDone); err != nil {
		return err
	}
	s.say("另一笔 %s 元：商户不同意，一人决定不退，持卡人异议后由另一人退回 %s 元",
		"of another payment of %s yuan the merchant says no, one person refuses, and after the objection another gives %s back",
		yuan(cents), yuan(part))
	return s.has(ctx)
}

// hearsTheMerchant has the merchant contest an appeal, and staff refuse it.
func (s *storyRun) hearsTheMerchant(ctx context.Context, id uuid.UUID) error {
	if err := s.decidesAppeal(ctx, id, campus.StageAnswer, "admin",
		map[string]any{"action": campus.ContestAppeal, "reason": "amount_right"}); err != nil {
		return err
	}
	if err := s.decidesAppeal(ctx, id, campus.StageVerdict, "finance",
		map[string]any{"action": campus.RefundNothing, "reason": "appeal_not_proven"}); err != nil {
		return err
	}
	return s.appealAt(ctx, id, campus.StageObjection)
}

// decidesAppeal has somebody decide the open item of an appeal at a stage.
func (s *storyRun) decidesAppeal(ctx context.Context, id uuid.UUID, stage campus.Stage, who string, body map[string]any) error {
	staff, err := s.staff(ctx, university, who)
	if err != nil {
		return err
	}
	if err := s.appealAt(ctx, id, stage); err != nil {
		return err
	}
	found, err := staff.Case(ctx, id)
	if err != nil || len(found.WorkItems) == 0 {
		return errors.Join(err, fmt.Errorf("an appeal at %s has no work item", found.Stage))
	}
	return staff.Ask(ctx, "/api/v1/staff/work-items/"+found.WorkItems[0].ID.String()+"/decision", body, nil)
}

// appealAt waits until an appeal has come to a stage.
func (s *storyRun) appealAt(ctx context.Context, id uuid.UUID, stage campus.Stage) error {
	deadline := time.Now().Add(s.cfg.Limit)
	for {
		found, err := s.student.Case(ctx, id)
		if err != nil || found.Stage == stage {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the appeal should be at %s: %s", stage, found)
		}
		if err := client.Sleep(ctx, lookPause); err != nil {
			return err
		}
	}
}
