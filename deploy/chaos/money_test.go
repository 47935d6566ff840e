package main

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/school/simulator/till"
)

// judged is what a rule should say: the figure, and a part of what is wrong; empty: nothing is.
type judged struct {
	in   figure
	what string
}

func (want judged) require(t *testing.T, in figure, what string) {
	t.Helper()
	require.Equal(t, want.in, in, what)
	require.Equal(t, want.in == "", what == "")
	require.Contains(t, what, want.what)
}

func TestASaleIsComparedWithWhatIsPosted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sale sale
		want judged
	}{
		"paid, and posted":     {sale{Says: salePaid, Cents: 5, Posted: 1, PostedCents: 5}, judged{}},
		"paid, and not posted": {sale{Says: salePaid, Cents: 5}, judged{lost, "not posted"}},
		"paid, and posted twice": {
			sale{Says: salePaid, Cents: 5, Posted: 2, PostedCents: 10}, judged{doubled, "more than once"}},
		"paid, and posted with another amount": {
			sale{Says: salePaid, Cents: 5, Posted: 1, PostedCents: 6}, judged{untrueFigure, "another amount"}},
		"paid, and reversed all the same": {
			sale{Says: salePaid, Cents: 5, Posted: 1, PostedCents: 5, Back: 5}, judged{doubled, "more came back"}},
		"voided, and back": {sale{Says: salePaid, Cents: 5, Given: 5, Posted: 1, PostedCents: 5, Back: 5}, judged{}},
		"voided, and still posted": {
			sale{Says: salePaid, Cents: 5, Given: 5, Posted: 1, PostedCents: 5}, judged{refusedPosted, "still posted"}},
		"voided, and back twice": {
			sale{Says: salePaid, Cents: 5, Given: 5, Posted: 1, PostedCents: 5, Back: 10}, judged{doubled, "more came back"}},
		"a part is given back": {sale{Says: salePaid, Cents: 5, Given: 2, Posted: 1, PostedCents: 5, Back: 2}, judged{}},
		"a part is given back, and less is posted": {
			sale{Says: salePaid, Cents: 5, Given: 2, Posted: 1, PostedCents: 5, Back: 1}, judged{refusedPosted, "still posted"}},
		"appealed, and back": {sale{Says: salePaid, Cents: 5, Posted: 1, PostedCents: 5, Appealed: 5}, judged{}},
		"a part given back, and more appealed than is left": {
			sale{Says: salePaid, Cents: 5, Given: 2, Posted: 1, PostedCents: 5, Back: 2, Appealed: 4}, judged{doubled, "than was paid"}},
		"refused": {sale{Says: saleOff, Cents: 5}, judged{}},
		"refused, and posted": {
			sale{Says: saleOff, Cents: 5, Posted: 1, PostedCents: 5}, judged{refusedPosted, "is posted"}},
		"refused, and posted and undone": {
			sale{Says: saleOff, Cents: 5, Posted: 1, PostedCents: 5, Back: 5}, judged{refusedPosted, "is posted"}},
		"reversed before it came": {sale{Says: takenBack, Cents: 5}, judged{}},
		"reversed, and undone":    {sale{Says: takenBack, Cents: 5, Posted: 1, PostedCents: 5, Back: 5}, judged{}},
		"reversed, and posted": {
			sale{Says: takenBack, Cents: 5, Posted: 1, PostedCents: 5}, judged{refusedPosted, "still posted"}},
		"never brought to an end": {sale{Says: saleOpen, Cents: 5}, judged{stuck, "to an end"}},
		"a void without an end": {
			sale{Says: salePaid, Cents: 5, Open: 1, Posted: 1, PostedCents: 5}, judged{stuck, "to an end"}},
		"without network, and never sent": {sale{Says: saleKept, Cents: 5}, judged{stuck, "not sent"}},
		"of no till":                      {sale{Posted: 1, PostedCents: 5}, judged{refusedPosted, "no till"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, what := c.sale.wrong()
			c.want.require(t, in, what)
		})
	}
}

func TestWhatAJournalSaysInTheEnd(t *testing.T) {
	t.Parallel()
	paid := uuid.New()
	begun := till.Line{Step: till.Begun, Key: "s-1", AmountCents: 5}
	offline := till.Line{Step: till.Printed, Key: "s-1", AmountCents: 5, Outcome: till.Offline}
	sent := func(bearer string) till.Line {
		return till.Line{Step: till.Uploaded, Key: "s-1", AmountCents: 5, Outcome: bearer}
	}
	printed := till.Line{Step: till.Printed, Key: "s-1", AmountCents: 5, Outcome: "paid", Transfer: paid}
	giving := till.Line{Step: till.Giving, Key: "g-1", Payment: paid}
	given := till.Line{Step: till.Given, Key: "g-1", Payment: paid, Outcome: till.GivenBack}
	reversing, reversed := till.Line{Step: till.Reversing, Key: "s-1"}, till.Line{Step: till.Reversed, Key: "s-1"}
	but := func(line till.Line, change func(*till.Line)) till.Line { change(&line); return line }
	refused := func(line *till.Line) { line.Outcome, line.Transfer = "limit_reached", uuid.Nil }

	for name, c := range map[string]struct {
		lines []till.Line
		want  sale
	}{
		"begun":    {[]till.Line{begun}, sale{Says: saleOpen, Cents: 5}},
		"paid":     {[]till.Line{begun, printed}, sale{Says: salePaid, Cents: 5}},
		"declined": {[]till.Line{begun, but(printed, refused)}, sale{Says: saleOff, Cents: 5}},
		"reversed before it came": {
			[]till.Line{begun, but(printed, func(l *till.Line) { l.Outcome = "reversed" })}, sale{Says: takenBack, Cents: 5}},
		"being taken back":          {[]till.Line{begun, reversing}, sale{Says: saleOpen, Cents: 5}},
		"without network, not sent": {[]till.Line{begun, offline}, sale{Says: saleKept, Cents: 5}},
		"without network, and sent": {[]till.Line{begun, offline, sent("holder")}, sale{Says: salePaid, Cents: 5}},
		"paid online before":        {[]till.Line{begun, offline, sent("answered")}, sale{Says: salePaid, Cents: 5}},
		"the merchant bears it":     {[]till.Line{begun, offline, sent("merchant")}, sale{Says: saleOff, Cents: 5}},
		"sent, and taken back since": {[]till.Line{begun, sent("holder"), reversing, reversed},
			sale{Says: takenBack, Cents: 5}},
		"taken back":                {[]till.Line{begun, reversing, reversed}, sale{Says: takenBack, Cents: 5}},
		"taken back in the morning": {[]till.Line{begun, reversing, reversing, reversed}, sale{Says: takenBack, Cents: 5}},
		"a void under way":          {[]till.Line{begun, printed, giving}, sale{Says: salePaid, Cents: 5, Open: 1}},
		"voided":                    {[]till.Line{begun, printed, giving, given}, sale{Says: salePaid, Cents: 5, Given: 5}},
		"a void that was refused": {
			[]till.Line{begun, printed, giving, but(given, refused)}, sale{Says: salePaid, Cents: 5}},
		"a part that was given back": {
			[]till.Line{begun, printed, giving, but(given, func(l *till.Line) { l.AmountCents = 2 })},
			sale{Says: salePaid, Cents: 5, Given: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, map[string]sale{"s-1": c.want}, readSales(c.lines))
		})
	}
}

func TestATopUpIsComparedWithTheChannel(t *testing.T) {
	t.Parallel()
	credited := topUp{Paid: true, PaidCents: 5, Kept: true, Cents: 5, Credited: 1, Posted: 5}
	stray := topUp{Paid: true, PaidCents: 5, Kept: true, Cents: 5, Stray: campus.PaidTwice, Suspended: 1, Posted: 5}
	but := func(t topUp, change func(*topUp)) topUp { change(&t); return t }

	for name, c := range map[string]struct {
		topUp topUp
		want  judged
	}{
		"credited":         {credited, judged{}},
		"in suspense":      {stray, judged{}},
		"paid, and gone":   {topUp{Paid: true, PaidCents: 5}, judged{lost, "neither credited nor"}},
		"never paid":       {but(credited, func(t *topUp) { t.Paid = false }), judged{refusedPosted, "never paid"}},
		"kept and nothing": {but(credited, func(t *topUp) { t.Credited, t.Posted = 0, 0 }), judged{lost, "not posted"}},
		"credited twice": {
			but(credited, func(t *topUp) { t.Credited, t.Posted = 2, 10 }), judged{doubled, "more than once"}},
		"credited and in suspense": {
			but(credited, func(t *topUp) { t.Suspended = 1 }), judged{doubled, "more than once"}},
		"credited as another amount": {
			but(credited, func(t *topUp) { t.Posted = 6 }), judged{untrueFigure, "another amount"}},
		"kept as another amount": {
			but(credited, func(t *topUp) { t.Cents = 6 }), judged{untrueFigure, "another amount"}},
		"posted by hand": {but(credited, func(t *topUp) { t.Kept = false }), judged{refusedPosted, "not kept"}},
		"stray, and credited": {
			but(stray, func(t *topUp) { t.Credited, t.Suspended = 1, 0 }), judged{refusedPosted, "and was credited"}},
		"in suspense, and not stray": {
			but(stray, func(t *topUp) { t.Stray = campus.NotStray }), judged{lost, "not credited"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, what := c.topUp.wrong()
			c.want.require(t, in, what)
		})
	}
}

func TestARefundIsComparedWithTheChannel(t *testing.T) {
	t.Parallel()
	done := refund{Kept: true, Kind: campus.HolderRefund, State: campus.RefundDone, Cents: 5, Taken: 1, Ended: 1,
		Asked: true, There: school.WalletRefunded, ThereCents: 5}
	but := func(r refund, change func(*refund)) refund { change(&r); return r }
	failed := but(done, func(r *refund) { r.State, r.There = campus.RefundFailed, school.WalletFailed })
	stray := but(done, func(r *refund) { r.Kind, r.Taken = campus.StrayRefund, 0 })

	for name, c := range map[string]struct {
		refund refund
		want   judged
	}{
		"paid back":                   {done, judged{}},
		"what was stray is paid back": {stray, judged{}},
		"failed":                      {failed, judged{}},
		"refused at once": {
			but(failed, func(r *refund) { r.Asked, r.There, r.ThereCents = false, "", 0 }), judged{}},
		"unclaimed": {
			but(stray, func(r *refund) { r.State, r.There = campus.RefundUnclaimed, school.WalletFailed }), judged{}},
		"nobody has asked": {
			refund{Asked: true, There: school.WalletRefunded, ThereCents: 5}, judged{doubled, "nobody has asked"}},
		"without an outcome": {
			but(done, func(r *refund) { r.State = campus.RefundAsked }), judged{stuck, "no outcome"}},
		"without one there": {
			but(done, func(r *refund) { r.There = school.WalletProcessing }), judged{stuck, "no outcome"}},
		"said to be paid back": {
			but(done, func(r *refund) { r.There = school.WalletFailed }), judged{lost, "the channel has not"}},
		"never asked for there": {
			but(done, func(r *refund) { r.Asked, r.There = false, "" }), judged{lost, "the channel has not"}},
		"said to have failed": {
			but(failed, func(r *refund) { r.There = school.WalletRefunded }), judged{doubled, "has paid it back"}},
		"another amount":         {but(done, func(r *refund) { r.ThereCents = 6 }), judged{untrueFigure, "another amount"}},
		"not taken":              {but(done, func(r *refund) { r.Taken = 0 }), judged{doubled, "at its end"}},
		"taken twice":            {but(done, func(r *refund) { r.Taken = 2 }), judged{lost, "at its beginning"}},
		"put back twice":         {but(failed, func(r *refund) { r.Ended = 2 }), judged{doubled, "at its end"}},
		"never put back":         {but(failed, func(r *refund) { r.Ended = 0 }), judged{lost, "at its beginning"}},
		"stray, and never ended": {but(stray, func(r *refund) { r.Ended = 0 }), judged{lost, "at its beginning"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, what := c.refund.wrong()
			c.want.require(t, in, what)
		})
	}
}

func TestAnAccountIsComparedWithItsTransfers(t *testing.T) {
	t.Parallel()
	id, book, noon := uuid.New(), uuid.New(), time.Date(2026, 11, 28, 4, 0, 0, 0, time.UTC)
	payment, next := uuid.New(), noon.Add(24*time.Hour)
	in := func(cents int64) transfer {
		return transfer{ID: uuid.New(), From: book, To: id, Cents: cents, Kind: campus.TopUpTransfer, At: noon}
	}
	out := func(cents int64, at time.Time) transfer {
		return transfer{ID: payment, From: id, To: book, Cents: cents, Kind: campus.PaymentTransfer, At: at}
	}
	back := func(cents int64, at time.Time) transfer {
		return transfer{ID: uuid.New(), From: book, To: id, Cents: cents, Kind: campus.VoidTransfer, Cause: payment, At: at}
	}
	charge := func(cents, debt int64) transfer {
		return transfer{ID: uuid.New(), From: id, To: book, Cents: cents, Kind: campus.ChargeTransfer, At: noon, Debt: debt}
	}
	for name, c := range map[string]struct {
		has  campus.Purses
		seq  int64
		list []transfer
		want []figure
	}{
		"nothing":       {},
		"it agrees":     {campus.Purses{Main: 60}, 2, []transfer{in(100), out(40, noon)}, nil},
		"a fen more":    {campus.Purses{Main: 61}, 2, []transfer{in(100), out(40, noon)}, []figure{unbalanced}},
		"a row by hand": {campus.Purses{Main: 60}, 2, []transfer{in(100), out(40, noon), in(7)}, []figure{unbalanced}},
		"a pair by hand": {
			campus.Purses{Main: 60}, 2, []transfer{in(100), out(40, noon), in(7), charge(7, 0)}, []figure{unbalanced}},
		"a number more":   {campus.Purses{Main: 60}, 3, []transfer{in(100), out(40, noon)}, []figure{unbalanced}},
		"up to the limit": {campus.Purses{Main: 0}, 2, []transfer{in(50), out(50, noon)}, nil},
		"over the limit":  {campus.Purses{Main: 49}, 2, []transfer{in(100), out(51, noon)}, []figure{limitPassed}},
		"over it in two": {
			campus.Purses{Main: 40}, 3, []transfer{in(100), out(30, noon), out(30, noon)}, []figure{limitPassed}},
		"over it in two days": {campus.Purses{Main: 40}, 3, []transfer{in(100), out(30, noon), out(30, next)}, nil},
		"over it, and back at once": {
			campus.Purses{Main: 70}, 4, []transfer{in(100), out(30, noon), back(30, noon), out(30, noon)}, nil},
		"over it, and back too late": {campus.Purses{Main: 60}, 4,
			[]transfer{in(100), out(40, noon), out(30, noon), back(30, noon)}, []figure{limitPassed}},
		"what comes back of yesterday is no room for today": {
			campus.Purses{Main: 40}, 4, []transfer{in(100), out(30, noon), back(30, next), {ID: uuid.New(), From: id, To: book,
				Cents: 60, Kind: campus.PaymentTransfer, At: next}}, []figure{limitPassed}},
		"back on the next day": {campus.Purses{Main: 50}, 4,
			[]transfer{in(100), out(30, noon), back(30, next), {ID: uuid.New(), From: id, To: book, Cents: 50,
				Kind: campus.PaymentTransfer, At: next}}, nil},
		"a row below zero":       {campus.Purses{Main: -1}, 2, []transfer{in(10), out(11, noon)}, []figure{overdrawn}},
		"below zero for a while": {campus.Purses{Main: 1}, 2, []transfer{out(9, noon), in(10)}, []figure{overdrawn}},
		"it owes":                {campus.Purses{Debt: 5}, 2, []transfer{in(5), charge(10, 5)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrong := account{ID: id, Has: c.has, Seq: c.seq, Limit: 50}.wrong(c.list)
			var got []figure
			for in := range wrong {
				got = append(got, in)
			}
			require.ElementsMatch(t, c.want, got, wrong)
		})
	}
}

// A figure that nobody looks at is none.
func TestEveryFigureEndsTheRun(t *testing.T) {
	t.Parallel()
	require.Empty(t, (&report{}).bad())
	for in := range (&report{}).figures() {
		r := &report{}
		r.counts(in, "because of %d", 7)
		require.Equal(t, []string{string(in) + ": 1"}, r.bad())
		require.Equal(t, []string{string(in) + ": because of 7"}, r.notes)
	}
	r := &report{acts: map[string]int{"sale in vain": 1}}
	require.Contains(t, r.bad(), "nobody has topped up and paid")
	r.sold(sale{Says: salePaid})
	r.TopUps = 1
	require.Equal(t, []string{"no day was closed on which a merchant has taken something"}, r.bad())
	r.Closes, r.Settlements = 1, 1
	require.Empty(t, r.bad())
}
