package story

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"campuscard/campus"
	"campuscard/e2e/client"
)

// spoiltCard plays a student whose card comes out of the machine spoilt, and is made again (D3).
func spoiltCard() story {
	return story{name: "P", kind: "plain", university: university,
		steps: append(toCard((*storyRun).signInFirst, (*storyRun).apply, (*storyRun).hasBadLuck), (*storyRun).isMadeAgain,
			(*storyRun).picksUp)}
}

// unclaimedCard plays a student who comes for the card too late, and has it sent again (D3).
func unclaimedCard() story {
	return story{name: "Q", kind: "plain", university: university,
		steps: append(toCard((*storyRun).signInFirst, (*storyRun).apply), (*storyRun).isProduced, (*storyRun).comesTooLate,
			(*storyRun).isSentAgain, (*storyRun).picksUp)}
}

func (s *storyRun) hasBadLuck(ctx context.Context) error { return s.school.SpoilCardOf(ctx, s.person) }

// isMadeAgain waits until the second card lies at the kiosk, and checks that the first one is known to be spoilt.
func (s *storyRun) isMadeAgain(ctx context.Context) error {
	card, err := s.isAtTheKiosk(ctx)
	if err != nil {
		return err
	}
	if len(card.Plastics) != 2 || card.Plastics[0].State != campus.PlasticReady ||
		card.Plastics[1].State != campus.PlasticSpoilt {
		return fmt.Errorf("the plastics are %+v, not one spoilt and one at the kiosk", card.Plastics)
	}
	if card.Plastics[0].PromisedOn != card.Plastics[1].PromisedOn {
		return fmt.Errorf("the promise became %s, from %s", card.Plastics[0].PromisedOn, card.Plastics[1].PromisedOn)
	}
	return s.happened(ctx, s.plastic, "plastic_begun", "plastic_queued", "plastic_ordered", "plastic_spoilt",
		"plastic_ordered", "plastic_ready")
}

// comesTooLate lets the time at the kiosk pass: the card goes back, and its code is dead.
func (s *storyRun) comesTooLate(ctx context.Context) error {
	card, err := s.card(ctx)
	if err != nil {
		return err
	}
	waiting := card.Plastics[0]
	code, err := s.pickupCode(ctx, waiting)
	if err != nil {
		return err
	}
	if _, err := s.caseReaches(ctx, s.plastic, campus.StageReturned); err != nil {
		return err
	}
	if err := s.hears(ctx, "notice.plastic_returned", nil); err != nil {
		return err
	}
	_, err = s.kiosk(waiting.KioskID).PickUp(ctx, code, s.person.DocumentNumber)
	if problem, ok := errors.AsType[*client.Problem](err); !ok || problem.Status != http.StatusUnprocessableEntity {
		return fmt.Errorf("with the old code the kiosk answers %w, not a refusal", err)
	}
	s.say("逾期未取，卡片退回，旧取卡码失效",
		"nobody came: the card goes back, and the old code is refused")
	return s.tellTimeline(ctx, s.plastic)
}

// isSentAgain asks for the card once more; the same card comes, and nothing is made.
func (s *storyRun) isSentAgain(ctx context.Context) error {
	card, err := s.card(ctx)
	if err != nil {
		return err
	}
	before := card.Plastics[0]
	if _, err := s.student.Resend(ctx, card.ID, before.KioskID); err != nil {
		return err
	}
	if _, err := s.caseReaches(ctx, s.plastic, campus.StagePickup); err != nil {
		return err
	}
	if card, err = s.card(ctx); err != nil {
		return err
	}
	if len(card.Plastics) != 1 || card.Plastics[0].ID != before.ID {
		return fmt.Errorf("the plastics are %+v, not the one there was", card.Plastics)
	}
	return s.tellTimeline(ctx, s.plastic)
}
