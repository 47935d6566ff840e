package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"campuscard/campus"
	"campuscard/e2e/client"
	"campuscard/school/simulator"
	"campuscard/school/simulator/till"
)

// payer is somebody who has their card, tops it up, pays by codes of their phone, and has things given back.
type payer struct {
	*shop
	student *client.Student
	dice    *rand.Rand
	phone   *client.Phone
	dearest int64       // of what they buy
	topUps  []uuid.UUID // that were paid at the wallet
	appeals []uuid.UUID

	mu   sync.Mutex
	kept []uuid.UUID // payments of which something is left, and that were not appealed
}

// spend goes on until the shop closes. What does not succeed, because something is down, is left.
func (p *payer) spend(ctx context.Context) {
	act := p.bindsPhone
	for {
		limited, cancel := context.WithTimeout(ctx, actTime)
		what, err := act(limited)
		cancel()
		p.did(what, err)
		if !p.pause(ctx, leastPause+draw(p.dice, mostPause-leastPause)) {
			return
		}
		switch n := p.dice.IntN(14); {
		case p.phone == nil:
		case n < 2 || len(p.topUps) == 0:
			act = p.topsUp
		case n == 2:
			act = p.wantsItBack
		case n == 3 && len(p.kept) > 0:
			act = p.appealsOne
		case n == 4 && len(p.appeals) > 0:
			act = p.objects
		default:
			act = p.buys
		}
	}
}

func (p *payer) bindsPhone(ctx context.Context) (what string, err error) {
	bound, err := p.student.BindPhone(ctx)
	if err == nil {
		p.phone = bound
	}
	return "phone bound", err
}

// topsUp asks for a top-up and pays it at the wallet, which tells of it in one of many ways, or not at all.
func (p *payer) topsUp(ctx context.Context) (string, error) {
	const what = "top-up"
	cents := 20_00 + 10_00*p.dice.Int64N(10)
	p.asks()
	asked, err := p.student.AskTopUp(ctx, "wallet", cents)
	for err == nil && asked.State != string(campus.OrderWaiting) {
		if err = client.Sleep(ctx, time.Second); err == nil {
			asked, err = p.student.TopUp(ctx, asked.ID)
		}
		if err == nil && asked.State != string(campus.OrderWaiting) && asked.State != string(campus.OrderCreated) {
			return what, fmt.Errorf("it is %s", asked.State)
		}
	}
	if err != nil {
		return what, err
	}
	order := asked.ID.String()
	paid := simulator.WalletAct{Order: order, Transaction: "wx-" + uuid.NewString()}
	acts := []simulator.WalletAct{paid}
	switch p.dice.IntN(9) {
	case 0:
		acts[0].Times = 3
	case 1:
		acts[0].DelayMS = 2000 + p.dice.IntN(6000)
	case 2:
		acts[0].Unsigned = true
	case 3:
		acts[0].Silent = true
	case 4:
		acts[0].AmountCents = cents - 1
	case 5: // a second payer
		acts = append(acts, simulator.WalletAct{Order: order, Transaction: "wx-" + uuid.NewString()})
	case 6: // for an order that there is not
		acts = append(acts, simulator.WalletAct{Order: uuid.NewString(), Transaction: "wx-" + uuid.NewString(),
			AmountCents: cents})
	case 7:
		if err := p.school.ActAtWallet(ctx, p.student.University, "closures", simulator.WalletAct{Order: order}); err != nil {
			return what, err
		}
	}
	p.topUps = append(p.topUps, asked.ID)
	for _, act := range acts {
		if err := p.school.ActAtWallet(ctx, p.student.University, "payments", act); err != nil {
			return what, err
		}
	}
	return what, nil
}

// wantsItBack has a part of a top-up, or all that is left of it, go back to where it came from.
func (p *payer) wantsItBack(ctx context.Context) (string, error) {
	cents := int64(0)
	if p.dice.IntN(2) == 0 {
		cents = 5_00
	}
	return "refund of a top-up", p.student.RefundTopUp(ctx, p.topUps[p.dice.IntN(len(p.topUps))], cents)
}

// appealsOne asks for a payment back.
func (p *payer) appealsOne(ctx context.Context) (string, error) {
	n := p.dice.IntN(len(p.kept))
	payment := p.kept[n]
	p.kept = slices.Delete(p.kept, n, n+1)
	reasons := campus.AppealReasons()
	id, err := p.student.Appeal(ctx, payment, string(reasons[p.dice.IntN(len(reasons))]), "")
	if err == nil {
		p.appeals = append(p.appeals, id)
	}
	return "appeal", err
}

// objects objects to what was decided about an appeal, if that can be.
func (p *payer) objects(ctx context.Context) (string, error) {
	return "objection", p.student.ObjectAppeal(ctx, p.appeals[p.dice.IntN(len(p.appeals))], "no")
}

// buys pays at a till in one of many ways. Of what is paid, some is given back.
func (p *payer) buys(ctx context.Context) (string, error) {
	const what = "sale"
	tills, cents, purpose, fault := p.tills[p.student.University], 1+p.dice.Int64N(p.dearest), campus.ToPay, till.Fault{}
	first, back := p.dice.IntN(len(tills)), giveBack(p.dice.IntN(6))
	at := tills[first : first+1]
	switch p.dice.IntN(12) {
	case 0, 1:
		return p.scans(ctx, at[0], cents, back)
	case 2:
		fault.LoseAnswers = 1
	case 3:
		fault.LoseAnswers = 3
	case 4: // E1: more than goes without the payment password
		cents = 60_00
	case 5: // D5: a code that proves buys nothing
		purpose = campus.ToProve
	case 6: // E1: a code works once
		at = tills
	case 7: // E1: the network of the till is down; or it goes while the till asks
		fault.LoseAnswers = p.dice.IntN(2)
		return p.buysOffline(ctx, at[0], cents, fault)
	}
	code, err := p.phone.Code(purpose)
	if err != nil {
		return what, err
	}
	var all errgroup.Group
	for _, name := range at {
		all.Go(func() error {
			receipt, err := p.cashier.Sell(ctx, name, till.Sale{AmountCents: cents, Code: code, Fault: fault})
			if err != nil {
				return err
			}
			return p.leaves(ctx, name, receipt, back)
		})
	}
	return what, all.Wait()
}

// buysOffline pays at a till that has no network. Its shop sends the sale later.
func (p *payer) buysOffline(ctx context.Context, name string, cents int64, fault till.Fault) (string, error) {
	const what = "sale without network"
	code, err := p.phone.Code(campus.ToPay)
	if err != nil {
		return what, err
	}
	receipt, err := p.cashier.SellOffline(ctx, name, till.Sale{AmountCents: cents, Code: code, Fault: fault})
	if err == nil && receipt.Outcome != till.Offline {
		err = fmt.Errorf("it is %s", receipt.Outcome)
	}
	return what, err
}

// scans pays what a till shows.
func (p *payer) scans(ctx context.Context, name string, cents int64, back giveBack) (string, error) {
	const what = "scanned sale"
	receipt, code, err := p.cashier.Show(ctx, name, cents)
	if err != nil {
		return what, err
	}
	_, scanned := p.student.Scan(ctx, code)
	receipt, err = p.cashier.Await(ctx, name, receipt)
	if err != nil {
		return what, errors.Join(scanned, err)
	}
	return what, errors.Join(scanned, p.leaves(ctx, name, receipt, back))
}

// giveBack is what becomes of a sale that is paid; mostly it stays.
type giveBack int

const (
	giveAll giveBack = iota
	givePart
)

// leaves has what is paid given back, all of it or a part, if it is to be.
func (p *payer) leaves(ctx context.Context, name string, receipt till.Receipt, back giveBack) error {
	if !receipt.Paid {
		return fmt.Errorf("it is %s", receipt.Outcome)
	}
	switch back {
	case giveAll:
		return p.cashier.GiveBack(ctx, name, receipt.Transfer, 0)
	case givePart:
		if err := p.cashier.GiveBack(ctx, name, receipt.Transfer, max(receipt.AmountCents/2, 1)); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept = append(p.kept, receipt.Transfer)
	return nil
}
