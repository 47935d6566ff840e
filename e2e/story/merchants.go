package story

import (
	"context"
	"os"
	"time"

	"github.com/google/uuid"

	"campuscard/school/simulator/till"
)

// enrolTill is a till of a canteen that was taken on for this story.
func (s *storyRun) enrolTill(ctx context.Context) (*till.Till, error) {
	now := time.Now().Format("15:04:05.000")
	name := "演示食堂 " + now
	made, err := s.NewTill(ctx, university, name, "Canteen of the story "+now)
	if err != nil {
		return nil, err
	}
	s.purse.merchant = made.Merchant
	folder, err := os.MkdirTemp("", "campuscard-till-")
	if err != nil {
		return nil, err
	}
	x, err := till.Open(folder, s.cfg.API, time.Now)
	if err != nil {
		return nil, err
	}
	s.say("两名财务人员核准商户“%s”及其收款账户，终端注册",
		"two people of finance take the merchant %q on, and where it is paid; its till is enrolled", name)
	return x, x.Enrol(ctx, made.ID, made.Code)
}

// NewTill is a till of a merchant of its own, with the code that it is enrolled with.
type NewTill struct {
	ID       uuid.UUID
	Merchant uuid.UUID
	Code     string
}

// NewTill has two people of finance take a canteen on, and where it is paid (L3).
func (w *World) NewTill(ctx context.Context, at, nameZH, nameEN string) (made NewTill, err error) {
	first, err := w.staff(ctx, at, "finance")
	if err != nil {
		return made, err
	}
	second, err := w.staff(ctx, at, "finance2")
	if err != nil {
		return made, err
	}
	var merchant, account, terminal struct{ ID uuid.UUID }
	if err := first.Ask(ctx, "/api/v1/staff/merchants",
		map[string]string{"name_zh": nameZH, "name_en": nameEN, "trade": "canteen"}, &merchant); err != nil {
		return made, err
	}
	path := "/api/v1/staff/merchants/" + merchant.ID.String()
	if err := second.Ask(ctx, path+"/opening", nil, nil); err != nil {
		return made, err
	}
	if err := first.Ask(ctx, path+"/bank-accounts", map[string]string{"holder": nameZH, "bank": "城市银行",
		"number": "6222 0212 3456 7890"}, &account); err != nil {
		return made, err
	}
	if err := second.Ask(ctx, "/api/v1/staff/bank-accounts/"+account.ID.String()+"/decision",
		map[string]bool{"confirm": true}, nil); err != nil {
		return made, err
	}
	if err := first.Ask(ctx, path+"/terminals", map[string]string{"name": "一号窗口"}, &terminal); err != nil {
		return made, err
	}
	made = NewTill{ID: terminal.ID, Merchant: merchant.ID}
	return made, first.Ask(ctx, "/api/v1/staff/terminals/"+terminal.ID.String()+"/enrolment-code", nil, &made)
}
