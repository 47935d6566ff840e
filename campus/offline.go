package campus

import (
	"slices"
	"time"
)

// OfflinePolicy holds the numbers of sales that a till makes while it has no network (E1).
type OfflinePolicy struct {
	SaleMost    int64    `yaml:"sale_most"`    // that one sale takes
	TillMost    int64    `yaml:"till_most"`    // that a till may have taken since we last had all of it
	RecordsMost int      `yaml:"records_most"` // the same, as a number of sales
	Contact     Duration `yaml:"contact"`      // how long after it was last heard of a till goes on selling
	ClockOff    Duration `yaml:"clock_off"`    // how far its clock may be from ours
	Late        Duration `yaml:"late"`         // how old a sale may be when it comes
	OnePerson   int64    `yaml:"one_person"`   // the largest sale in suspense that one person settles alone
	Silent      Duration `yaml:"silent"`       // L8: without a heartbeat for so long, a till is silent
}

func (p OfflinePolicy) check() error {
	switch {
	case p.SaleMost < 0 || p.SaleMost > AmountMost || p.TillMost < 0 || p.TillMost > AmountMost:
		return Errorf(Invalid, "", "policy money.offline: sale_most and till_most are amounts")
	case p.RecordsMost < 1:
		return Errorf(Invalid, "", "policy money.offline.records_most must be at least 1")
	case p.OnePerson < 0 || p.OnePerson > AmountMost:
		return Errorf(Invalid, "", "policy money.offline.one_person is an amount")
	case p.Contact <= 0 || p.ClockOff <= 0 || p.Late <= 0 || p.Silent <= 0:
		return Errorf(Invalid, "", "policy money.offline: contact, clock_off, late and silent are longer than nothing")
	}
	return nil
}

// OfflineSale is what a till has written down of a sale without network.
type OfflineSale struct {
	Sequence int64     // of this generation of the till, from 1 on without a gap
	Key      string    // of the sale: that of the online try whose answer it has not seen, if there was one
	Cents    int64     // what was sold for
	TakenAt  time.Time // by the till's clock
	Code     string    // what the phone has shown, or the chip has said
	Epoch    int64     // of the newest denial that the till knew
}

// Bearer is who bears an offline sale.
type Bearer string

// Who bears an offline sale. Whoever it is, the sale is decided once.
const (
	HolderBears   Bearer = "holder"   // it is charged, beyond the balance if it must be
	AnswerBears   Bearer = "answered" // the online try was paid: nothing is posted a second time
	MerchantBears Bearer = "merchant" // the till ought not to have sold: nothing is posted
	CoverBears    Bearer = "cover"    // nobody could know: the merchant has it from the loss cover
	NobodyBears   Bearer = "suspense" // people decide: nothing is posted until then
)

// Suspense is why people decide a sale without network.
type Suspense string

// Why people decide.
const (
	RecordAhead  Suspense = "record_ahead" // its time is in the future
	RecordClock  Suspense = "clock_off"    // the till's clock was wrong
	RecordLate   Suspense = "record_late"  // it was very old when it came
	RecordKey    Suspense = "key_reused"   // its key stands for another sale
	RecordEarly  Suspense = "before_card"
	RecordReused Suspense = "code_used" // its code was used before
	RecordOther  Suspense = "differs"   // another sale was sent under its number before
)

// VariantsMost is how many sales are kept that differ from the one under their number. A till that makes up ever
// another is broken, and its uploads are in the audit trail.
const VariantsMost = 5

// TillTrouble is why staff look at a till (L8).
type TillTrouble string

// The troubles of a till.
const (
	TillSilent  TillTrouble = "silent"   // nothing is heard of it
	TillUnsent  TillTrouble = "unsent"   // it is heard, and we lack sales of it, or its clock is wrong
	TillPutAway TillTrouble = "put_away" // it is switched off
	TillLost    TillTrouble = "lost"     // its journal is
)

// OfflineFacts are what an offline sale is decided on.
type OfflineFacts struct {
	Now         time.Time
	ClockOff    time.Duration // how far the till's clock was ahead when it was last heard of
	Heard       time.Time     // when we last had all of the till; zero: never
	EndedAt     time.Time     // since when the till may not sell offline; zero: it may
	OpenCents   int64         // taken since we last had all of the till, with this sale
	OpenRecords int           // the same, as a number of sales
	Answer      PaymentOutcome
	Reversed    bool      // the key was
	CodeFault   string    // why the code was not good when the till sold; empty: it was
	Used        bool      // the code was used before
	OtherSale   bool      // the key stands for something else
	OpenedAt    time.Time // the account
	Closed      bool      // the account is, and none has come in its place
	ValidUntil  Date      // the card; the first day on which it does not pay
	DeniedEpoch int64     // of the denial that stood when the till sold, or that it knew; 0: there was none
	KnownEpoch  int64     // of the newest denial that the till knew
}

// Decide tells who bears an offline sale, and why if it is not simply the holder: the first reason that applies. What
// the clock of the till says comes first, because everything else is judged by it; an answer that there is already
// comes before all that speaks against the code, because it was given for the same sale.
func (p OfflinePolicy) Decide(s OfflineSale, f OfflineFacts) (Bearer, string) {
	switch {
	case s.TakenAt.Sub(f.Now) > p.ClockOff.Std():
		return NobodyBears, string(RecordAhead)
	case f.ClockOff.Abs() > p.ClockOff.Std():
		return NobodyBears, string(RecordClock)
	case f.Now.Sub(s.TakenAt) > p.Late.Std():
		return NobodyBears, string(RecordLate)
	case f.OtherSale:
		return NobodyBears, string(RecordKey)
	case f.Reversed:
		return MerchantBears, string(ReversedFirst)
	case f.Answer == Paid:
		return AnswerBears, ""
	case f.Answer != "":
		return MerchantBears, string(f.Answer)
	}
	if bearer, why := p.decideRight(s, f); bearer != "" {
		return bearer, why
	}
	return p.decideCard(s, f)
}

// decideRight tells whether the till could have known better by itself.
func (p OfflinePolicy) decideRight(s OfflineSale, f OfflineFacts) (Bearer, string) {
	switch {
	case !f.EndedAt.IsZero() && s.TakenAt.After(f.EndedAt):
		return MerchantBears, "offline_ended"
	case s.Cents > p.SaleMost || f.OpenCents > p.TillMost || f.OpenRecords > p.RecordsMost ||
		f.Heard.IsZero() || s.TakenAt.Sub(f.Heard) > p.Contact.Std():
		return MerchantBears, "offline_ceiling"
	case slices.Contains(unseen, f.CodeFault):
		return CoverBears, f.CodeFault
	case f.CodeFault != "":
		return MerchantBears, f.CodeFault
	}
	return "", ""
}

// unseen is what may be wrong with what a chip says, and no till can see without network. Of a phone's code a till can
// see everything: it has a certificate.
var unseen = []string{"tap_forged", "chip_unknown", "card_elsewhere"}

// EndsOffline tells whether a fault of a code ends a till's selling without network: somebody shows false ones there.
func EndsOffline(fault string) bool {
	return slices.Contains([]string{"code_forged", "certificate_forged", "tap_forged"}, fault)
}

// decideCard tells who bears what the card was at the time of the sale.
func (p OfflinePolicy) decideCard(s OfflineSale, f OfflineFacts) (Bearer, string) {
	switch {
	case s.TakenAt.Before(f.OpenedAt):
		return NobodyBears, string(RecordEarly)
	case f.Used:
		return NobodyBears, string(RecordReused)
	case !f.ValidUntil.IsZero() && !DateOf(s.TakenAt).Before(f.ValidUntil):
		return MerchantBears, string(CardExpired)
	case f.Closed:
		return CoverBears, string(AccountClosed)
	case f.DeniedEpoch == 0:
		return HolderBears, "" // F1: what was sold before the freeze is the holder's
	case f.KnownEpoch >= f.DeniedEpoch:
		return MerchantBears, "denied"
	}
	return CoverBears, "denied"
}
