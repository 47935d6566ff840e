package story

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"campuscard/campus"
	"campuscard/e2e/client"
)

// plain plays a student from the first sign-in to the plastic in hand.
func plain() story {
	return story{name: "A", kind: "plain", university: university, steps: []step{
		(*storyRun).signInFirst,
		(*storyRun).apply,
		(*storyRun).isChecked,
		(*storyRun).isApproved,
		(*storyRun).activates,
		(*storyRun).isHeldOnce,
		(*storyRun).isProduced,
		(*storyRun).picksUp,
		(*storyRun).wentPlainly,
	}}
}

// isChecked waits until the case lies before a reviewer with every check passed.
func (s *storyRun) isChecked(ctx context.Context) error {
	found, err := s.reaches(ctx, campus.StageReview)
	if err != nil {
		return err
	}
	return s.passed(found, append(papersOf(s.person), campus.DocumentItem, campus.RegistryItem,
		campus.PhoneItem, campus.LivenessItem, campus.PhotoItem)...)
}

// passed checks that exactly these items have a verdict, and that it is good.
func (s *storyRun) passed(c client.Case, items ...campus.Item) error {
	var passed []campus.Item
	for _, f := range c.Findings {
		if f.Verdict == campus.Pass {
			passed = append(passed, f.Item)
		}
	}
	slices.Sort(passed)
	slices.Sort(items)
	if len(c.Findings) != len(items) || !slices.Equal(passed, items) {
		return fmt.Errorf("the findings of %s are %v, and should be passed %v", c, c.Findings, items)
	}
	return nil
}

// isApproved has the reviewer look at the evidence and approve, and waits for the news.
func (s *storyRun) isApproved(ctx context.Context) error {
	if err := s.approve(ctx); err != nil {
		return err
	}
	if _, err := s.reaches(ctx, campus.StageActivation); err != nil {
		return err
	}
	if err := s.hears(ctx, "notice.approved", nil); err != nil {
		return err
	}
	s.say("收到审核通过的短信和邮件", "told by message and mail: approved")
	return nil
}

func (s *storyRun) approve(ctx context.Context) error {
	found, err := s.reviewer.Case(ctx, s.application)
	if err != nil {
		return err
	}
	if err := s.evidence(ctx, found); err != nil {
		return err
	}
	if len(found.WorkItems) != 1 || found.WorkItems[0].Kind != campus.ReviewItem {
		return fmt.Errorf("%s has the work items %v, not one review", found, found.WorkItems)
	}
	item := found.WorkItems[0].ID
	if err := s.reviewer.Claim(ctx, item); err != nil {
		return err
	}
	decided, err := s.reviewer.Review(ctx, item, campus.Approve, "")
	if err == nil {
		s.say("审核员查看证件并通过，去向：%s", "the reviewer looks at the document and approves, next: %s",
			campus.Text(s.cfg.Language, "stage."+string(decided.Stage), nil))
	}
	return err
}

// evidence checks that the reviewer sees the very document that was handed in.
func (s *storyRun) evidence(ctx context.Context, c client.StaffCase) error {
	i := slices.IndexFunc(c.Files, func(f client.File) bool { return f.Purpose == campus.DocumentUpload })
	if i < 0 {
		return fmt.Errorf("%s shows no document to the reviewer", c)
	}
	content, err := s.reviewer.Look(ctx, c.ID, c.Files[i].ID)
	if err == nil && !slices.Equal(content, s.document) {
		err = fmt.Errorf("%s shows another document than was handed in", c)
	}
	return err
}

// activates activates the card, and looks at it and at the promise.
func (s *storyRun) activates(ctx context.Context) error {
	decided, err := s.student.Activate(ctx, s.application)
	if err != nil {
		return err
	}
	return s.isActive(ctx, decided)
}

// isActive checks what an activation has brought about.
func (s *storyRun) isActive(ctx context.Context, decided client.Decision) error {
	if decided.Stage != campus.StageDone {
		return fmt.Errorf("after the activation the case is at %s", decided.Stage)
	}
	if _, err := s.reaches(ctx, campus.StageDone); err != nil {
		return err
	}
	card, err := s.card(ctx)
	if err != nil {
		return err
	}
	if card.State != campus.CardActive || len(card.Services) != len(campus.BasePackage()) || len(card.Plastics) != 1 {
		return fmt.Errorf("the card is %s with the services %v and %d plastics", card.State, card.Services,
			len(card.Plastics))
	}
	promised := card.Plastics[0].PromisedOn
	s.say("虚拟卡 %s 可用；实体卡承诺 %s 前送达 %s",
		"card %s is active; the plastic is promised by %s at %s",
		card.Number, promised, card.Plastics[0].KioskID)
	return s.hears(ctx, "notice.activated", map[string]string{"promised": promised.String()})
}

func (s *storyRun) card(ctx context.Context) (client.Card, error) {
	cards, err := s.student.Cards(ctx)
	if err == nil && len(cards) != 1 {
		err = fmt.Errorf("there are %d cards, not one", len(cards))
	}
	if err != nil {
		return client.Card{}, err
	}
	return cards[0], nil
}

// isHeldOnce checks that every system of the base package knows the card, and was made to know it once.
func (s *storyRun) isHeldOnce(ctx context.Context) error {
	card, err := s.card(ctx)
	if err != nil {
		return err
	}
	for system, operation := range map[string]string{"access": "grant", "library": "open_patron",
		"canteen": "open_account"} {
		if err := s.acted(ctx, client.Done{System: system, Operation: operation, Reference: card.ID.String()}); err != nil {
			return err
		}
	}
	s.say("门禁、图书馆、餐厅各开通一次", "access, library and canteen know the card, each once")
	return nil
}

// isProduced waits until the bureau has made the card and it lies at the kiosk, and for the code to get it.
func (s *storyRun) isProduced(ctx context.Context) error {
	card, err := s.isAtTheKiosk(ctx)
	if err != nil {
		return err
	}
	ordered := client.Done{System: "bureau", Operation: "order", Reference: card.Plastics[0].ID.String()}
	return s.acted(ctx, ordered)
}

// isAtTheKiosk waits until the plastic lies at the kiosk, and answers its card.
func (s *storyRun) isAtTheKiosk(ctx context.Context) (client.Card, error) {
	cases, err := s.student.Cases(ctx, campus.PlasticCase)
	if err != nil {
		return client.Card{}, err
	}
	if len(cases) != 1 {
		return client.Card{}, fmt.Errorf("there are %d cases of a plastic, not one", len(cases))
	}
	s.plastic, s.told = cases[0].ID, 0
	if _, err := s.caseReaches(ctx, s.plastic, campus.StagePickup); err != nil {
		return client.Card{}, err
	}
	if err := s.tellTimeline(ctx, s.plastic); err != nil {
		return client.Card{}, err
	}
	return s.card(ctx)
}

// picksUp reads the code from the message and gets the card with it and the document; not with somebody else's.
func (s *storyRun) picksUp(ctx context.Context) error {
	card, err := s.card(ctx)
	if err != nil {
		return err
	}
	plastic := card.Plastics[0]
	code, err := s.pickupCode(ctx, plastic)
	if err != nil {
		return err
	}
	kiosk := s.kiosk(plastic.KioskID)
	_, err = kiosk.PickUp(ctx, code, "11010519491231002X")
	if problem, ok := errors.AsType[*client.Problem](err); !ok || problem.Status != http.StatusUnprocessableEntity {
		return fmt.Errorf("with somebody else's document the kiosk answers %w, not a refusal", err)
	}
	opened, err := kiosk.PickUp(ctx, code, s.person.DocumentNumber)
	if err != nil {
		return err
	}
	if opened.Plastic != plastic.ID || opened.Compartment == "" {
		return fmt.Errorf("the kiosk opened %q for plastic %s, not one for %s", opened.Compartment, opened.Plastic,
			plastic.ID)
	}
	s.say("自助机 %s：他人证件被拒，本人证件打开 %s 柜，实体卡到手",
		"kiosk %s: refuses another's document, opens %s for the holder's: plastic in hand",
		plastic.KioskID, opened.Compartment)
	if _, err := s.caseReaches(ctx, s.plastic, campus.StageDone); err != nil {
		return err
	}
	return s.tellTimeline(ctx, s.plastic)
}

// wentPlainly checks both timelines from end to end, and the plastic's state.
func (s *storyRun) wentPlainly(ctx context.Context) error {
	card, err := s.card(ctx)
	if err != nil {
		return err
	}
	if state := card.Plastics[0].State; state != campus.PlasticPickedUp {
		return fmt.Errorf("the plastic is %s, not %s", state, campus.PlasticPickedUp)
	}
	if err := s.happened(ctx, s.plastic, "plastic_begun", "plastic_queued", "plastic_ordered", "plastic_ready",
		"picked_up"); err != nil {
		return err
	}
	return s.happened(ctx, s.application, "applied", "checking", "checked", "liveness_passed", "photo_matched",
		"review_asked", "approved", "provisioned", "activated")
}
