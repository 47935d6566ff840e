package campus

import (
	"slices"
	"strconv"
	"time"

	"github.com/robfig/cron/v3"
)

// BatchCase is the kind of case that has the card bureau make and bring many plastics at once (D3). It belongs to a
// university and is about nobody in particular.
const BatchCase CaseKind = "batch"

// The stages of a batch; production is that of its plastics too.
const (
	StageOrderFile Stage = "order_file" // the order file is written
	StageSending   Stage = "sending"    // it goes to the bureau
	StageDelivery  Stage = "delivery"   // everything is made, and some of it is on its way to the kiosks
)

// WaitsForCourier is the party that brings cards to the kiosks.
const WaitsForCourier Party = "courier"

// BatchState is a state of a batch.
type BatchState string

// The states of a batch.
const (
	BatchOpen   BatchState = "open"   // its cards are chosen; the bureau has not taken it yet
	BatchSent   BatchState = "sent"   // the bureau has it
	BatchDone   BatchState = "done"   // every card has reached its kiosk, or is made again
	BatchFailed BatchState = "failed" // given up; its cards wait for another batch
)

// BatchReason is why a batch was opened (D3).
type BatchReason string

// The reasons of a batch.
const (
	BatchBySchedule BatchReason = "schedule"
	BatchBySize     BatchReason = "size"
	BatchByStaff    BatchReason = "staff"
	BatchUrgent     BatchReason = "urgent" // the promise of a card nears (D2)
)

// DeliveryState is a state of what is brought to one kiosk.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryShipped  DeliveryState = "shipped"
	DeliveryReceived DeliveryState = "received" // somebody has given the receipt, or every card was reported
)

// OnTheRoad returns the states of a plastic that is in a batch and not yet at its kiosk.
func OnTheRoad() []PlasticState {
	return []PlasticState{PlasticOrdered, PlasticInProduction, PlasticResent, PlasticShipped}
}

// Waiting returns the states of a plastic that may be put into a batch: to be made and brought, or only brought.
func Waiting() []PlasticState { return []PlasticState{PlasticOrdered, PlasticResent} }

// ProductionPolicy holds the numbers of batches (D3). The zero policy is that of cases that began before there were
// any: each card is ordered by itself.
type ProductionPolicy struct {
	Batches      bool     `yaml:"batches"`
	Schedule     string   `yaml:"schedule"` // cron in Asia/Shanghai, or "@every 3s"; empty: none
	BatchSize    int      `yaml:"batch_size"`
	BatchAt      int      `yaml:"batch_at"`
	UrgentBefore Duration `yaml:"urgent_before"`
	Poll         Duration `yaml:"poll"`
	Limit        Duration `yaml:"limit"`
	ReceiptWait  Duration `yaml:"receipt_wait"`
	FileLife     Duration `yaml:"file_life"`
}

// largestBatch keeps an order file, and the bureau's answer to it, below the 1 MiB that we read of an answer.
const largestBatch = 2000

// leapYear begins a year that has every day of a calendar. From here a schedule has a next time, or never has one.
var leapYear = time.Date(2028, time.January, 1, 0, 0, 0, 0, Shanghai)

func (p ProductionPolicy) check() error {
	if p == (ProductionPolicy{}) {
		return nil
	}
	schedule, err := cron.ParseStandard(p.Schedule)
	switch {
	case p.Schedule != "" && err != nil:
		return Errorf(Invalid, "", "policy production.schedule is no cron expression of five fields, and no \"@every\"")
	case p.Schedule != "" && schedule.Next(leapYear).IsZero():
		return Errorf(Invalid, "", "policy production.schedule never comes")
	case p.BatchSize < 1 || p.BatchSize > largestBatch:
		return Errorf(Invalid, "", "policy production.batch_size must be from 1 to %d", largestBatch)
	case p.BatchAt < 1 || p.BatchAt > p.BatchSize:
		return Errorf(Invalid, "", "policy production.batch_at must be from 1 to production.batch_size")
	case slices.Min([]Duration{p.Poll, p.Limit, p.ReceiptWait, p.FileLife}) <= 0:
		return Errorf(Invalid, "", "policy production.poll, limit, receipt_wait and file_life must be longer than nothing")
	case p.UrgentBefore < 0:
		return Errorf(Invalid, "", "policy production.urgent_before must not be negative")
	}
	return nil
}

// NextBatch returns when the schedule opens a batch after a moment, if there is one (D3).
func (p ProductionPolicy) NextBatch(after time.Time) (time.Time, bool) {
	schedule, err := cron.ParseStandard(p.Schedule)
	if err != nil || !p.Batches { // checked as the policy is read: there is none
		return time.Time{}, false
	}
	next := schedule.Next(after.In(Shanghai))
	return next, !next.IsZero()
}

// OrderStep returns the name of the step that orders the n-th plastic of a case, as incidents and attempts show it.
func OrderStep(n int) string { return "order-" + strconv.Itoa(n) }
