package money_test

import (
	"fmt"
	"time"
)

// The model of the ledger that properties compare the product with. It shares no code with it: balances are kept by
// plain sums over a list of events, and reasons are looked for in the words of the requirements.

type modelPurse int

const (
	mainPurse modelPurse = iota
	subsidyPurse
	debtPurse
)

// modelEvent is a transfer of an account as the model knows it.
type modelEvent struct {
	kind    string
	amounts [3]int64 // changes, by purse
	after   [3]int64
}

// modelAccount is an account of the model.
type modelAccount struct {
	events  []modelEvent
	limit   int64
	frozen  bool
	until   int // day on which the subsidy is gone; 0: never
	counted map[int]int64
	today   int // by the clock, which may go back
	last    int // day of the last transfer, which does not

	shown    map[tokenKind]int64 // E1: the count of the last code, and of the last tap, that has paid
	closed   bool
	closedAt time.Time
}

// tokenKind is what names an account at a till.
type tokenKind string

const (
	phoneToken tokenKind = "phone"
	chipToken  tokenKind = "chip"
)

// modelToken is what somebody shows; none is shown by who is signed in.
type modelToken struct {
	kind  tokenKind
	bound bool // it is the account's
	count int64
}

// refused is why it does not pay.
func (k modelToken) refused(a *modelAccount) string {
	switch {
	case k.kind == "":
		return ""
	case !k.bound && k.kind == phoneToken:
		return "phone_unbound"
	case !k.bound:
		return "chip_ended"
	case k.count > a.shown[k.kind]:
		return ""
	case k.kind == phoneToken:
		return "code_used"
	}
	return "tap_used"
}

// day is the one on which a transfer would be now.
func (a *modelAccount) day() int {
	if a.last > a.today {
		return a.last
	}
	return a.today
}

func newModelAccount() *modelAccount {
	return &modelAccount{limit: 20000, counted: map[int]int64{}, shown: map[tokenKind]int64{}}
}

func (a *modelAccount) has(purse modelPurse) (sum int64) {
	for _, event := range a.events {
		sum += event.amounts[purse]
	}
	return sum
}

func (a *modelAccount) add(kind string, amounts [3]int64) {
	event := modelEvent{kind: kind, amounts: amounts}
	a.last = a.day()
	for purse := range event.after {
		event.after[purse] = a.has(modelPurse(purse)) + amounts[purse]
	}
	a.events = append(a.events, event)
}

// putMain adds to the main purse; what is owed is paid first.
func (a *modelAccount) putMain(kind string, cents, subsidy int64) {
	amounts := [3]int64{cents, subsidy, 0}
	for amounts[mainPurse] > 0 && a.has(debtPurse)+amounts[debtPurse] > 0 {
		step := a.has(debtPurse) + amounts[debtPurse]
		if step > amounts[mainPurse] {
			step = amounts[mainPurse]
		}
		amounts[mainPurse] -= step
		amounts[debtPurse] -= step
	}
	a.add(kind, amounts)
}

// endSubsidy takes out what has ended.
func (a *modelAccount) endSubsidy(day int) {
	if left := a.has(subsidyPurse); left > 0 && a.until != 0 && day >= a.until {
		a.add("expiry", [3]int64{0, -left, 0})
	}
}

// subsidyUntil has the purse ready for a subsidy: what has ended leaves, and of two that have not the later end counts.
func (a *modelAccount) subsidyUntil(until, day int) {
	a.endSubsidy(day)
	if a.has(subsidyPurse) == 0 || a.until != 0 && (until == 0 || until > a.until) {
		a.until = until
	}
}

// modelAnswer is what a key is answered.
type modelAnswer struct {
	outcome  string
	left     int64
	balance  int64
	reversed bool
	content  string
	payment  *modelPayment
}

// modelPayment is a payment that was taken.
type modelPayment struct {
	account       *modelAccount
	index         int // of its event
	main, subsidy int64
	day           int
	until         int // the end of the subsidy that paid; 0: none
	counts        bool
	backMain      int64
	backSubsidy   int64
}

func (p *modelPayment) left() int64 { return p.main + p.subsidy - p.backMain - p.backSubsidy }

// modelPay is what is asked of the model.
type modelPay struct {
	account *modelAccount
	cents   int64
	covered bool
	counts  bool
	proved  bool
	age     time.Duration
	day     int
	content string
	token   modelToken
	stopped bool // the till does not work
}

// judge says what becomes of a payment, and does it if it is taken.
func (q modelPay) judge() modelAnswer {
	a := q.account
	answer := func(outcome string) modelAnswer {
		left := a.limit - a.counted[a.day()]
		if left < 0 {
			left = 0
		}
		return modelAnswer{outcome: outcome, left: left, balance: a.has(mainPurse) + a.has(subsidyPurse), content: q.content}
	}
	if q.age > 24*time.Hour || q.age < -2*time.Minute {
		return answer("payment_time")
	}
	if q.stopped {
		return answer("stopped")
	}
	if why := q.token.refused(a); why != "" {
		return answer(why)
	}
	if a.closed {
		return answer("account_closed")
	}
	if a.frozen {
		return answer("card_frozen")
	}
	a.endSubsidy(q.day)
	if q.counts && a.counted[a.day()]+q.cents > a.limit {
		return answer("limit_reached")
	}
	fromSubsidy := int64(0)
	if q.covered {
		for fromSubsidy = a.has(subsidyPurse); fromSubsidy > q.cents; fromSubsidy = q.cents {
		}
	}
	if fromSubsidy+a.has(mainPurse) < q.cents {
		return answer("insufficient_funds")
	}
	if q.cents > 5000 && !q.proved {
		return answer("password_needed")
	}
	paid := &modelPayment{account: a, index: len(a.events), main: q.cents - fromSubsidy, subsidy: fromSubsidy, day: a.day(),
		until: a.until, counts: q.counts}
	a.add("payment", [3]int64{fromSubsidy - q.cents, -fromSubsidy, 0})
	if q.counts {
		a.counted[a.day()] += q.cents
	}
	if q.token.kind != "" {
		a.shown[q.token.kind] = q.token.count
	}
	done := answer("paid")
	done.payment = paid
	return done
}

// giveBack gives a part of a payment back, the main purse first.
func (p *modelPayment) giveBack(kind string, cents int64, day int) {
	toMain := p.main - p.backMain
	if toMain > cents {
		toMain = cents
	}
	toSubsidy := cents - toMain
	p.backMain += toMain
	p.backSubsidy += toSubsidy
	if p.account.closed {
		return // it goes to nobody, and to the fund
	}
	if p.until != 0 && day >= p.until {
		toSubsidy = 0 // it goes to the fund
	}
	if toSubsidy > 0 {
		p.account.subsidyUntil(p.until, day)
	}
	if toMain+toSubsidy == 0 {
		return
	}
	p.account.putMain(kind, toMain, toSubsidy)
	if p.counts && p.day == p.account.day() {
		p.account.counted[p.day] -= toMain + toSubsidy
	}
}

func (a *modelAccount) String() string {
	return fmt.Sprint([]int64{a.has(mainPurse), a.has(subsidyPurse), a.has(debtPurse)})
}
