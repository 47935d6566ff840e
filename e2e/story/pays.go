package story

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/e2e/client"
	"campuscard/school/simulator/till"
)

// pays plays a student whose card pays: topped up by a wallet and in cash, at a till in both ways, up to the limit,
// with an answer that gets lost (E1, E2, E4), by tapping the plastic, of which they are told (E1), and shown to prove
// who they are (D5). In the end finance closes the day, and the canteen is paid (L3, L8).
func pays() story {
	return story{name: "R", kind: "plain", university: university,
		steps: append(toCard((*storyRun).signInFirst, (*storyRun).apply), (*storyRun).isProduced, (*storyRun).picksUp,
			(*storyRun).topsUp, (*storyRun).topsUpAtTheBank, (*storyRun).bringsCash, (*storyRun).paysAtATill, (*storyRun).tapsThePlastic,
			(*storyRun).isTold, (*storyRun).reachesTheLimit,
			(*storyRun).losesAnAnswer, (*storyRun).isChargedTwice, (*storyRun).disputesAPayment, (*storyRun).sellsWithoutNetwork,
			(*storyRun).provesWhoTheyAre, (*storyRun).closesTheDay, (*storyRun).readsTheStatement)}
}

// purse is what a story knows of the holder's money.
type purse struct {
	till     *till.Till
	merchant uuid.UUID // whose till it is
	phone    *client.Phone
	cents    int64 // that should be in the main purse
}

// topsUp has the wallet put money on the card.
func (s *storyRun) topsUp(ctx context.Context) error {
	const cents = 100_00
	if err := s.topsUpBy(ctx, "wallet", cents); err != nil {
		return err
	}
	s.say("用钱包充值 %s 元", "the wallet puts %s yuan on the card", yuan(cents))
	return s.has(ctx)
}

// topsUpAtTheBank has a channel that is configuration alone put money on the card (L2).
func (s *storyRun) topsUpAtTheBank(ctx context.Context) error {
	const cents = 30_00
	if err := s.topsUpBy(ctx, "bank", cents); err != nil {
		return err
	}
	s.say("从银行充值 %s 元", "the bank puts %s yuan on the card", yuan(cents))
	return s.has(ctx)
}

// topsUpBy asks for a top-up, pays it at its channel, and waits until it is on the card.
func (s *storyRun) topsUpBy(ctx context.Context, channel string, cents int64) error {
	asked, err := s.student.AskTopUp(ctx, channel, cents)
	if err != nil {
		return err
	}
	if err := s.topUpIs(ctx, asked.ID, "waiting"); err != nil {
		return err
	}
	if err := s.school.Pay(ctx, channel, university, asked.ID); err != nil {
		return err
	}
	if err := s.topUpIs(ctx, asked.ID, "paid"); err != nil {
		return err
	}
	s.purse.cents += cents
	return nil
}

func (s *storyRun) topUpIs(ctx context.Context, id uuid.UUID, state string) error {
	deadline := time.Now().Add(s.cfg.Limit)
	for {
		found, err := s.student.TopUp(ctx, id)
		switch {
		case err != nil:
			return err
		case found.State == state:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("top-up %s is %s, not %s", id, found.State, state)
		}
		if err := client.Sleep(ctx, lookPause); err != nil {
			return err
		}
	}
}

// has checks what is in the main purse.
func (s *storyRun) has(ctx context.Context) error {
	account, err := s.student.Account(ctx)
	if err == nil && account.MainCents != s.purse.cents {
		err = fmt.Errorf("there are %d fen on the card, and should be %d", account.MainCents, s.purse.cents)
	}
	return err
}

// bringsCash has a cashier open a drawer, take cash for the holder, and close it with a colleague (L1).
func (s *storyRun) bringsCash(ctx context.Context) error {
	const float, cents = 200_00, 150_00
	cashier, err := s.staff(ctx, university, "cashier")
	if err != nil {
		return err
	}
	second, err := s.staff(ctx, university, "cashier2")
	if err != nil {
		return err
	}
	drawer, err := openDrawer(ctx, cashier, second, float)
	if err != nil {
		return err
	}
	found, err := s.reviewer.Case(ctx, s.application)
	if err != nil {
		return err
	}
	if err := cashier.Ask(ctx, drawer+"/takings", map[string]any{"person": found.PersonID, "amount_cents": cents},
		nil); err != nil {
		return err
	}
	s.purse.cents += cents
	if err := closeDrawer(ctx, drawer, cashier, second, float+cents); err != nil {
		return err
	}
	s.say("柜台收现金 %s 元，钱箱由两人结清", "a cashier takes %s yuan in cash; two people close the drawer", yuan(cents))
	return s.has(ctx)
}

// openDrawer opens a cashier's drawer; one that an earlier story has left open is closed first.
func openDrawer(ctx context.Context, cashier, second *client.Staff, float int64) (path string, err error) {
	const drawers = "/api/v1/staff/drawers"
	var open struct {
		Items []struct {
			ID       uuid.UUID
			State    string
			Expected int64 `json:"expected_cents"`
		}
	}
	if err := cashier.See(ctx, drawers, url.Values{"open": {"true"}}, &open); err != nil {
		return "", err
	}
	for _, left := range open.Items {
		if err := closeDrawer(ctx, drawers+"/"+left.ID.String(), cashier, second, left.Expected); err != nil {
			return "", err
		}
	}
	var opened struct{ ID uuid.UUID }
	err = cashier.Ask(ctx, drawers, map[string]any{"campus": "east", "float_cents": float}, &opened)
	return drawers + "/" + opened.ID.String(), err
}

func closeDrawer(ctx context.Context, drawer string, cashier, second *client.Staff, cents int64) error {
	counted := map[string]int64{"counted_cents": cents}
	err := cashier.Ask(ctx, drawer+"/count", counted, nil)
	if problem, ok := errors.AsType[*client.Problem](err); ok && problem.Reason != "drawer_counted" {
		return err
	}
	return second.Ask(ctx, drawer+"/closure", counted, nil)
}

// paysAtATill has two people take a canteen on, enrols its till, and pays in both ways.
func (s *storyRun) paysAtATill(ctx context.Context) (err error) {
	if s.purse.till, err = s.enrolTill(ctx); err != nil {
		return err
	}
	if s.purse.phone, err = s.student.BindPhone(ctx); err != nil {
		return err
	}
	const shown, scanned = 12_50, 7_50
	if err := s.pays(ctx, shown); err != nil {
		return err
	}
	receipt, code, err := s.purse.till.Show(scanned)
	if err != nil {
		return err
	}
	paid, err := s.student.Scan(ctx, code)
	if err != nil || !paid {
		return errors.Join(err, fmt.Errorf("the scanned sale of %d fen is not paid", int64(scanned)))
	}
	if receipt, err = s.purse.till.Await(ctx, receipt, s.cfg.Limit); err != nil || !receipt.Paid {
		return errors.Join(err, fmt.Errorf("the till does not hear of the scanned sale: %s", receipt.Outcome))
	}
	s.purse.cents -= scanned
	s.say("在食堂出示付款码付 %s 元，扫收银台的码付 %s 元",
		"pays %s yuan in the canteen with a code shown, and %s by scanning the till's", yuan(shown), yuan(scanned))
	return s.has(ctx)
}

// tapped is what the plastic pays.
const tapped = 2_50

// tapsThePlastic pays by what the plastic's chip says: once. What it has said before, and what another chip says in its
// name, buys nothing.
func (s *storyRun) tapsThePlastic(ctx context.Context) (err error) {
	chip, err := s.takesThePlastic(ctx)
	if err != nil {
		return err
	}
	if err := s.student.BeTold(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, chip.Close()) }()
	tap := func(fault till.Fault) func() (string, error) {
		return func() (string, error) { return chip.Tap(fault) }
	}
	receipt, err := s.sellsFor(ctx, tapped, tap(till.Fault{}))
	if err != nil || !receipt.Paid {
		return errors.Join(err, fmt.Errorf("a tap of %d fen is %s", int64(tapped), receipt.Outcome))
	}
	s.purse.cents -= tapped
	receipt, err = s.sellsFor(ctx, tapped, tap(till.Fault{OldTap: true}))
	if err != nil || receipt.Outcome != string(campus.TapUsed) {
		return errors.Join(err, fmt.Errorf("a tap that has paid is %s once more", receipt.Outcome))
	}
	_, err = s.sellsFor(ctx, tapped, tap(till.Fault{ForgedTap: true}))
	if problem, ok := errors.AsType[*till.Problem](err); !ok || problem.Reason != "tap_forged" {
		return fmt.Errorf("a forged tap is answered %w, and should buy nothing", err)
	}
	s.say("刷实体卡付 %s 元；重放和伪造的刷卡被拒", "taps the plastic for %s yuan; a replayed and a forged tap are refused", yuan(tapped))
	return s.has(ctx)
}

// isTold waits for the message about the payment by plastic, which comes once (E1).
func (s *storyRun) isTold(ctx context.Context) error {
	amount := yuan(tapped)
	err := s.await(ctx, "message about a payment", func(ctx context.Context) (bool, string, error) {
		messages, err := s.school.Messages(ctx, s.person.Phone)
		told := count(messages, func(m client.Message) bool { return strings.Contains(m.Text, " "+amount+" ") })
		if told > 1 {
			err = errors.Join(err, fmt.Errorf("the payment of %s yuan is told %d times", amount, told))
		}
		return told == 1, fmt.Sprintf("%d messages, none of them it", len(messages)), err
	})
	if err == nil {
		s.say("短信通知：消费 %s 元", "is told by SMS of the payment of %s yuan", amount)
	}
	return err
}

// takesThePlastic has the holder's plastic there to be tapped, with what the bureau has written its chip with.
func (s *storyRun) takesThePlastic(ctx context.Context) (*till.Chip, error) {
	card, err := s.card(ctx)
	if err != nil {
		return nil, err
	}
	written, err := s.school.Chip(ctx, card.Plastics[0].ID)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "campuscard-chip-")
	if err != nil {
		return nil, err
	}
	return till.OpenChip(folder, written)
}

// sells has the till take a payment from the holder's phone.
func (s *storyRun) sells(ctx context.Context, cents int64) (till.Receipt, error) {
	return s.sellsFor(ctx, cents, func() (string, error) { return s.purse.phone.Code(campus.ToPay) })
}

// sellsFor has the till take a payment for what it is shown; a sale that is taken back because nothing was heard is
// sold again.
func (s *storyRun) sellsFor(ctx context.Context, cents int64, show func() (string, error)) (receipt till.Receipt,
	err error) {
	deadline := time.Now().Add(s.cfg.Limit)
	for {
		code, err := show()
		if err != nil {
			return receipt, err
		}
		receipt, err = s.purse.till.Sell(ctx, till.Sale{AmountCents: cents, Code: code})
		if err != nil || receipt.Outcome != string(campus.ReversedFirst) || time.Now().After(deadline) {
			return receipt, err
		}
	}
}

func (s *storyRun) pays(ctx context.Context, cents int64) error {
	receipt, err := s.sells(ctx, cents)
	if err != nil || !receipt.Paid {
		return errors.Join(err, fmt.Errorf("a sale of %d fen is %s", cents, receipt.Outcome))
	}
	s.purse.cents -= cents
	return nil
}

// reachesTheLimit lowers the limit, meets it, and cannot raise it without the payment password (E2).
func (s *storyRun) reachesTheLimit(ctx context.Context) error {
	if err := s.student.SetLimit(ctx, 30_00); err != nil {
		return err
	}
	receipt, err := s.sells(ctx, 7_51)
	if err != nil || receipt.Outcome != string(campus.LimitReached) || receipt.LeftCents != 7_50 {
		return errors.Join(err, fmt.Errorf("beyond the limit a sale is %s, with %d fen left", receipt.Outcome,
			receipt.LeftCents))
	}
	err = s.student.Once().SetLimit(ctx, 200_00)
	if problem, ok := errors.AsType[*client.Problem](err); !ok || problem.Reason != "password_needed" {
		return fmt.Errorf("raising the limit is answered %w, and should take the payment password", err)
	}
	s.say("日限额降到 30 元：超额被拒，剩余 %s 元；提高限额需支付密码",
		"lowers the limit to 30 yuan: more is refused, with %s left; raising it takes the payment password",
		yuan(receipt.LeftCents))
	return s.has(ctx)
}

// losesAnAnswer has the till hear nothing of a sale: it asks again, and in the end takes the sale back.
func (s *storyRun) losesAnAnswer(ctx context.Context) error {
	code, err := s.purse.phone.Code(campus.ToPay)
	if err != nil {
		return err
	}
	receipt, err := s.purse.till.Sell(ctx, till.Sale{AmountCents: 5_00, Code: code, Fault: till.Fault{LoseAnswers: 3}})
	if err != nil || receipt.Paid || receipt.Outcome != string(campus.ReversedFirst) {
		return errors.Join(err, fmt.Errorf("a sale without an answer is %s", receipt.Outcome))
	}
	s.say("收银台没有收到应答，自动冲正，余额不变", "the till hears nothing and takes the sale back; the balance stays")
	return s.has(ctx)
}

// sellsWithoutNetwork has the canteen go on without network, and send what it has sold: a sale whose online answer got
// lost is charged once (E1).
func (s *storyRun) sellsWithoutNetwork(ctx context.Context) error {
	x := s.purse.till
	if err := s.until(ctx, func() error { return x.Beat(ctx, till.Fault{}) }); err != nil {
		return fmt.Errorf("the till is not heard: %w", err)
	}
	const lost, offline = 3_00, 2_00
	for _, cents := range []int64{lost, offline} {
		code, err := s.purse.phone.Code(campus.ToPay)
		if err != nil {
			return err
		}
		receipt, err := x.Begin(cents, till.Fault{})
		if err != nil {
			return err
		}
		if cents == lost {
			x.AskUnheard(ctx, receipt, code)
		}
		if receipt, err = x.SellOffline(receipt, code, till.Fault{}); err != nil {
			return fmt.Errorf("a sale without network is %s: %w", receipt.Outcome, err)
		}
	}
	var answers []till.OfflineAnswer
	err := s.until(ctx, func() error {
		sent, err := x.Upload(ctx, till.Fault{})
		answers = append(answers, sent...)
		return err
	})
	if err != nil || len(answers) != 2 || !answers[0].Posted || answers[1].Bearer != string(campus.HolderBears) {
		return errors.Join(err, fmt.Errorf("sales without network are answered %v", answers))
	}
	s.purse.cents -= lost + offline
	s.say("食堂断网：一笔联网时未收到应答的 %s 元改为离线，再离线收 %s 元；恢复后上传，各扣一次",
		"the canteen has no network: a sale of %s yuan whose answer got lost is taken again offline, and one of %s; "+
			"when they are sent, each is charged once", yuan(lost), yuan(offline))
	return s.has(ctx)
}

// until tries something again for as long as a story waits.
func (s *storyRun) until(ctx context.Context, try func() error) error {
	for deadline := time.Now().Add(s.cfg.Limit); ; {
		err := try()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		if err := client.Sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// provesWhoTheyAre shows the card: at a gate to a warden, and to a till, which cannot take money by that code (D5).
func (s *storyRun) provesWhoTheyAre(ctx context.Context) error {
	warden, err := s.staff(ctx, university, "warden")
	if err != nil {
		return err
	}
	code, err := s.purse.phone.Code(campus.ToProve)
	if err != nil {
		return err
	}
	_, err = s.purse.till.Sell(ctx, till.Sale{AmountCents: 1, Code: code})
	if problem, ok := errors.AsType[*till.Problem](err); !ok || problem.Reason != "code_purpose" {
		return fmt.Errorf("a code that proves is answered %w at a till, and should buy nothing", err)
	}
	var shown struct{ Name, State string }
	if err := warden.Ask(ctx, "/api/v1/staff/looks", map[string]string{"code": code}, &shown); err != nil {
		if problem, ok := errors.AsType[*client.Problem](err); !ok || problem.Status != http.StatusUnprocessableEntity {
			return err
		}
		return s.provesWhoTheyAre(ctx) // the answer got lost, and a code works once
	}
	if shown.Name != s.person.Name || shown.State != string(campus.CardActive) {
		return fmt.Errorf("the card proves %s, and should %s", shown.State, campus.CardActive)
	}
	s.say("出示身份码：门卫看到姓名和卡状态；收银台拒收身份码",
		"shows the identity code: the warden sees name and state; the till refuses it as payment")
	return nil
}

// readsTheStatement checks that the statement tells the story.
func (s *storyRun) readsTheStatement(ctx context.Context) error {
	lines, err := s.student.Statement(ctx)
	if err != nil {
		return err
	}
	sum := int64(0)
	for _, line := range lines {
		sum += line.ChangeCents
	}
	if sum != s.purse.cents {
		return fmt.Errorf("the statement adds up to %d fen, and there are %d", sum, s.purse.cents)
	}
	s.say("对账单共 %d 行，与余额 %s 元一致", "the statement has %d lines and adds up to the balance, %s yuan", len(lines),
		yuan(sum))
	finance, err := s.staff(ctx, university, "finance")
	if err != nil {
		return err
	}
	if err := finance.Ask(ctx, "/api/v1/staff/terminals/"+s.purse.till.ID().String()+"/put-away", nil, nil); err != nil {
		return fmt.Errorf("put the till away: %w", err)
	}
	return s.purse.till.Close()
}

// yuan writes an amount.
func yuan(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }
