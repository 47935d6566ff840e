package story

import (
	"context"
	"fmt"

	"campuscard/campus"
	"campuscard/e2e/client"
)

// gym is the package that the second university has by configuration alone (C2).
const gym = "gym"

// joinsGym asks for the package and checks that its system was made to know the card, once.
func (s *storyRun) joinsGym(ctx context.Context) error {
	card, err := s.card(ctx)
	if err != nil {
		return err
	}
	if err := s.student.AskPackage(ctx, card.ID, gym); err != nil {
		return err
	}
	p, err := s.packageBecomes(ctx, card, campus.PackageGranted)
	if err != nil {
		return err
	}
	if err := s.acted(ctx, client.Done{System: gym, Operation: "subscribe", Reference: card.ID.String()}); err != nil {
		return err
	}
	s.say("申请增值服务：%s，已开通", "asks for the package %s and gets it", p.Name)
	return s.hears(ctx, "notice.package_granted", map[string]string{"package": p.Name})
}

// leavesGym gives it back.
func (s *storyRun) leavesGym(ctx context.Context) error {
	card, err := s.card(ctx)
	if err != nil {
		return err
	}
	if err := s.student.ReturnPackage(ctx, card.ID, gym); err != nil {
		return err
	}
	p, err := s.packageBecomes(ctx, card, campus.PackageWithdrawn)
	if err != nil {
		return err
	}
	s.say("退订%s，系统已注销该卡", "gives the package %s back", p.Name)
	return s.acted(ctx, client.Done{System: gym, Operation: "unsubscribe", Reference: card.ID.String()})
}

func (s *storyRun) packageBecomes(ctx context.Context, card client.Card, state campus.PackageState) (p client.Package,
	err error) {
	err = s.await(ctx, "package "+string(state), func(ctx context.Context) (bool, string, error) {
		packages, err := s.student.Packages(ctx, card.ID)
		if err != nil || len(packages) != 1 {
			return false, fmt.Sprintf("%d packages", len(packages)), err
		}
		p = packages[0]
		return p.State == state, string(p.State), nil
	})
	return p, err
}
