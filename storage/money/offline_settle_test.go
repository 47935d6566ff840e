package money_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// settler is somebody who looks after merchants.
func (o *offlineHouse) settler() campus.StaffMember {
	who, _ := o.Staff(storagetest.University, campus.Grant{Role: campus.Finance})
	return who
}

func (o *offlineHouse) settle(who campus.StaffMember, sequence int64, bearer campus.Bearer) (money.SuspendedSale, error) {
	return o.Money.SettleSale(o.t.Context(), storagetest.Request(campus.Staff(who.ID)), who, o.Policy().Money,
		o.record(sequence), money.SaleSettlement{Bearer: bearer, Reason: "looked at the roll"})
}

func (o *offlineHouse) confirm(who campus.StaffMember, sequence int64) (money.SuspendedSale, error) {
	return o.Money.ConfirmSale(o.t.Context(), storagetest.Request(campus.Staff(who.ID)), who, o.Policy().Money,
		o.record(sequence))
}

func (o *offlineHouse) record(sequence int64) money.RecordID {
	return money.RecordID{Terminal: o.till.ID, Generation: o.till.Generation, Sequence: sequence}
}

// suspended are the numbers of the sales that people have to decide, read in pages.
func (o *offlineHouse) suspended() (numbers []int64) {
	o.t.Helper()
	var at time.Time
	var after money.RecordID
	for {
		found, err := o.Money.SuspendedSales(o.t.Context(), storagetest.University, at, after, 2)
		require.NoError(o.t, err)
		if len(found) == 0 {
			return numbers
		}
		for _, x := range found {
			numbers = append(numbers, x.Sequence)
			at, after = x.At, x.ID()
		}
	}
}

// E1: what lies in suspense is posted once, as people decide it; a till that sends the sale again is told.
func TestSuspendedSalesAreSettled(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	a := o.Account(10 * yuan)
	early := func(s *money.OfflineSale) { s.TakenAt = a.OpenedAt.Add(-time.Hour) }
	sales := []money.OfflineSale{o.sale(a.ID, 4*yuan, early), o.sale(a.ID, 5*yuan, early), o.sale(a.ID, 6*yuan, early),
		o.sale(a.ID, 7*yuan, early),
		o.sale(uuid.Nil, yuan, func(s *money.OfflineSale) { s.TakenAt = s.TakenAt.Add(time.Hour) })}
	for _, answer := range o.send(sales...)[:4] {
		require.Equal(t, campus.NobodyBears, answer.Bearer)
	}
	who := o.settler()
	require.Equal(t, []int64{1, 2, 3, 4, 5}, o.suspended())
	for sequence, bearer := range map[int64]campus.Bearer{1: campus.HolderBears, 2: campus.CoverBears, 3: campus.MerchantBears,
		4: campus.AnswerBears} {
		x, err := o.settle(who, sequence, bearer)
		require.NoError(t, err)
		require.NotNil(t, x.SettledAt)
		require.Equal(t, bearer == campus.HolderBears || bearer == campus.CoverBears, x.TransferID != nil)
		_, err = o.settle(who, sequence, campus.CoverBears)
		require.Equal(t, "sale_settled", campus.ReasonOf(err), "it is settled once")
	}
	_, err := o.settle(who, 5, campus.HolderBears)
	require.Equal(t, "holder_unknown", campus.ReasonOf(err))
	_, err = o.settle(who, 6, campus.CoverBears)
	require.Equal(t, "sale_unknown", campus.ReasonOf(err))
	require.Equal(t, []int64{5}, o.suspended())
	require.Equal(t, int64(6*yuan), o.AccountOf(a.ID).MainCents)
	require.Equal(t, int64(9*yuan), o.taken())
	require.Equal(t, int64(-5*yuan), balance(t, o.Env, campus.LossCoverBook))
	again := o.send(sales...)
	require.Equal(t, []string{"1 taken holder before_card", "2 taken cover before_card", "3 taken merchant before_card",
		"4 taken answered before_card", "5 taken suspense record_ahead"}, verdicts(again))
	require.True(t, again[0].Settled)
	require.False(t, again[4].Settled)
	require.NotEqual(t, uuid.Nil, again[0].Transfer)
	doubts, _, err := o.Money.CheckAll(t.Context(), uuid.Nil, 100)
	require.NoError(t, err)
	require.Empty(t, doubts)
}

// E1: what a till sends under the number of another sale is in the list of staff, each content once, and is settled as
// every sale in suspense; the first one counts whatever they decide.
func TestWhatDiffersIsSettledToo(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	a := o.Account(500 * yuan)
	first := o.sale(a.ID, 2*yuan)
	other, third := first, first
	other.Cents, third.Cents = 5*yuan, o.Policy().Money.Offline.OnePerson+1
	require.Equal(t, []string{"1 taken holder ", "1 differs  "}, verdicts(o.send(first, other)), "in one call")
	o.Clock.Advance(time.Second)
	o.send(other, third)
	o.send(third, other)
	one, two := o.settler(), o.settler()
	found, err := o.Money.SuspendedSales(t.Context(), storagetest.University, time.Time{}, money.RecordID{}, 10)
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, []any{1, 5 * int64(yuan), "differs", 2}, []any{found[0].Variant, found[0].AmountCents, found[0].Why,
		found[1].Variant})
	require.Equal(t, []int64{1, 1}, o.suspended(), "in pages")
	settle := func(who campus.StaffMember, variant int, bearer campus.Bearer) error {
		id := o.record(1)
		id.Variant = variant
		return storagetest.Err(o.Money.SettleSale(t.Context(), storagetest.Request(campus.Staff(who.ID)), who, o.Policy().Money,
			id, money.SaleSettlement{Bearer: bearer, Reason: "both are on the roll"}))
	}
	require.Equal(t, "sale_unknown", campus.ReasonOf(settle(one, 0, campus.HolderBears)), "the first is decided")
	require.Equal(t, "sale_unknown", campus.ReasonOf(settle(one, 3, campus.HolderBears)))
	require.NoError(t, settle(one, 1, campus.HolderBears))
	require.Equal(t, "sale_settled", campus.ReasonOf(settle(two, 1, campus.HolderBears)))
	require.NoError(t, settle(one, 2, campus.MerchantBears))
	require.Equal(t, []int64{1}, o.suspended(), "so much takes two")
	require.NoError(t, storagetest.Err(o.Money.ConfirmSale(t.Context(), storagetest.Request(campus.Staff(two.ID)), two,
		o.Policy().Money, found[1].ID())))
	require.Empty(t, o.suspended())
	require.Equal(t, int64(493*yuan), o.AccountOf(a.ID).MainCents)
	require.Equal(t, int64(7*yuan), o.taken())
	require.Equal(t, []string{"1 taken holder ", "1 differs  "}, verdicts(o.send(first, other)), "the first is not settled by it")
	require.False(t, o.send(first)[0].Settled)
	for cents := range int64(9) {
		third.Cents = 10*yuan + cents
		o.send(third)
	}
	require.Equal(t, campus.VariantsMost, storagetest.Count(o.Env, `offline_variants`), "a broken till fills no table")
}

// E1: above the policy's amount a second person confirms; the last proposal counts, and nothing is posted before.
func TestASuspendedSaleOfMuchTakesTwo(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	a := o.Account(500 * yuan)
	most := o.Policy().Money.Offline.OnePerson
	o.send(o.sale(a.ID, most+1, func(s *money.OfflineSale) { s.TakenAt = a.OpenedAt.Add(-8 * 24 * time.Hour) }))
	one, two := o.settler(), o.settler()
	_, err := o.confirm(two, 1)
	require.Equal(t, "sale_settled", campus.ReasonOf(err), "nobody has proposed anything")
	x, err := o.settle(one, 1, campus.HolderBears)
	require.NoError(t, err)
	require.Nil(t, x.SettledAt)
	require.Zero(t, o.taken())
	_, err = o.confirm(one, 1)
	require.Equal(t, "same_person", campus.ReasonOf(err))
	_, err = o.settle(two, 1, campus.CoverBears)
	require.NoError(t, err)
	for _, err := range storagetest.AtOnce(4, func(int) error { _, err := o.confirm(one, 1); return err }) {
		if err != nil {
			require.Equal(t, "sale_settled", campus.ReasonOf(err))
		}
	}
	require.Equal(t, most+1, o.taken())
	require.Equal(t, int64(500*yuan), o.AccountOf(a.ID).MainCents)
	require.Empty(t, o.suspended())
}

// missing are the tills whose sales a close waits for, with their generations.
func (o *offlineHouse) missing(after time.Time) (generations []int) {
	o.t.Helper()
	found, err := o.Money.SilentTerminals(o.t.Context(), storagetest.University, after)
	require.NoError(o.t, err)
	for _, x := range found {
		require.Equal(o.t, o.till.ID, x.ID)
		generations = append(generations, x.Generation)
	}
	return generations
}

// quietByOne are the generations of the till that staff should look at, read in pages of one.
func (o *offlineHouse) quietByOne() (generations []int) {
	o.t.Helper()
	for after, last := uuid.Nil, 0; ; {
		page, err := o.Money.QuietTerminals(o.t.Context(), storagetest.University, o.Clock.Now().Add(-time.Hour), after, last, 1)
		require.NoError(o.t, err)
		if len(page) == 0 {
			return generations
		}
		after, last = page[0].ID, page[0].Generation
		generations = append(generations, last)
	}
}

// L8: a till is waited for until its watermark is late enough; one that is put away is not, until it is heard of again.
func TestTillsThatAreWaitedFor(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	who := o.settler()
	other := o.Till(o.Merchant("超市", "supermarket"), "二号") // it has no right to sell without network
	require.NotEqual(t, o.till.ID, other.ID)
	midnight := o.Clock.Now()
	require.Equal(t, []int{1}, o.missing(midnight))
	o.Clock.Advance(time.Minute)
	o.beat(0, 3) // it has sales that we do not have
	require.Equal(t, []int{1}, o.missing(midnight))
	require.NoError(t, storagetest.Err(o.Money.PutAway(t.Context(), storagetest.Request(campus.Staff(who.ID)), who, o.till.ID)))
	require.Empty(t, o.missing(midnight))
	o.beat(0, 3)
	require.Equal(t, []int{1}, o.missing(midnight), "it is back")
	o.send(o.sale(uuid.Nil, 1), o.sale(uuid.Nil, 1), o.sale(uuid.Nil, 1))
	o.beat(0, 3)
	require.Empty(t, o.missing(midnight))

	silent := o.Policy().Money.Offline.Silent.Std()
	o.Clock.Advance(silent + time.Second)
	quiet, err := o.Money.QuietTerminals(t.Context(), storagetest.University, o.Clock.Now().Add(-silent), uuid.Nil, 0, 10)
	require.NoError(t, err)
	require.Len(t, quiet, 2)
}

// E1: a till that is enrolled anew without its journal leaves a generation behind: two people close it.
func TestALostJournalIsClosedByTwo(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	one, two := o.settler(), o.settler()
	enrol := func(kept *int64) {
		code, err := o.Money.MakeEnrolmentCode(t.Context(), one, o.till.ID)
		require.NoError(t, err)
		_, err = o.Money.Enrol(t.Context(), o.Policy().SignIn, o.till.ID, code.Code, "", kept)
		require.NoError(t, err)
		o.till, err = o.Money.Till(t.Context(), o.till.ID)
		require.NoError(t, err)
		o.sequence = 0
	}
	lose := func(who campus.StaffMember, generation int) error {
		return storagetest.Err(o.Money.LoseGeneration(t.Context(), storagetest.Request(campus.Staff(who.ID)), who, o.till.ID,
			generation, "flashed anew"))
	}
	closes := func(who campus.StaffMember, generation int) error {
		return storagetest.Err(o.Money.CloseGeneration(t.Context(), storagetest.Request(campus.Staff(who.ID)), who, o.till.ID,
			generation))
	}
	midnight := o.Clock.Now()
	none, three := int64(0), int64(3)
	o.Clock.Advance(time.Minute)
	enrol(&none) // its journal says that we have all of it
	o.beat(0, 0)
	require.Empty(t, o.missing(midnight))
	require.Equal(t, "generation_state", campus.ReasonOf(lose(one, 1)))
	o.Clock.Advance(time.Minute)
	enrol(&three) // it had sold three, which are lost
	o.beat(0, 0)
	o.Clock.Advance(time.Minute)
	enrol(nil) // nobody knows
	o.beat(0, 0)
	require.Equal(t, []int{2, 3}, o.missing(o.Clock.Now()))
	require.Equal(t, []int{2, 3}, o.quietByOne(), "both, also where a page ends between them")
	require.Equal(t, "generation_state", campus.ReasonOf(closes(two, 2)), "nobody has said that it is lost")
	require.NoError(t, lose(one, 2))
	require.Equal(t, "same_person", campus.ReasonOf(closes(one, 2)))
	require.NoError(t, closes(two, 2))
	require.Equal(t, "generation_state", campus.ReasonOf(closes(two, 2)))
	require.Equal(t, []int{3}, o.missing(o.Clock.Now()))

	o.Clock.Advance(time.Minute) // and now the till itself is stolen
	require.NoError(t, lose(one, 4))
	require.NoError(t, closes(two, 4))
	_, err := o.Money.TakeOffline(t.Context(), o.till, o.Policy().Money, []money.OfflineSale{o.sale(uuid.Nil, 1)})
	require.ErrorIs(t, err, money.ErrTillStopped)
	require.Equal(t, []int{3}, o.missing(o.Clock.Now().Add(time.Second)))
	enrol(nil)
	o.beat(0, 0)
	require.NoError(t, lose(one, 6))
	o.Clock.Advance(time.Second)
	o.beat(0, 0) // it is found
	require.Equal(t, "generation_state", campus.ReasonOf(closes(two, 6)))
}
