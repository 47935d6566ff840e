package workflows_test

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
	"go.temporal.io/sdk/interceptor"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// openClose opens the close of today, in a house that has books.
func openClose(t *testing.T, h *workflowtest.Env) campus.CaseRef {
	t.Helper()
	h.BookOf(campus.FeesBook, "")
	opened, err := h.Money.OpenClose(t.Context(), money.NewClose{University: storagetest.University,
		Last: campus.DateOf(h.Now()), PolicyVersion: h.Policies.Version()})
	require.NoError(t, err)
	require.True(t, opened)
	closes, err := h.Money.Closes(t.Context(), storagetest.University, campus.Date{}, 1)
	require.NoError(t, err)
	return closes[0].Ref()
}

// newClose is the close of today that has not begun.
func newClose(t *testing.T, before func(h *workflowtest.Env)) *caseTest {
	t.Helper()
	h := workflowtest.New(t, "")
	before(h)
	return campaign(t, h, workflowtest.Student{}, openClose(t, h))
}

// signs is the signature of somebody in finance.
func (p *caseTest) signs() *reply {
	return p.decide(campus.SignUpdate, workflowtest.Staff("first"), campus.Said{}, nothing)
}

// explains is what somebody in finance says about a difference.
func (p *caseTest) explains(number int) *reply {
	return p.decide(campus.SettleDifferenceUpdate, workflowtest.Staff("first"), explained(number),
		func() any { return money.DifferenceNote{Note: "the channel sends it tomorrow"} })
}

func explained(number int) campus.Said {
	return campus.Said{Action: campus.SettleDifference, Step: campus.DifferenceStep(number)}
}

// closing is the close of today on the real server.
func closing(t *testing.T, before func(e *workflowtest.Engine), with ...interceptor.WorkerInterceptor) *engineTest {
	t.Helper()
	e := workflowtest.New(t, workflowtest.Quick+"money: {close: {look: 200ms}}\n").Engine()
	l := &engineTest{Engine: e, t: t, student: e.Student()}
	before(e)
	l.ref = openClose(t, e.Env)
	l.Work(worker.Config{Around: with})
	return l
}

// silentTill is a till that may have sold without network in the last hour.
func silentTill(h *workflowtest.Env) {
	till := h.Till(h.Merchant("一食堂", "canteen"), "一号窗口")
	h.Exec(`update terminals set offline_upto_at = $1 where id = $2`, h.Now().Add(-time.Hour), till.ID)
}

// paidUnknown is a top-up that was paid for by the wallet, as we know it, and that the wallet's file does not have.
func paidUnknown(h *workflowtest.Env) {
	person, _ := h.Holder(0)
	h.Takes(h.PaidAt(h.Order(person, 20*yuan), "nobody knows", func(c *money.ChannelPayment) { c.PaidAt = h.Now() }))
}

// signs signs the close as soon as it waits for that.
func (l *engineTest) signs(who string) {
	l.t.Helper()
	l.await(campus.StageSigning)
	l.send(campus.SignUpdate, workflowtest.Staff(who), campus.Said{}, struct{}{})
}

func (p *caseTest) closed() money.Close {
	p.t.Helper()
	c, err := p.Money.Close(p.t.Context(), p.ref.ID)
	require.NoError(p.t, err)
	return c
}

// L8: the books close, merchants are settled, a report is written, and finance signs.
func TestCloseOfADay(t *testing.T) {
	t.Parallel()
	p := newClose(t, func(h *workflowtest.Env) {
		shop, canteen := h.Merchant(`=HYPERLINK("http://x")`, "supermarket"), h.Merchant("一食堂", "canteen")
		account := h.Account(100 * yuan).ID
		h.Sells(shop, account, 20*yuan)
		h.Sells(canteen, account, 12_34)
	})
	p.signs()
	p.run()
	c := p.closed()
	require.Equal(t, campus.Completed, c.Outcome)
	require.Equal(t, workflowtest.Staff("first"), campus.Staff(*c.SignedBy))
	require.Zero(t, c.TillsSilent)
	require.NotNil(t, c.ClosedAt)
	settled, err := p.Money.Settlements(t.Context(), c.University, c.Day, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, settled, 2)
	due := map[string][]int64{}
	for _, s := range settled {
		due[s.Trade] = []int64{s.FeeCents, s.DueCents}
	}
	require.Equal(t, map[string][]int64{"supermarket": {7, 19_93}, "canteen": {0, 12_34}}, due)
	p.requireReport(c)
}

// requireReport reads the report back, and compares its totals with the ledger: of each book of the day what it has got
// and given, all together nothing, and of merchants what stands on their books.
func (p *caseTest) requireReport(c money.Close) {
	p.t.Helper()
	content, err := p.Money.ReportFile(p.t.Context(), c)
	require.NoError(p.t, err)
	file, err := excelize.OpenReader(bytes.NewReader(content))
	require.NoError(p.t, err)
	require.Equal(p.t, []string{"汇总 Sums", "商户结算 Merchants", "支付渠道 Channels", "钱箱 Drawers", "差异 Differences"},
		file.GetSheetList())
	ledger := storagetest.One[map[string]int64](p.Env.Env, `select jsonb_object_agg(kind, cents) from (
		select coalesce(b.kind, 'accounts') as kind, sum(cents) as cents
		from transfers t cross join lateral (values (to_id, amount_cents), (from_id, -amount_cents)) side (id, cents)
			left join books b on b.id = side.id
		where books_day <= $1 group by 1) sums`, c.Day.String())
	net := int64(0)
	for _, row := range p.sheet(file, "汇总 Sums")[1:] {
		for kind, cents := range ledger {
			if !strings.HasPrefix(row[0], campus.Text(campus.Chinese, "book."+kind, nil)+" ") {
				continue
			}
			change := fen(p.t, row[1]) - fen(p.t, row[2])
			ledger[kind], net = cents-change, net+change
		}
		if strings.HasSuffix(row[0], "which is zero") {
			require.Equal(p.t, "0", row[1])
		}
	}
	for kind, left := range ledger {
		require.Zero(p.t, left, "the sums of %s are those of the ledger", kind)
	}
	require.Zero(p.t, net)
	due, fees := int64(0), int64(0)
	for _, row := range p.sheet(file, "商户结算 Merchants")[1:] {
		require.Contains(p.t, []string{"食堂 canteen", "超市 supermarket"}, row[1], "no code")
		fees, due = fees+fen(p.t, row[6]), due+fen(p.t, row[7])
	}
	require.Equal(p.t, []int64{storagetest.One[int64](p.Env.Env, `select coalesce(sum(due_cents), 0)::bigint from settlements`), p.Holds(campus.FeesBook, "")},
		[]int64{due, fees})
	require.Equal(p.t, due, storagetest.One[int64](p.Env.Env, `select coalesce(sum(case when b.id = to_id then amount_cents else -amount_cents end), 0)::bigint
		from transfers join books b on b.id in (from_id, to_id) where b.kind = 'merchant'`), "what stands on their books")
}

// sheet are the cells of a sheet as they are kept, none of which is a formula: names are what people write.
func (p *caseTest) sheet(file *excelize.File, name string) [][]string {
	p.t.Helper()
	rows, err := file.GetRows(name, excelize.Options{RawCellValue: true})
	require.NoError(p.t, err)
	require.NotEmpty(p.t, rows)
	for y, row := range rows {
		for x := range row {
			at, err := excelize.CoordinatesToCellName(x+1, y+1)
			require.NoError(p.t, err)
			formula, err := file.GetCellFormula(name, at)
			require.NoError(p.t, err)
			require.Empty(p.t, formula)
		}
	}
	return rows
}

// fen is an amount in yuan of a report.
func fen(t *testing.T, yuan string) int64 {
	t.Helper()
	n, err := strconv.ParseFloat(yuan, 64)
	require.NoError(t, err)
	return int64(math.Round(100 * n))
}

// L8: tills that sell without network are waited for until the policy's time, and no longer. Who was silent is listed.
func TestCloseWaitsForTills(t *testing.T) {
	t.Parallel()
	p := newClose(t, func(h *workflowtest.Env) {
		m := h.Merchant("一食堂", "canteen")
		for _, name := range []string{"heard", "silent"} {
			h.Till(m, name)
		}
		h.Exec(`update terminals set offline_upto_at = $1`, h.Clock.Now().Add(-time.Hour))
	})
	p.after(time.Hour).do(func() {
		require.Equal(t, campus.StageWatermarks, p.Case(p.ref).Stage)
		require.Equal(t, campus.WaitsForTills, p.Case(p.ref).WaitsFor)
		p.Exec(`update terminals set offline_upto_at = $1 where name = 'heard'`, p.Clock.Now())
	})
	p.after(2 * time.Hour).do(func() { require.Equal(t, campus.SilentTillsItem, p.OpenItems(p.ref)[0].Kind) })
	p.signs()
	p.run()
	require.Equal(t, 1, p.closed().TillsSilent)
	require.Contains(t, p.story(), "tills_awaited")
}

// L2, L8: nobody signs a day while a difference with a channel is open; what was found about it is kept.
func TestDifferencesAreSettledBeforeTheSignature(t *testing.T) {
	t.Parallel()
	p := newClose(t, paidUnknown)
	p.signs().refused("differences_open")
	p.do(func() {
		require.Equal(t, campus.DifferenceItem, p.OpenItems(p.ref)[0].Kind)
		require.Equal(t, campus.DifferenceStep(1), p.OpenItems(p.ref)[0].Step)
	})
	p.explains(7).refused("difference_unknown")
	p.explains(1)
	p.explains(1).refused("difference_settled")
	p.signs()
	p.run()
	require.Equal(t, campus.Completed, p.closed().Outcome)
	require.Empty(t, p.OpenItems(p.ref))
	found, err := p.Money.Differences(t.Context(), p.ref.ID, 0, 10)
	require.NoError(t, err)
	require.Equal(t, "the channel sends it tomorrow", found[0].Note)
}

// L8: a day that nobody signs is somebody's work, and is signed all the same.
func TestUnsignedDay(t *testing.T) {
	t.Parallel()
	p := newClose(t, func(*workflowtest.Env) {})
	p.after(49 * time.Hour).do(func() {
		require.Equal(t, campus.UnsignedItem, p.OpenItems(p.ref)[0].Kind)
		require.Equal(t, 2, strings.Count(p.story(), "close_unsigned"), "each time after as long")
	})
	p.signs()
	p.run()
	require.Equal(t, campus.Completed, p.closed().Outcome)
}

// K3: two people may skip a channel whose file does not come; the day is signed without it.
func TestChannelWithoutAFile(t *testing.T) {
	t.Parallel()
	p := newClose(t, func(h *workflowtest.Env) { h.School.Fault("wallet", "outage") })
	p.after(20*time.Minute).settle("first", campus.SkipStep, "channel-file-wallet", 1)
	p.settle("second", campus.SkipStep, "channel-file-wallet", 1)
	p.signs()
	p.run()
	require.Equal(t, campus.Completed, p.closed().Outcome)
	require.Contains(t, p.story(), "channel_skipped")
}

// L8: whoever began before the books closed and has not ended may still post to the day: the close waits, however long
// it is, and settles nothing before. That what they post is of the day is TestWhoeverIsHeldAcrossAClose.
func TestCloseWaitsForWhoeverIsHeld(t *testing.T) {
	t.Parallel()
	var held pgx.Tx
	p := newClose(t, func(h *workflowtest.Env) {
		h.Sells(h.Merchant("一食堂", "canteen"), h.Account(100*yuan).ID, 7*yuan)
		var err error
		held, err = storagetest.Connect(t, h.Env).Begin(t.Context())
		require.NoError(t, err)
		_, err = held.Exec(t.Context(), `select from accounts for update`)
		require.NoError(t, err)
	})
	p.after(20 * time.Minute).do(func() {
		require.Equal(t, campus.StageBooks, p.Case(p.ref).Stage)
		require.NotNil(t, p.closed().ClosedAt)
		require.Zero(t, storagetest.Count(p.Env.Env, `settlements`))
		require.NoError(t, held.Rollback(t.Context()))
	})
	p.signs()
	p.run()
	require.Equal(t, campus.Completed, p.closed().Outcome)
	require.Equal(t, 1, storagetest.Count(p.Env.Env, `settlements where due_cents = 700`))
}

// L2: a file with a line a fen above, one twice and one that lacks, and another that is right.
func TestFilesOfChannelsAreCompared(t *testing.T) {
	t.Parallel()
	l := closing(t, func(e *workflowtest.Engine) {
		person, _ := e.Holder(0)
		for _, channel := range []string{"wallet", "bank"} {
			for _, transaction := range []string{channel + "-1", channel + "-2"} {
				e.School.PaidBy(channel, transaction, 20*yuan)
				o, err := e.Money.OpenOrder(t.Context(), e.Requested(campus.Student(person)), money.NewOrder{Person: person,
					Channel: channel, Cents: 20 * yuan, Terms: e.Policy().Money.TopUp})
				require.NoError(t, err)
				e.Takes(e.PaidAt(o, transaction, func(c *money.ChannelPayment) { c.Channel, c.PaidAt = channel, e.Now() }))
			}
		}
		e.School.ChannelFile("wallet", workflowtest.Fields{"above": 1, "twice": true, "lacks": true})
	})
	l.await(campus.StageSigning)
	found, err := l.Money.Differences(t.Context(), l.ref.ID, 0, 10)
	require.NoError(t, err)
	var told []string
	for _, d := range found {
		told = append(told, fmt.Sprint(d.Channel, " ", d.Line, " ", d.Ref, " ", d.What, " ", d.OursCents, " ", d.TheirsCents))
	}
	require.ElementsMatch(t, []string{"wallet 1 wallet-1 amounts_differ 2000 2001", "wallet 2 wallet-1 told_twice 2000 4002",
		"wallet 0 wallet-2 missing_there 2000 0"}, told)
	require.Len(t, l.OpenItems(l.ref), 3)
	for number := range 3 {
		_, err := l.Decide(l.ref, campus.SignUpdate, workflowtest.Staff("first"), campus.Said{}, struct{}{})
		require.Equal(t, "differences_open", campus.ReasonOf(err))
		l.send(campus.SettleDifferenceUpdate, workflowtest.Staff("first"), explained(number+1), money.DifferenceNote{Note: "明日补记"})
	}
	require.Equal(t, 4, storagetest.Count(l.Env.Env, `topup_payments where amount_cents = 2000 and refunded_cents = 0`),
		"nothing is adjusted by itself")
	l.signs("second")
	l.end(campus.Completed)

	c, err := l.Money.Close(t.Context(), l.ref.ID)
	require.NoError(t, err)
	content, err := l.Money.ReportFile(t.Context(), c)
	require.NoError(t, err)
	file, err := excelize.OpenReader(bytes.NewReader(content))
	require.NoError(t, err)
	differs, err := file.GetRows("差异 Differences")
	require.NoError(t, err)
	require.Equal(t, []string{"1", "手机钱包 mobile wallet"}, differs[1][:2], "as people call it")
	sums, err := file.GetRows("支付渠道 Channels")
	require.NoError(t, err)
	require.Equal(t, []string{"银行 bank", c.Day.String(), "2", "40", "40", "0", "0"}, sums[1])
}

// L8: of two who sign at once one has signed.
func TestTwoSignAtOnce(t *testing.T) {
	t.Parallel()
	l := closing(t, func(*workflowtest.Engine) {})
	l.await(campus.StageSigning)
	people := []string{"first", "second"}
	errs := storagetest.AtOnce(2, func(n int) error {
		return storagetest.Err(l.Decide(l.ref, campus.SignUpdate, workflowtest.Staff(people[n]), campus.Said{}, struct{}{}))
	})
	l.end(campus.Completed)
	require.Equal(t, 1, storagetest.Outcomes(errs)["done"], "%v", errs)
	signed := storagetest.One[string](l.Env.Env, `select signed_by::text from closes`)
	for n, err := range errs {
		require.Equal(t, err == nil, signed == workflowtest.Staff(people[n]).ID)
	}
	require.Equal(t, 1, strings.Count(joined(l.Events(l.ref)), "close_signed"))
}
