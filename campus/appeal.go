package campus

import (
	"slices"
	"time"
)

// AppealCase is the kind of case in which a holder asks for a payment back (E3, 误刷申诉).
const AppealCase CaseKind = "appeal"

// The stages of an appeal.
const (
	StageWeighing     Stage = "weighing"      // whether our own tables say that it is a duplicate
	StageAnswer       Stage = "answer"        // the merchant says what it knows
	StageVerdict      Stage = "verdict"       // staff decide
	StageSecondPerson Stage = "second_person" // what is large takes two people
	StageRefund       Stage = "refund"        // money goes back
	StageObjection    Stage = "objection"     // the holder may object, once
	StageContest      Stage = "contest"       // the merchant may object to an obvious duplicate
	StageDispute      Stage = "dispute"       // staff decide about that
	StageRecovery     Stage = "recovery"      // what went back is taken again
)

// Parties that an appeal waits for.
const (
	WaitsForMerchant Party = "merchant" // whoever looks after the merchant
)

// The work items of an appeal.
const (
	AppealAnswerItem  WorkItemKind = "appeal_answer"
	AppealItem        WorkItemKind = "appeal"
	AppealSecondItem  WorkItemKind = "appeal_second"
	DuplicateItem     WorkItemKind = "duplicate"         // it was refunded at once, and the merchant may object
	DuplicateObjected WorkItemKind = "duplicate_dispute" // the merchant has
)

// AppealAction is what people say about an appeal.
type AppealAction string

// The actions. The merchant agrees, contests, objects; the others are of staff.
const (
	AgreeAppeal      AppealAction = "agree"
	ContestAppeal    AppealAction = "contest"
	RefundAll        AppealAction = "refund_all"
	RefundPart       AppealAction = "refund_part"
	RefundNothing    AppealAction = "refund_nothing"
	ConfirmVerdict   AppealAction = "confirm"
	SendBack         AppealAction = "send_back"
	ObjectRefund     AppealAction = "object"
	UpholdObjection  AppealAction = "uphold"
	DismissObjection AppealAction = "dismiss"
)

// appealReasons are the reasons that each action takes, codes of the text catalogue; an action without any takes none.
var appealReasons = map[AppealAction][]string{
	ContestAppeal:    {"sale_made", "amount_right", "two_sales"},
	RefundAll:        {"appeal_proven", "merchant_agreed", "merchant_silent"},
	RefundPart:       {"appeal_proven", "merchant_agreed", "merchant_silent"},
	RefundNothing:    {"appeal_not_proven", "own_payment", "two_sales"},
	ObjectRefund:     {"sale_made", "two_sales"},
	UpholdObjection:  {"two_sales", "sale_made"},
	DismissObjection: {"objection_not_proven"},
}

// AppealReasonsOf returns the reasons for an action on an appeal; none where it takes none.
func AppealReasonsOf(action AppealAction) []string { return slices.Clone(appealReasons[action]) }

// CheckAppealReason refuses a reason that is none of an action. Invalid: reason_unknown.
func CheckAppealReason(action AppealAction, reason string) error {
	if reasons := appealReasons[action]; len(reasons) > 0 && !slices.Contains(reasons, reason) {
		return FieldErrorf("reason", "reason_unknown", "%s is no reason to %s", reason, action)
	}
	return nil
}

// AppealReason is why a holder wants a payment back, as they say.
type AppealReason string

// The reasons of holders.
const (
	WrongAmount  AppealReason = "wrong_amount"
	ChargedTwice AppealReason = "charged_twice"
	NotMine      AppealReason = "not_mine"
	NotGot       AppealReason = "not_got"
	OtherReason  AppealReason = "other"
)

// AppealReasons returns all reasons of holders.
func AppealReasons() []AppealReason {
	return []AppealReason{WrongAmount, ChargedTwice, NotMine, NotGot, OtherReason}
}

// AppealPolicy holds the numbers of appeals (E3).
type AppealPolicy struct {
	Within              Duration `yaml:"within"` // from the payment, or from the upload of one without network
	MerchantWorkingDays int      `yaml:"merchant_working_days"`
	DecisionWorkingDays int      `yaml:"decision_working_days"`
	Reminder            Duration `yaml:"reminder"`   // before the date, to whoever it waits for
	Escalation          Duration `yaml:"escalation"` // before the date, to heads as well
	Again               Duration `yaml:"again"`      // after the date, until staff have decided
	TwoPeopleAbove      int64    `yaml:"two_people_above"`
	Objection           Duration `yaml:"objection"` // how long the holder may object to a refusal

	Duplicates DuplicatePolicy `yaml:"duplicates"`
}

// DuplicatePolicy says which duplicates are refunded at once, if our own tables have the evidence (E3).
type DuplicatePolicy struct {
	Window  Duration `yaml:"window"`  // between the two sales, by the clock of the till
	Most    int64    `yaml:"most"`    // fen
	Times   int      `yaml:"times"`   // for one holder, within ...
	Within  Duration `yaml:"within"`  // a term
	Contest Duration `yaml:"contest"` // how long the merchant may object
}

func (p AppealPolicy) check() error {
	for name, value := range map[string]Duration{"within": p.Within, "again": p.Again, "objection": p.Objection,
		"duplicates.window": p.Duplicates.Window, "duplicates.within": p.Duplicates.Within,
		"duplicates.contest": p.Duplicates.Contest} {
		if value <= 0 {
			return Errorf(Invalid, "", "policy money.appeals.%s must be longer than nothing", name)
		}
	}
	switch {
	case p.MerchantWorkingDays < 1 || p.DecisionWorkingDays < 1:
		return Errorf(Invalid, "", "policy money.appeals: at least one working day for the merchant, and for the decision")
	case p.TwoPeopleAbove < 0 || p.Duplicates.Most < 0 || p.Duplicates.Times < 0:
		return Errorf(Invalid, "", "policy money.appeals has a number below nothing")
	case p.Duplicates.Window.Std() > DuplicateWindowMost:
		return Errorf(Invalid, "", "policy money.appeals.duplicates.window is at most %s", DuplicateWindowMost)
	}
	return nil
}

// DuplicateWindowMost is the longest window in which a duplicate is looked for.
const DuplicateWindowMost = time.Hour

// CheckTime refuses an appeal that comes too late: from the first millisecond after Within on (E3). Conflict:
// appeal_late.
func (p AppealPolicy) CheckTime(posted, now time.Time) error {
	if now.Sub(posted) > p.Within.Std() {
		return Errorf(Conflict, "appeal_late", "the payment was posted more than %s ago", p.Within.Std())
	}
	return nil
}

// JournalMost is how many sales one journal of a till may name, JournalLongest how long a time it may be of: what it
// does not name counts as not printed.
const (
	JournalMost    = 1000
	JournalLongest = 7 * 24 * time.Hour
)

// RecoveryTransfer takes what went back of a duplicate again: the merchant's objection was upheld (E3).
const RecoveryTransfer TransferKind = "recovery"
