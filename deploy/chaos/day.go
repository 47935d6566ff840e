package main

import (
	"campuscard/campus"
	"campuscard/school"
)

// dayEnd is the close of a day, as the tables have it in the end.
type dayEnd struct {
	Stage   campus.Stage
	Outcome campus.Outcome
	Closed  bool // the books
	Report  bool
	Signed  bool
}

// wrong is as that of a sale. Every close comes to its signature.
func (d dayEnd) wrong() (figure, string) {
	switch {
	case d.Outcome == "":
		return stuck, "it was never signed"
	case d.Outcome != campus.Completed || !d.Signed:
		return untrueFigure, "it has ended, and nobody has signed"
	case !d.Closed || !d.Report:
		return lost, "it is signed, and its books are open or it has no report"
	}
	return "", ""
}

// settled is what a merchant is settled for a closed day, and what stands on its book.
type settled struct {
	Kept bool
	Net  int64 // before the fee
	Fee  int64
	Due  int64

	Moved bool  // something stands on its book that is no fee and no payout
	Books int64 // in all
	Fees  int   // transfers
	Taken int64 // by them
}

// wrong is as that of a sale. Every transfer of a closed day is in its settlement, and the fee is taken once.
func (s settled) wrong() (figure, string) {
	fees := 0
	if s.Fee > 0 {
		fees = 1
	}
	switch {
	case !s.Kept && s.Moved:
		return lost, "it was not settled"
	case s.Net != s.Books:
		return untrueFigure, "another sum is settled than stands on its book"
	case s.Due != s.Net-s.Fee:
		return untrueFigure, "what is due is not what is left after the fee"
	case s.Fees > fees:
		return doubled, "the fee was taken more often than once"
	case s.Fees < fees:
		return lost, "the fee was not taken"
	case s.Taken != s.Fee:
		return untrueFigure, "another fee was taken"
	}
	return "", ""
}

// payout is what a merchant is paid, as the tables and the bank have it.
type payout struct {
	Kept    bool // here
	State   campus.PayoutState
	Cents   int64
	Settled int64 // by the settlements that it pays; those of one that bounced are due again
	Taken   int   // transfers that took it from the merchant's book
	Back    int   // and those that put it back

	Times      int // lines at the bank
	There      string
	ThereCents int64
}

// wrong is as that of a sale. A payout is paid once by the bank, and stands so in the books.
func (p payout) wrong() (figure, string) {
	back := 0
	if p.State == campus.PayoutBounced {
		back = 1
	}
	switch {
	case !p.Kept:
		return doubled, "the bank has it, and nobody has made it"
	case p.Times > 1:
		return doubled, "the bank has it more than once"
	case p.State == campus.PayoutAsked || p.There == school.PayoutProcessing:
		return stuck, "it has no outcome"
	case p.State == campus.PayoutPaid && p.There != school.PayoutPaid:
		return lost, "it is said to be paid, and the bank has not"
	case p.State == campus.PayoutBounced && p.There == school.PayoutPaid:
		return doubled, "it is said to have bounced, and the bank has paid it"
	case p.Times > 0 && p.ThereCents != p.Cents:
		return untrueFigure, "the bank has another amount"
	case p.Taken > 1 || p.Back < back:
		return lost, "it was taken from the merchant's book more often than it should"
	case p.Taken < 1 || p.Back > back:
		return doubled, "it was put into the merchant's book more often than it should"
	case p.State == campus.PayoutPaid && p.Settled != p.Cents:
		return untrueFigure, "the settlements that it pays are of another sum"
	}
	return "", ""
}

// appealed is an appeal, and what went back for it.
type appealed struct {
	Outcome campus.Outcome
	Reason  string // of the outcome
	Asked   int64
	Given   int64 // as its row says
	Posted  int64 // by its transfers
	Most    int   // transfers for one decision about it
}

// wrong is as that of a sale. What a holder is told at the end is so.
func (a appealed) wrong() (figure, string) {
	granted := a.Reason == "appeal_granted" || a.Reason == "appeal_part"
	switch {
	case a.Most > 1:
		return doubled, "one decision has given back more than once"
	case a.Posted > a.Asked:
		return doubled, "more went back than was asked for"
	case a.Posted != a.Given:
		return untrueFigure, "its row says that another amount went back"
	case a.Outcome == campus.Completed && granted && a.Posted == 0:
		return untrueFigure, "its holder is told that money went back, and none did"
	case a.Outcome != "" && a.Outcome != campus.Completed && a.Posted > 0:
		return untrueFigure, "its holder is told that nothing went back, and some did"
	}
	return "", ""
}
