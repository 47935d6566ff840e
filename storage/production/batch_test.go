package production_test

import (
	"context"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
)

// factory is a university whose cards wait for batches.
type factory struct {
	*storagetest.Story
}

// waiting is a factory where n cards wait. They belong to one person, which the product does not allow; the first is
// the one whose promise is the oldest.
func waiting(t *testing.T, n int) *factory {
	t.Helper()
	f := &factory{storagetest.Apply(t)}
	f.wait(n)
	return f
}

func (f *factory) wait(n int) []uuid.UUID {
	f.T.Helper()
	return f.WaitingCards(f.Application, n)
}

func (f *factory) new(size int) production.NewBatch {
	return production.NewBatch{ID: uuid.Must(uuid.NewV7()), University: storagetest.University,
		Reason: campus.BatchBySchedule,
		Size:   size, PolicyVersion: f.Policies.Version()}
}

// open opens a batch that has to be there.
func (f *factory) open(size int) uuid.UUID {
	f.T.Helper()
	n := f.new(size)
	opened, err := f.Production.OpenBatch(f.T.Context(), n)
	require.NoError(f.T, err)
	require.True(f.T, opened)
	return n.ID
}

// send has the bureau take every card of a batch.
func (f *factory) send(batch uuid.UUID) []production.BatchCard {
	f.T.Helper()
	require.NoError(f.T, f.Production.NoteBatchOrder(f.T.Context(), batch, "batch/1"))
	cards := f.cards(batch)
	require.NoError(f.T, f.Production.SaveBatchOrder(f.T.Context(), batch, "bb-1", taken(cards)))
	return cards
}

func taken(cards []production.BatchCard) []production.EntryAnswer {
	answers := make([]production.EntryAnswer, len(cards))
	for i, c := range cards {
		answers[i] = production.EntryAnswer{Plastic: c.ID, OrderID: "bo-" + c.ID.String()}
	}
	return answers
}

func (f *factory) cards(batch uuid.UUID) []production.BatchCard {
	f.T.Helper()
	cards, err := f.Production.BatchCards(f.T.Context(), batch)
	require.NoError(f.T, err)
	return cards
}

func (f *factory) state(plastic uuid.UUID) campus.PlasticState {
	f.T.Helper()
	return storagetest.One[campus.PlasticState](f.Env, `select state from plastics where id = $1`, plastic)
}

// says is a report of the bureau about a card of a batch.
func (f *factory) says(batch uuid.UUID, card production.BatchCard, state campus.PlasticState,
	sequence int) production.Report {
	return production.Report{CallbackID: uuid.NewString(), BodyHash: []byte("hash"), OrderID: "bo-" + card.ID.String(),
		Plastic: card.ID, Batch: batch, State: state, Sequence: sequence, Kiosk: card.KioskID, Compartment: "B" + card.CardNumber[:3]}
}

func TestOpenBatch(t *testing.T) {
	t.Parallel()
	f := waiting(t, 5)
	ids := storagetest.One[[]uuid.UUID](f.Env, `select array_agg(id order by promised_at) from plastics`)
	first := f.new(3)
	for range 2 { // the same again opens one
		_, err := f.Production.OpenBatch(t.Context(), first)
		require.NoError(t, err)
	}
	cards := f.cards(first.ID)
	require.Len(t, cards, 3)
	for i, card := range cards {
		require.Equal(t, ids[i], card.ID, "the oldest promise first")
	}
	require.Equal(t, 1, storagetest.Count(f.Env,
		`cases where id = $1 and kind = 'batch' and person_id is null and campus = '' and stage = 'queued'`, first.ID))
	require.Equal(t, 1, storagetest.Count(f.Env, `outbox where kind = 'start' and workflow_id = $1`,
		"batch/"+first.ID.String()))
	b, err := f.Production.Batch(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, []any{campus.BatchOpen, 3, true}, []any{b.State, b.Cards, b.PromisedAt.Equal(cards[0].PromisedAt)})

	for name, test := range map[string]struct {
		change func(*production.NewBatch)
		opened bool
	}{
		"fewer than enough":           {func(n *production.NewBatch) { n.At = 3 }, false},
		"a card that is in one":       {func(n *production.NewBatch) { n.Only = ids[0] }, false},
		"another university":          {func(n *production.NewBatch) { n.University = "lcvtc" }, false},
		"a card that waits, and more": {func(n *production.NewBatch) { n.Only = ids[4] }, true},
	} {
		n := f.new(1)
		if name == "fewer than enough" {
			n.Size = 10
		}
		test.change(&n)
		opened, err := f.Production.OpenBatch(t.Context(), n)
		require.NoError(t, err, name)
		require.Equal(t, test.opened, opened, name)
	}
	f.open(10)
	opened, err := f.Production.OpenBatch(t.Context(), f.new(10))
	require.NoError(t, err)
	require.False(t, opened, "nothing waits any more")
}

func TestOpenersAtOnceNeverTakeACardTwice(t *testing.T) {
	t.Parallel()
	f := waiting(t, 60)
	errs := storagetest.AtOnce(20, func(i int) error {
		n := f.new(4)
		if i%5 == 0 { // some of them by a person
			who := campus.StaffMember{ID: uuid.New(), University: storagetest.University}
			return storagetest.Err(f.Production.OpenBatchNow(t.Context(), storagetest.Request(campus.Staff(who.ID)), who, n))
		}
		return storagetest.Err(f.Production.OpenBatch(t.Context(), n))
	})
	told := storagetest.Outcomes(errs)
	require.Equal(t, 20, told["done"]+told["nothing_waits"], "%v", told)
	require.Equal(t, 15, storagetest.Count(f.Env, `batches`))
	require.Equal(t, 60, storagetest.Count(f.Env, `plastics where batch_id is not null`))
	require.Equal(t, 0, storagetest.Count(f.Env,
		`batches b where cards <> (select count(*) from plastics where batch_id = b.id)`))
	require.Equal(t, 15, storagetest.Count(f.Env, `outbox where kind = 'start' and workflow = 'batch'`))
}

// By size: the transaction that adds the last one opens the batch, and exactly one does, however many come at once.
func TestTheLastOfEnoughOpensABatch(t *testing.T) {
	t.Parallel()
	f := waiting(t, 30)
	ids := storagetest.One[[]uuid.UUID](f.Env, `select array_agg(id) from plastics`)
	f.Exec(`update plastics set queued_at = null`)
	require.Equal(t, "nothing_waits",
		storagetest.Outcome(storagetest.Err(f.Production.OpenBatchNow(t.Context(),
			storagetest.Request(storagetest.Reviewer()), campus.StaffMember{}, f.new(9)))))
	errs := storagetest.AtOnce(len(ids), func(i int) error {
		n := f.new(10)
		n.At = 10
		m := campus.Move{Case: campus.CaseRef{Kind: campus.PlasticCase, ID: ids[i]}, Version: 1, Stage: campus.StageBatching,
			WaitsFor: campus.WaitsForEngine}
		for range 2 { // delivered twice
			if err := storagetest.Err(f.Production.QueuePlastic(t.Context(), m, ids[i], n)); err != nil {
				return err
			}
		}
		return nil
	})
	require.Equal(t, map[string]int{"done": 30}, storagetest.Outcomes(errs))
	require.Equal(t, 3, storagetest.Count(f.Env, `batches where cards = 10 and reason = 'size'`))
	require.Equal(t, 0, storagetest.Count(f.Env, `plastics where batch_id is null`))
}

func TestOrderFile(t *testing.T) {
	t.Parallel()
	f := waiting(t, 2)
	id := f.open(10)
	lines, err := f.Production.OrderLines(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, lines, 2)
	require.Equal(t, f.Holder.Roster.Name, lines[0].Name)
	content := []byte("card of " + f.Holder.Roster.Name + "\n")
	require.NoError(t, f.Production.KeepOrderFile(t.Context(), id, content, 1))
	before := storagetest.Everything(t, f.Env)
	require.NoError(t, f.Production.KeepOrderFile(t.Context(), id, content, 1), "twice is once")
	require.NoError(t, f.Production.KeepOrderFile(t.Context(), id, []byte("another"), 9), "the first one stays")
	require.Equal(t, before, storagetest.Everything(t, f.Env))
	b, err := f.Production.Batch(t.Context(), id)
	require.NoError(t, err)
	read, err := f.Production.OrderFile(t.Context(), b)
	require.NoError(t, err)
	require.Equal(t, content, read)
	require.True(t, strings.HasSuffix(b.ObjectKey, hex.EncodeToString(b.SHA256)))
	objects := f.Objects()
	require.Len(t, objects, 1+4, "the file of the batch, and the application's")
	for key, sealed := range objects {
		require.NotContains(t, string(sealed), f.Holder.Roster.Name, key)
	}

	expire := func(ctx context.Context, after time.Duration) int {
		n, err := f.Production.ExpireOrderFiles(ctx, storagetest.University, f.Clock.Now().Add(after), 10)
		require.NoError(t, err)
		return n
	}
	require.Zero(t, expire(t.Context(), time.Hour), "as long as the batch is open")
	f.Exec(`update batches set closed_at = $1`, f.Clock.Now())
	require.Zero(t, expire(t.Context(), -time.Hour))
	require.Equal(t, 1, expire(t.Context(), time.Hour))
	require.Zero(t, expire(t.Context(), time.Hour))
	b, err = f.Production.Batch(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "file_gone", storagetest.Outcome(storagetest.Err(f.Production.OrderFile(t.Context(), b))))
	require.NotEmpty(t, b.SHA256, "the hash stays")
}

func TestSaveBatchOrder(t *testing.T) {
	t.Parallel()
	f := waiting(t, 4)
	id := f.open(10)
	cards := f.cards(id)
	require.NoError(t, f.Production.NoteBatchOrder(t.Context(), id, "batch/1"))
	f.Exec(`update plastics set state = 'resent' where id = $1`, cards[2].ID)
	quick := f.says(id, cards[3], campus.PlasticShipped, 3)
	require.NoError(t, f.TakeReport(t.Context(), quick), "a call-back may be quicker than the answer")
	answers := taken(cards)
	answers[1] = production.EntryAnswer{Plastic: cards[1].ID, Rejected: true, Reason: "not_printable"}
	answers[2] = production.EntryAnswer{Plastic: cards[2].ID, Rejected: true}
	answers = append(answers, production.EntryAnswer{Plastic: uuid.New(), OrderID: "bo-x"})
	require.NoError(t, f.Production.SaveBatchOrder(t.Context(), id, "bb-1", answers))
	before := storagetest.Everything(t, f.Env)
	require.NoError(t, f.Production.SaveBatchOrder(t.Context(), id, "bb-2", taken(cards)), "a late try changes nothing")
	require.Equal(t, before, storagetest.Everything(t, f.Env))
	require.Equal(t, []campus.PlasticState{campus.PlasticInProduction, campus.PlasticSpoilt, campus.PlasticLost,
		campus.PlasticShipped},
		[]campus.PlasticState{f.state(cards[0].ID), f.state(cards[1].ID), f.state(cards[2].ID), f.state(cards[3].ID)})
	require.Equal(t, 1, storagetest.Count(f.Env, `plastics where id = $1 and rejected = 'not_printable'`, cards[1].ID))
	require.Equal(t, 1, storagetest.Count(f.Env,
		`attempts where case_id = $1 and step = 'order-1' and code = 'refused' and message like '%not_printable'`, cards[1].CaseID))
	require.Equal(t, 4+1, storagetest.Count(f.Env, `outbox where kind = 'signal'`),
		"each card is told, and one was before")
}

// D3: results for a card that was never ordered, twice, or contradicting.
func TestReportsAboutCardsOfBatches(t *testing.T) {
	t.Parallel()
	f := waiting(t, 3)
	id := f.open(2)
	cards := f.cards(id)
	left := production.BatchCard{ID: storagetest.One[uuid.UUID](f.Env, `select id from plastics where batch_id is null`),
		CardNumber: "1234", KioskID: storagetest.EastKiosk}
	early := f.says(id, cards[0], campus.PlasticShipped, 2)
	require.Equal(t, "report_not_ordered", storagetest.Outcome(f.TakeReport(t.Context(), early)),
		"its batch was not sent yet")
	f.send(id)
	other := f.says(uuid.New(), cards[0], campus.PlasticShipped, 3)
	alone := f.says(uuid.Nil, cards[0], campus.PlasticShipped, 3)
	good := f.says(id, cards[0], campus.PlasticReady, 4)
	twin := f.says(id, cards[1], campus.PlasticReady, 4)
	twin.Kiosk, twin.Compartment = cards[1].KioskID, good.Compartment
	f.Exec(`update plastics set kiosk_id = $1`, good.Kiosk)
	twin.Kiosk = good.Kiosk
	lost := f.says(id, cards[0], campus.PlasticLost, 5)
	again := good
	again.CallbackID = uuid.NewString()
	for _, line := range []struct {
		name   string
		report production.Report
		want   string
	}{
		{"a card that was never ordered", f.says(id, left, campus.PlasticReady, 4), "report_not_ordered"},
		{"with another batch", other, "report_not_ordered"},
		{"by itself", alone, "report_not_ordered"},
		{"delivered", good, "done"},
		{"the same call-back twice", good, "done"},
		{"the same twice", again, "done"},
		{"into a compartment that is taken", twin, "compartment_full"},
		{"lost, after it was delivered", lost, "report_contradicts"},
		{"another is lost", f.says(id, cards[1], campus.PlasticLost, 4), "done"},
		{"delivered, after it was lost", f.says(id, cards[1], campus.PlasticReady, 6), "report_contradicts"},
	} {
		require.Equal(t, line.want, storagetest.Outcome(f.TakeReport(t.Context(), line.report)), line.name)
	}
	require.Equal(t, campus.PlasticReady, f.state(cards[0].ID))
	require.Equal(t, campus.PlasticLost, f.state(cards[1].ID))
}

func TestEndBatch(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lose    bool
		shipped campus.PlasticState
	}{
		"given up":    {false, campus.PlasticShipped},
		"out of time": {true, campus.PlasticLost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := waiting(t, 5)
			id := f.open(10)
			cards := f.send(id)
			f.Exec(`update plastics set state = 'shipped' where id = $1`, cards[1].ID)
			f.Exec(`update plastics set state = 'ready' where id = $1`, cards[2].ID)
			f.Exec(`update plastics set state = 'resent' where id = $1`, cards[3].ID)
			f.Exec(`update plastics set chip = '0400000000000' || seq + row from (select id, row_number() over (order by id) as row
				from plastics) n where n.id = plastics.id`)
			require.NoError(t, f.Production.NoteBatchCancel(t.Context(), id))
			require.NoError(t, f.TakeReport(t.Context(), f.says(id, cards[4], campus.PlasticCancelled, 2)),
				"cancelled by ourselves: no news")
			m := campus.Move{Case: campus.CaseRef{Kind: campus.BatchCase, ID: id}, Version: 1, Stage: campus.StageDone,
				WaitsFor: campus.WaitsForNobody, Outcome: campus.Aborted}
			require.NoError(t, storagetest.Err(f.Production.EndBatch(t.Context(), m, campus.BatchFailed, test.lose)))
			before := storagetest.Everything(t, f.Env)
			require.NoError(t, storagetest.Err(f.Production.EndBatch(t.Context(), m, campus.BatchFailed, test.lose)))
			require.Equal(t, before, storagetest.Everything(t, f.Env), "twice is once")
			require.Equal(t, test.shipped, f.state(cards[1].ID))
			require.Equal(t, campus.PlasticReady, f.state(cards[2].ID))
			require.Equal(t, 2, storagetest.Count(f.Env,
				`plastics where state = 'ordered' and batch_id is null and order_id = '' and order_key = ''`))
			require.Equal(t, 1, storagetest.Count(f.Env,
				`plastics where state = 'resent' and batch_id is null and order_id = ''`))
			require.Equal(t, 2, storagetest.Count(f.Env, `plastics where state = 'ordered' and chip = ''`),
				"what is made again has another chip (E1)")
			require.Equal(t, 3, storagetest.Count(f.Env, `plastics where state <> 'ordered' and chip <> ''`))
			require.Equal(t, "report_not_ordered",
				storagetest.Outcome(f.TakeReport(t.Context(), f.says(id, cards[0], campus.PlasticCancelled, 3))),
				"what the bureau says about the old order is too late")
			f.open(10)
			require.Equal(t, 3, storagetest.Count(f.Env,
				`plastics p join batches b on b.id = p.batch_id where b.state = 'open'`), "they wait for another one")
		})
	}
}

func TestStaffSeeBatchesOfTheirUniversityOnly(t *testing.T) {
	t.Parallel()
	f := waiting(t, 3)
	var ids []uuid.UUID
	for range 3 {
		ids = append(ids, f.open(1))
	}
	mine, foreign := campus.StaffMember{University: storagetest.University}, campus.StaffMember{University: "lcvtc"}
	page, err := f.Production.StaffBatches(t.Context(), mine, "", uuid.Nil, 2)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{ids[2], ids[1]}, []uuid.UUID{page[0].ID, page[1].ID}, "newest first")
	page, err = f.Production.StaffBatches(t.Context(), mine, campus.BatchOpen, page[1].ID, 2)
	require.NoError(t, err)
	require.Len(t, page, 1)
	page, err = f.Production.StaffBatches(t.Context(), foreign, "", uuid.Nil, 2)
	require.NoError(t, err)
	require.Empty(t, page)
	require.Equal(t, "not_found", storagetest.Outcome(storagetest.Err(f.Production.StaffBatch(t.Context(), foreign,
		ids[0]))))
	require.NoError(t, storagetest.Err(f.Production.StaffBatch(t.Context(), mine, ids[0])))
}

// D3: a time of the schedule is followed once, by whoever is first, and only then.
func TestOpenScheduledBatch(t *testing.T) {
	t.Parallel()
	f := waiting(t, 2)
	due := func(last, now time.Time) bool { return now.Sub(last) >= time.Hour }
	follow := func() error {
		n := f.new(10)
		n.Reason = campus.BatchBySchedule
		return f.Production.OpenScheduledBatch(t.Context(), n, due)
	}
	require.NoError(t, follow())
	require.Zero(t, storagetest.Count(f.Env, "batches"), "the first time begins to count")
	f.Clock.Advance(time.Hour - time.Second)
	require.NoError(t, follow())
	require.Zero(t, storagetest.Count(f.Env, "batches"), "too early")
	f.Clock.Advance(time.Second)
	small := func(int) error {
		n := f.new(1) // a second one would find the other card
		return f.Production.OpenScheduledBatch(t.Context(), n, due)
	}
	holder, err := storagetest.Connect(t, f.Env).Begin(t.Context()) // all eight arrive before one of them can go on
	require.NoError(t, err)
	_, err = holder.Exec(t.Context(), `select 1 from universities where code = $1 for no key update`,
		storagetest.University)
	require.NoError(t, err)
	var errs []error
	var all sync.WaitGroup
	all.Go(func() { errs = storagetest.AtOnce(8, small) })
	require.Eventually(t, func() bool { return storagetest.LockWaits(f.Env, "%universities%") == 8 }, time.Minute,
		10*time.Millisecond)
	require.NoError(t, holder.Commit(t.Context()))
	all.Wait()
	require.Equal(t, map[string]int{"done": 8}, storagetest.Outcomes(errs))
	require.Equal(t, 1, storagetest.Count(f.Env, "batches"), "one of eight workers")
	f.Clock.Advance(time.Hour)
	require.NoError(t, follow())
	require.Equal(t, 2, storagetest.Count(f.Env, "batches"))
	before := storagetest.Count(f.Env, "outbox")
	f.Clock.Advance(time.Hour)
	require.NoError(t, follow())
	require.Equal(t, 2, storagetest.Count(f.Env, "batches"), "nothing waits, so nothing is opened")
	require.Equal(t, before, storagetest.Count(f.Env, "outbox"), "and no workflow is asked for")
}
