package campus

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// CloseCase is the kind of case that closes a day of a university's books (L8). It is nobody's.
const CloseCase CaseKind = "close"

// The stages of a close.
const (
	StageWatermarks Stage = "watermarks" // tills that sell without network have not said that we have all of the day
	StageBooks      Stage = "books"      // the books are closed, and whoever writes to them still is waited for
	StageSettling   Stage = "settling"   // what each merchant has taken is settled
	StageComparing  Stage = "comparing"  // the files of the channels are compared with what we have
	StageReporting  Stage = "reporting"  // the report is written
	StageSigning    Stage = "signing"    // finance looks at differences, and signs
)

// The parties that a close waits for.
const (
	WaitsForTills   Party = "tills"
	WaitsForFinance Party = "finance"
)

// The decisions about a close.
const (
	SignUpdate             = "sign"              // finance signs the day
	SettleDifferenceUpdate = "settle-difference" // finance says what a difference was
)

// SettleDifference is what people do with a difference: they say what it was, or why it is accepted.
const SettleDifference = "settle"

// The kinds of work items of a close.
const (
	SilentTillsItem WorkItemKind = "silent_tills" // the day was closed without what these may have sold
	DifferenceItem  WorkItemKind = "difference"   // a line on which a channel and we differ
	UnsignedItem    WorkItemKind = "unsigned"     // nobody has signed a day in time
)

// DifferenceMost is how many differences of a close have a work item of their own; all are listed with the close.
const DifferenceMost = 200

// ChannelFileStep begins the name of the step that compares the file of a channel.
const ChannelFileStep = "channel-file"

const differenceStep = "difference-"

// DifferenceStep is the step of a difference, which its work item and its decision name. From 1000 on the number is
// written in two parts, as 12.345: more digits in a row are no code (Decision.Check).
func DifferenceStep(number int) string {
	if number < 1000 {
		return differenceStep + strconv.Itoa(number)
	}
	return fmt.Sprintf("%s.%03d", DifferenceStep(number/1000), number%1000)
}

// DifferenceNumber is the number of the difference of a step; 0 when it is the step of none.
func DifferenceNumber(step string) int {
	number, err := strconv.Atoi(strings.ReplaceAll(strings.TrimPrefix(step, differenceStep), ".", ""))
	if err != nil || number < 1 || DifferenceStep(number) != step {
		return 0
	}
	return number
}

// ChannelLineKind is what a line of a channel's file is about, or of the journal of a till.
type ChannelLineKind string

// The kinds of lines.
const (
	PaymentLine ChannelLineKind = "payment" // it was paid, to us
	RefundLine  ChannelLineKind = "refund"  // it was paid back
	SaleLine    ChannelLineKind = "sale"    // of the journal of a till: it was printed
)

// DifferenceKind is how a channel and we differ on a line.
type DifferenceKind string

// The kinds of differences.
const (
	MissingHere      DifferenceKind = "missing_here"      // the channel's file has it, we do not
	MissingThere     DifferenceKind = "missing_there"     // we have it, no file of the channel until then has
	AmountsDiffer    DifferenceKind = "amounts_differ"    // in one currency
	CurrenciesDiffer DifferenceKind = "currencies_differ" // whatever the amounts
	ToldTwice        DifferenceKind = "told_twice"        // the channel's files have it more than once
)

// ClosePolicy holds the numbers of the close of a day (L3, L8).
type ClosePolicy struct {
	After      Duration         `yaml:"after"`       // midnight
	Tills      Duration         `yaml:"tills"`       // how long tills are waited for at most
	Look       Duration         `yaml:"look"`        // between looks at what is waited for
	Fee        int64            `yaml:"fee"`         // L3: hundredths of a percent of what a merchant has taken
	Fees       map[string]int64 `yaml:"fees"`        // of trades that pay another
	SignWithin Duration         `yaml:"sign_within"` // from then on, and then each time after as long, people are told
}

const feeMost = 10_000 // hundredths of a percent: all of it

func (p ClosePolicy) check() error {
	for name, d := range map[string]Duration{"tills": p.Tills, "look": p.Look, "sign_within": p.SignWithin} {
		if d <= 0 {
			return Errorf(Invalid, "", "policy money.close.%s must be longer than nothing", name)
		}
	}
	if p.After < 0 || p.After.Std() >= 24*time.Hour {
		return Errorf(Invalid, "", "policy money.close.after must be a time of the day after")
	}
	for trade, fee := range p.Fees {
		if fee < 0 || fee > feeMost {
			return Errorf(Invalid, "", "policy money.close.fees: the fee of %q is no share", trade)
		}
	}
	if p.Fee < 0 || p.Fee > feeMost {
		return Errorf(Invalid, "", "policy money.close.fee is no share")
	}
	return nil
}

// FeeOf returns the fee for what a merchant of a trade has taken, less what it gave back: rounded down, never below
// nothing (L3).
func (p ClosePolicy) FeeOf(trade string, cents int64) int64 {
	share, own := p.Fees[trade]
	if !own {
		share = p.Fee
	}
	return max(cents, 0) * share / feeMost
}

// Overdue is how long ago the books of a day that ended then should have been closed: its tills were waited for long
// enough.
func (p ClosePolicy) Overdue(ended, now time.Time) time.Duration {
	return max(0, now.Sub(ended.Add(p.After.Std()+p.Tills.Std())))
}

// LastOver returns the last day whose books may be closed at a moment: it is over, and so is the time after midnight.
func (p ClosePolicy) LastOver(now time.Time) Date { return DateOf(now.Add(-p.After.Std())).AddDays(-1) }
