package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
)

func TestACloseComesToItsSignature(t *testing.T) {
	t.Parallel()
	signed := dayEnd{Stage: campus.StageDone, Outcome: campus.Completed, Closed: true, Report: true, Signed: true}
	but := func(change func(*dayEnd)) dayEnd { d := signed; change(&d); return d }
	for name, c := range map[string]struct {
		is   dayEnd
		want judged
	}{
		"signed":           {signed, judged{}},
		"open":             {but(func(d *dayEnd) { d.Outcome, d.Signed = "", false }), judged{stuck, "never signed"}},
		"ended otherwise":  {but(func(d *dayEnd) { d.Outcome = campus.Aborted }), judged{untrueFigure, "nobody has signed"}},
		"by nobody":        {but(func(d *dayEnd) { d.Signed = false }), judged{untrueFigure, "nobody has signed"}},
		"with open books":  {but(func(d *dayEnd) { d.Closed = false }), judged{lost, "its books are open"}},
		"without a report": {but(func(d *dayEnd) { d.Report = false }), judged{lost, "no report"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, what := c.is.wrong()
			c.want.require(t, in, what)
		})
	}
}

func TestASettlementIsComparedWithItsBook(t *testing.T) {
	t.Parallel()
	good := settled{Kept: true, Net: 100, Fee: 2, Due: 98, Moved: true, Books: 100, Fees: 1, Taken: 2}
	but := func(change func(*settled)) settled { s := good; change(&s); return s }
	for name, c := range map[string]struct {
		is   settled
		want judged
	}{
		"it agrees":    {good, judged{}},
		"without fee":  {but(func(s *settled) { s.Fee, s.Due, s.Fees, s.Taken = 0, 100, 0, 0 }), judged{}},
		"below zero":   {settled{Kept: true, Net: -5, Due: -5, Moved: true, Books: -5}, judged{}},
		"none":         {settled{Moved: true, Books: 100}, judged{lost, "not settled"}},
		"of nothing":   {settled{Moved: true}, judged{lost, "not settled"}},
		"another sum":  {but(func(s *settled) { s.Books = 101 }), judged{untrueFigure, "another sum"}},
		"another due":  {but(func(s *settled) { s.Due = 99 }), judged{untrueFigure, "after the fee"}},
		"two fees":     {but(func(s *settled) { s.Fees, s.Taken = 2, 4 }), judged{doubled, "more often"}},
		"no fee":       {but(func(s *settled) { s.Fees, s.Taken = 0, 0 }), judged{lost, "not taken"}},
		"another fee":  {but(func(s *settled) { s.Taken = 3 }), judged{untrueFigure, "another fee"}},
		"a fee unkept": {but(func(s *settled) { s.Fee, s.Due = 0, 100 }), judged{doubled, "more often"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, what := c.is.wrong()
			c.want.require(t, in, what)
		})
	}
}

func TestAPayoutIsComparedWithTheBank(t *testing.T) {
	t.Parallel()
	paid := payout{Kept: true, State: campus.PayoutPaid, Cents: 5, Settled: 5, Taken: 1, Times: 1, There: school.PayoutPaid,
		ThereCents: 5}
	bounced := payout{Kept: true, State: campus.PayoutBounced, Cents: 5, Taken: 1, Back: 1, Times: 1,
		There: school.PayoutBounced, ThereCents: 5}
	but := func(p payout, change func(*payout)) payout { change(&p); return p }
	for name, c := range map[string]struct {
		is   payout
		want judged
	}{
		"paid":               {paid, judged{}},
		"bounced":            {bounced, judged{}},
		"refused at once":    {but(bounced, func(p *payout) { p.Times, p.There, p.ThereCents = 0, "", 0 }), judged{}},
		"of nobody":          {payout{Times: 1, There: school.PayoutPaid, ThereCents: 5}, judged{doubled, "nobody has made"}},
		"twice there":        {but(paid, func(p *payout) { p.Times = 2 }), judged{doubled, "more than once"}},
		"without an outcome": {but(paid, func(p *payout) { p.State = campus.PayoutAsked }), judged{stuck, "no outcome"}},
		"without one there": {
			but(paid, func(p *payout) { p.There = school.PayoutProcessing }), judged{stuck, "no outcome"}},
		"paid here alone": {but(paid, func(p *payout) { p.There = school.PayoutBounced }), judged{lost, "the bank has not"}},
		"never there":     {but(paid, func(p *payout) { p.Times, p.There = 0, "" }), judged{lost, "the bank has not"}},
		"paid there alone": {
			but(bounced, func(p *payout) { p.There = school.PayoutPaid }), judged{doubled, "the bank has paid"}},
		"another amount there": {but(paid, func(p *payout) { p.ThereCents = 6 }), judged{untrueFigure, "another amount"}},
		"taken twice":          {but(paid, func(p *payout) { p.Taken = 2 }), judged{lost, "taken from"}},
		"never taken":          {but(paid, func(p *payout) { p.Taken = 0 }), judged{doubled, "put into"}},
		"never put back":       {but(bounced, func(p *payout) { p.Back = 0 }), judged{lost, "taken from"}},
		"put back twice":       {but(bounced, func(p *payout) { p.Back = 2 }), judged{doubled, "put into"}},
		"put back and paid":    {but(paid, func(p *payout) { p.Back = 1 }), judged{doubled, "put into"}},
		"settlements of less":  {but(paid, func(p *payout) { p.Settled = 4 }), judged{untrueFigure, "another sum"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, what := c.is.wrong()
			c.want.require(t, in, what)
		})
	}
}

func TestAnAppealIsComparedWithWhatItsHolderIsTold(t *testing.T) {
	t.Parallel()
	granted := appealed{Outcome: campus.Completed, Reason: "appeal_granted", Asked: 5, Given: 5, Posted: 5, Most: 1}
	refused := appealed{Outcome: campus.Rejected, Reason: "appeal_not_proven", Asked: 5}
	but := func(a appealed, change func(*appealed)) appealed { change(&a); return a }
	for name, c := range map[string]struct {
		is   appealed
		want judged
	}{
		"granted":      {granted, judged{}},
		"refused":      {refused, judged{}},
		"still open":   {appealed{Asked: 5}, judged{}},
		"nothing left": {appealed{Outcome: campus.Completed, Reason: "appeal_nothing_left", Asked: 5}, judged{}},
		"twice":        {but(granted, func(a *appealed) { a.Most = 2 }), judged{doubled, "more than once"}},
		"too much":     {but(granted, func(a *appealed) { a.Posted, a.Given = 6, 6 }), judged{doubled, "was asked for"}},
		"another sum":  {but(granted, func(a *appealed) { a.Given = 4 }), judged{untrueFigure, "another amount"}},
		"granted, and nothing": {
			but(granted, func(a *appealed) { a.Posted, a.Given, a.Most = 0, 0, 0 }), judged{untrueFigure, "none did"}},
		"refused, and something": {
			but(refused, func(a *appealed) { a.Posted, a.Given, a.Most = 5, 5, 1 }), judged{untrueFigure, "some did"}},
		"withdrawn, and something": {
			but(granted, func(a *appealed) { a.Outcome = campus.Withdrawn }), judged{untrueFigure, "some did"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, what := c.is.wrong()
			c.want.require(t, in, what)
		})
	}
	require.Equal(t, "appeal", appealTerminal)
}
