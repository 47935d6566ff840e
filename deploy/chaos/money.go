package main

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/school/simulator/till"
)

// figure names a figure of the report that must be 0.
type figure string

const (
	lost          figure = "lost"
	doubled       figure = "doubled"
	stuck         figure = "stuck"
	untrueFigure  figure = "untrue"
	overdrawn     figure = "overdrawn"
	unbalanced    figure = "unbalanced"
	limitPassed   figure = "limit_passed"
	refusedPosted figure = "refused_posted"
)

// tillSays is what a till's journal says of a sale in the end.
type tillSays string

const (
	notBegun  tillSays = ""         // no till knows it
	saleOpen  tillSays = "open"     // begun, and neither printed nor taken back
	salePaid  tillSays = "paid"     // printed
	saleOff   tillSays = "refused"  // printed, with a reason
	takenBack tillSays = "reversed" // 冲正
	saleKept  tillSays = "offline"  // printed without network, and not sent
)

// sale is a sale: what the journal of its till says in the end, and what was posted.
type sale struct {
	Says  tillSays
	Cents int64
	Given int64 // fen that the till says it has given back
	Open  int   // voids and refunds of which the till does not know what became

	Posted      int // payments under its key
	PostedCents int64
	Back        int64 // fen that were given back of them
	Appealed    int64 // and by appeals
}

// wrong returns what is wrong with a sale, and the figure that counts it; empty: nothing is.
func (s sale) wrong() (figure, string) {
	switch {
	case s.Says == saleOpen || s.Open > 0:
		return stuck, "its till has not brought it to an end"
	case s.Says == saleKept:
		return stuck, "its till has not sent it"
	case s.Says == notBegun && s.Posted > 0:
		return refusedPosted, "it is posted, and no till has begun it"
	case s.Says == saleOff && s.Posted > 0:
		return refusedPosted, "it is posted"
	case s.Says == takenBack && s.PostedCents != s.Back+s.Appealed:
		return refusedPosted, "something of it is still posted"
	case s.Says != salePaid:
		return "", ""
	case s.Posted == 0:
		return lost, "it is not posted"
	case s.Posted > 1:
		return doubled, "it is posted more than once"
	case s.PostedCents != s.Cents:
		return untrueFigure, "another amount is posted"
	case s.Back < s.Given:
		return refusedPosted, "what was given back is still posted"
	case s.Back > s.Given:
		return doubled, "more came back than its till has given"
	case s.Back+s.Appealed > s.PostedCents:
		return doubled, "more came back than was paid"
	}
	return "", ""
}

// readSales is what a journal says in the end of each sale, by its key. What was given back is its payment's.
func readSales(lines []till.Line) map[string]sale {
	sales, keys := map[string]sale{}, map[uuid.UUID]string{}
	change := func(key string, by func(*sale)) {
		s := sales[key]
		by(&s)
		sales[key] = s
	}
	for _, line := range lines {
		switch line.Step {
		case till.Begun:
			change(line.Key, func(s *sale) { s.Says, s.Cents = saleOpen, line.AmountCents })
		case till.Reversing:
			change(line.Key, func(s *sale) { s.Says = saleOpen })
		case till.Reversed:
			change(line.Key, func(s *sale) { s.Says = takenBack })
		case till.Printed:
			keys[line.Transfer] = line.Key
			change(line.Key, func(s *sale) { s.Says = printed(line.Outcome) })
		case till.Uploaded:
			change(line.Key, func(s *sale) { s.Says = uploaded(s.Says, line.Outcome) })
		case till.Giving:
			change(keys[line.Payment], func(s *sale) { s.Open++ })
		case till.Given:
			change(keys[line.Payment], func(s *sale) { s.giveBack(line) })
		}
	}
	return sales
}

// uploaded is what a sale without network is once it is answered. What its till has taken back, or is taking back,
// because it was killed before it had printed it, stays so.
func uploaded(says tillSays, bearer string) tillSays {
	if says != saleKept {
		return says
	}
	switch campus.Bearer(bearer) {
	case campus.HolderBears, campus.AnswerBears, campus.CoverBears:
		return salePaid
	}
	return saleOff
}

func printed(outcome string) tillSays {
	switch campus.PaymentOutcome(outcome) {
	case till.Offline:
		return saleKept
	case campus.Paid:
		return salePaid
	case campus.ReversedFirst:
		return takenBack
	}
	return saleOff
}

// giveBack ends a void, which is of the whole sale, or a refund.
func (s *sale) giveBack(line till.Line) {
	s.Open--
	switch {
	case line.Outcome != till.GivenBack:
	case line.AmountCents == 0:
		s.Given += s.Cents
	default:
		s.Given += line.AmountCents
	}
}

// topUp is a payment at the channel, as both sides have it.
type topUp struct {
	Paid      bool // at the channel
	PaidCents int64

	Kept      bool // here
	Cents     int64
	Stray     campus.StrayReason
	Credited  int // transfers to an account
	Suspended int // and to the book of suspense
	Posted    int64
}

// wrong is as that of a sale. What is credited is posted once on an account, what is stray once in suspense.
func (t topUp) wrong() (figure, string) {
	times := t.Credited + t.Suspended
	switch {
	case t.Paid && !t.Kept && times == 0:
		return lost, "it was paid at the channel, and neither credited nor kept in suspense"
	case !t.Paid:
		return refusedPosted, "the channel was never paid it"
	case !t.Kept:
		return refusedPosted, "it is posted, and not kept as a payment"
	case t.Stray != campus.NotStray && t.Credited > 0:
		return refusedPosted, "it lies in suspense, and was credited"
	case times == 0:
		return lost, "it is kept, and not posted"
	case times > 1:
		return doubled, "it is posted more than once"
	case t.Stray == campus.NotStray && t.Credited == 0:
		return lost, "it was not credited"
	case t.Cents != t.PaidCents || t.Posted != t.PaidCents:
		return untrueFigure, "the channel has another amount"
	}
	return "", ""
}

// refund is what goes back to the source, as both sides have it.
type refund struct {
	Kept  bool // here
	Kind  campus.RefundKind
	State campus.RefundState
	Cents int64
	Taken int // transfers that took it from the account
	Ended int // and those of its end

	Asked      bool // of the channel
	There      string
	ThereCents int64
}

// wrong is as that of a sale. A refund takes the money once, and its end posts once where it goes.
func (r refund) wrong() (figure, string) {
	paid := r.Asked && r.There == school.WalletRefunded
	taken := 1
	if r.Kind == campus.StrayRefund {
		taken = 0 // it was never on an account
	}
	switch {
	case !r.Kept:
		return doubled, "the channel has it, and nobody has asked for it"
	case r.State == campus.RefundAsked || r.There == school.WalletProcessing:
		return stuck, "it has no outcome"
	case r.State == campus.RefundDone && !paid:
		return lost, "it is said to be paid back, and the channel has not"
	case r.State != campus.RefundDone && paid:
		return doubled, "it is said to have failed, and the channel has paid it back"
	case r.Asked && r.ThereCents != r.Cents:
		return untrueFigure, "the channel has another amount"
	case r.Taken < taken || r.Ended > 1:
		return doubled, "it was posted more often at its end than at its beginning"
	case r.Taken > taken || r.Ended < 1:
		return lost, "it was posted more often at its beginning than at its end"
	}
	return "", ""
}

// transfer is a row of them.
type transfer struct {
	ID       uuid.UUID
	From     uuid.UUID
	To       uuid.UUID
	Cents    int64
	Kind     campus.TransferKind
	Cause    uuid.UUID
	Terminal string
	Key      string
	At       time.Time
	Day      campus.Date // of the books
	Account  uuid.UUID   // none: from book to book
	Seq      int64
	Debt     int64 // of the account afterwards
	Offline  bool  // of a sale without network: it is never refused for the limit (E2)
}

// account is a row of them, with what may be spent on a day.
type account struct {
	ID    uuid.UUID
	Has   campus.Purses
	Seq   int64
	Limit int64
}

// wrong returns the figures that count an account, with its transfers in their order. It adds up amounts by their
// sides, and never believes a balance or what a transfer says that it counts.
func (a account) wrong(list []transfer) map[figure]string {
	wrong := map[figure]string{}
	if a.Has.Main < 0 || a.Has.Subsidy < 0 || a.Has.Debt < 0 {
		wrong[overdrawn] = fmt.Sprintf("its row has %+v", a.Has)
	}
	sum, spent, day := int64(0), int64(0), campus.Date{}
	on := map[uuid.UUID]campus.Date{} // the day of each payment
	for _, t := range list {
		change := t.Cents
		if t.From == a.ID {
			change = -change
		}
		if sum += change; sum+t.Debt < 0 {
			wrong[overdrawn] = fmt.Sprintf("after transfer %s there are %d fen", t.ID, sum)
		}
		today := campus.DateOf(t.At)
		if today != day {
			day, spent = today, 0
		}
		switch {
		case t.Kind == campus.PaymentTransfer:
			on[t.ID] = today
			if spent -= change; spent > a.Limit && !t.Offline {
				wrong[limitPassed] = fmt.Sprintf("after transfer %s %d fen are spent on a day, and may be %d", t.ID, spent, a.Limit)
			}
		case on[t.Cause] == today: // E2: what comes back on the same day
			spent -= change
		}
	}
	if sum != a.Has.Net() || int64(len(list)) != a.Seq {
		wrong[unbalanced] = fmt.Sprintf("its %d transfers add up to %d fen, its row has %d fen after %d", len(list), sum,
			a.Has.Net(), a.Seq)
	}
	return wrong
}
