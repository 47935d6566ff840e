package activities_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
)

// inBatch is a house with one card in a batch that has begun.
func inBatch(t *testing.T, bureau fields) (h *env, plastic activities.PlasticStep, batch campus.StepRef) {
	t.Helper()
	h = applied(t)
	h.School.Bureau(bureau)
	_, plastic = h.activated()
	queue := activities.QueuePlastic{University: storagetest.University, Plastic: plastic.Plastic,
		Move: h.NextMove(plastic.Ref.Case, campus.StageBatching, campus.WaitsForEngine)}
	twice[nothing](h, h.acts.QueuePlastic, queue)
	return h, plastic, h.opened()
}

// opened is a step of a batch of what waits.
func (h *env) opened() campus.StepRef {
	h.t.Helper()
	open := activities.OpenBatch{Batch: uuid.Must(uuid.NewV7()), University: storagetest.University,
		Reason: campus.BatchBySchedule}
	opened, err := run[bool](h, h.acts.OpenBatch, open)
	require.NoError(h.t, err)
	require.True(h.t, opened)
	again, err := run[bool](h, h.acts.OpenBatch, open)
	require.NoError(h.t, err)
	require.False(h.t, again, "twice is once")
	ref := campus.CaseRef{Kind: campus.BatchCase, ID: open.Batch}
	began := twice[activities.Began[activities.BatchPlan]](h, h.acts.BeginBatch,
		activities.BeginCase{University: storagetest.University,
			Move: h.NextMove(ref, campus.StageOrderFile, campus.WaitsForEngine)})
	require.Equal(h.t, h.Policy().Production, began.Plan.Production)
	return campus.StepRef{Case: ref, Step: "step", Attempt: 1, Key: 1, By: campus.System()}
}

func (h *env) stateOf(plastic uuid.UUID) campus.PlasticState {
	h.t.Helper()
	return storagetest.One[campus.PlasticState](h.Env.Env, `select state from plastics where id = $1`, plastic)
}

// D3: the order file is written once, sealed, with its hash, and says what the bureau has to know.
func TestWriteOrderFile(t *testing.T) {
	t.Parallel()
	h, plastic, step := inBatch(t, fields{"produce_ms": 3_600_000})
	require.Equal(t, 1, twice[int](h, h.acts.WriteOrderFile, step))
	b, err := h.Production.Batch(t.Context(), step.Case.ID)
	require.NoError(t, err)
	file, err := h.Production.OrderFile(t.Context(), b)
	require.NoError(t, err)
	sum := sha256.Sum256(file)
	require.Equal(t, sum[:], b.SHA256)
	var entry school.Entry
	require.NoError(t, json.Unmarshal(file, &entry))
	require.Equal(t, 1, bytes.Count(file, []byte("\n")))
	require.Equal(t, []any{plastic.Plastic.String(), h.student.Name, h.student.Number, storagetest.EastKiosk, false},
		[]any{entry.Reference, entry.HolderName, entry.Number, entry.Kiosk, entry.Carry})
	for key, sealed := range h.Objects() {
		require.NotContains(t, string(sealed), h.student.Name, key)
	}
	h.requireTries(step, "ok", "ok")

	twice[nothing](h, h.acts.SendBatch, step)
	require.Equal(t, 1, h.School.Effects("batch"))
	require.Equal(t, campus.PlasticInProduction, h.stateOf(plastic.Plastic))
	require.Equal(t, 1, h.count(`batches where state = 'sent' and number like 'bb-%' and sent_at is not null`))
}

func TestBatchOfUnknownOutcomeIsTakenBack(t *testing.T) {
	t.Parallel()
	h, plastic, step := inBatch(t, fields{"produce_ms": 3_600_000})
	cancel := step
	cancel.Step = "cancel"
	twice[nothing](h, h.acts.CancelBatch, cancel)
	require.Zero(t, h.School.Calls("batch_cancellation"), "nothing was ordered yet")
	twice[int](h, h.acts.WriteOrderFile, step)
	h.School.Fault("bureau", "flaky", fields{"rate": 1, "moment": "after"})
	_, err := run[nothing](h, h.acts.SendBatch, step)
	require.Equal(t, campus.Unavailable, campus.CodeOf(err), "it was ordered, and nobody told us")
	_, err = run[nothing](h, h.acts.CancelBatch, cancel)
	require.Equal(t, campus.Unavailable, campus.CodeOf(err))
	h.School.Fault("bureau", "none", nil)
	twice[nothing](h, h.acts.CancelBatch, cancel)
	require.Equal(t, 1, h.School.Effects("batch"))
	require.Equal(t, 1, h.School.Effects("batch_cancellation"))
	require.NotEqual(t, campus.PlasticCancelled, h.stateOf(plastic.Plastic), "we did that ourselves")
	m := h.NextMove(step.Case, campus.StageDone, campus.WaitsForNobody)
	m.Outcome = campus.Aborted
	twice[nothing](h, h.acts.EndBatch, activities.EndBatch{Move: m, State: campus.BatchFailed})
	h.opened() // the card waits for another one
}

// What contradicts one card says nothing about the others.
func TestAskAboutBatch(t *testing.T) {
	t.Parallel()
	h, plastic, step := inBatch(t, fields{})
	twice[int](h, h.acts.WriteOrderFile, step)
	twice[nothing](h, h.acts.SendBatch, step)
	ask := step
	ask.Step = "ask"
	h.Exec(`update plastics set state = 'cancelled'`)
	require.Eventually(t, func() bool {
		_, err := run[nothing](h, h.acts.AskAboutBatch, ask)
		return campus.ReasonOf(err) == "report_contradicts"
	}, 20*time.Second, 20*time.Millisecond)
	h.Exec(`update plastics set state = 'in_production'`)
	require.Eventually(t, func() bool {
		_, err := run[nothing](h, h.acts.AskAboutBatch, ask)
		require.NoError(t, err)
		return h.stateOf(plastic.Plastic) == campus.PlasticReady
	}, 20*time.Second, 20*time.Millisecond)
	twice[nothing](h, h.acts.AskAboutBatch, ask)
	counts := twice[activities.BatchCounts](h, h.acts.ReadBatch,
		activities.BatchStatus{Batch: step.Case.ID, Late: h.Clock.Now()})
	require.Equal(t, activities.BatchCounts{State: campus.BatchSent, Ready: 1}, counts)
	h.School.Fault("bureau", "outage", nil)
	_, err := run[nothing](h, h.acts.AskAboutBatch, ask)
	require.Equal(t, campus.Unavailable, campus.CodeOf(err))
}

// D3: an unclaimed card goes back, and out again without being made anew.
func TestReturnAndResend(t *testing.T) {
	t.Parallel()
	h, plastic, step := inBatch(t, fields{})
	twice[int](h, h.acts.WriteOrderFile, step)
	twice[nothing](h, h.acts.SendBatch, step)
	ask := step
	ask.Step = "ask"
	ready := func() bool {
		_, err := run[nothing](h, h.acts.AskAboutBatch, ask)
		require.NoError(t, err)
		return h.stateOf(plastic.Plastic) == campus.PlasticReady
	}
	require.Eventually(t, ready, time.Minute, 20*time.Millisecond)
	twice[nothing](h, h.acts.ReturnPlastic, activities.ReturnPlastic{Plastic: plastic.Plastic,
		Move: h.NextMove(plastic.Ref.Case, campus.StageReturned, campus.WaitsForStudent)})
	m := h.NextMove(plastic.Ref.Case, campus.StageBatching, campus.WaitsForEngine)
	m.Decision = h.Decision(plastic.Ref.Case, campus.Student(h.student.ID), campus.ResendUpdate, campus.Said{},
		production.Resend{Kiosk: storagetest.WestKiosk})
	twice[nothing](h, h.acts.ResendPlastic,
		activities.ResendPlastic{Move: m, University: storagetest.University, Plastic: plastic.Plastic,
			Promised: h.Clock.Now().Add(72 * time.Hour), By: campus.Student(h.student.ID)})
	step = h.opened()
	twice[int](h, h.acts.WriteOrderFile, step)
	b, err := h.Production.Batch(t.Context(), step.Case.ID)
	require.NoError(t, err)
	file, err := h.Production.OrderFile(t.Context(), b)
	require.NoError(t, err)
	require.Contains(t, string(file), `"carry":true`)
	twice[nothing](h, h.acts.SendBatch, step)
	ask.Case = step.Case
	require.Eventually(t, ready, time.Minute, 20*time.Millisecond)
	require.Equal(t, 1, h.count(`plastics where kiosk_id = $1`, storagetest.WestKiosk))
}
