package workflows_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	sdkworker "go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/money"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows"
	"campuscard/workflows/engine"
	"campuscard/workflows/workflowtest"
)

//nolint:gochecknoglobals // flags are
var record = flag.Bool("record", false, "record the histories of courses that testdata/histories does not have yet")

const histories = "testdata/histories"

// recorded are the courses of a case whose histories are kept: every later build must be able to go on from them.
var recorded = map[string]func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest{
	"application-active-at-once": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := working(t, workflowtest.Good, with...)
		l.review(campus.Approve, "")
		l.activate()
		l.end(campus.Completed)
		if endsRuns(with) {
			return l
		}
		events := len(l.History(l.ref).Events)
		t.Logf("the history of a plain application has %d events", events)
		require.LessOrEqual(t, events, 100)
		requireShown(t, l.History(l.ref), "what machines do in a moment is not shown", "checking", "review", "activation", "done")
		return l
	},
	"application-service-slow": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := workingUnder(t, "steps: {tries: 50, backoff: 3s}\nproduction: {batches: false}", with...)
		l.School.Fault("library", "outage")
		l.review(campus.Approve, "")
		l.finds(`CampusStage = 'provisioning' AND CampusWaitsFor = 'school' AND CampusDue IS NULL`)
		l.School.Fault("library", "none")
		l.activate()
		l.end(campus.Completed)
		if !endsRuns(with) {
			requireShown(t, l.History(l.ref), "provisioning is shown because it lasts",
				"checking", "review", "provisioning", "activation", "done")
		}
		return l
	},
	"application-refused": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := newLive(t, workflowtest.Good)
		l.School.Change(l.student, workflowtest.Fields{"status": "withdrawn"})
		l.Work(worker.Config{Around: with})
		l.end(campus.RefusedBy)
		return l
	},
	"application-parked-then-retried": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := working(t, workflowtest.Good, with...)
		l.School.Fault("library", "outage")
		l.review(campus.Approve, "")
		require.Equal(t, campus.StepFailed, l.settle("operator", campus.RetryStep, "grant-library", 1).Outcome)
		l.School.Fault("library", "none")
		require.Equal(t, campus.StepOK, l.settle("operator", campus.RetryStep, "grant-library", 2).Outcome)
		l.activate()
		l.end(campus.Completed)
		return l
	},
	"application-face-away-at-comparison": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := newLive(t, workflowtest.Good)
		l.School.Fault("face", "outage")
		l.Work(worker.Config{Around: with})
		l.AwaitParked(l.ref, "liveness", 1)
		l.School.Fault("face", "none")
		require.Equal(t, campus.StepOK, l.settle("operator", campus.RetryStep, "liveness", 1).Outcome)
		l.review(campus.Approve, "")
		l.activate()
		l.end(campus.Completed)
		if !endsRuns(with) {
			requireShown(t, l.History(l.ref), "identity is shown because a step parks",
				"checking", "identity", "review", "activation", "done")
		}
		return l
	},
	"application-skipped": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := newLive(t, workflowtest.Good)
		l.School.Fault("carrier", "outage")
		l.Work(worker.Config{Around: with})
		l.settle("first", campus.SkipStep, "phone", 1)
		l.settle("second", campus.SkipStep, "phone", 1)
		l.review(campus.Reject, "phone_changed")
		l.end(campus.Rejected)
		return l
	},
	"application-aborted": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := working(t, workflowtest.Good, with...)
		l.School.Fault("access", "outage")
		l.review(campus.Approve, "")
		l.settle("first", campus.AbortSteps, "grant-access", 1)
		l.settle("second", campus.AbortSteps, "grant-access", 1)
		l.AwaitParked(l.ref, "revoke-access", 1)
		l.School.Fault("access", "none")
		l.settle("operator", campus.RetryStep, "revoke-access", 1)
		l.end(campus.Aborted)
		return l
	},
	"application-photo-renewed": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := newLive(t, workflowtest.Good)
		l.School.RenewPhoto(l.student, "somebody else")
		l.Work(worker.Config{Around: with})
		l.await(campus.StagePhoto)
		l.School.RenewPhoto(l.student, "")
		l.review(campus.Approve, "")
		l.activate()
		l.end(campus.Completed)
		return l
	},
	"application-photo-of-photo": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := working(t, workflowtest.Copied, with...)
		l.await(campus.StageLiveness)
		l.byStudent(campus.TryLivenessUpdate, l.Answer(l.student, workflowtest.Good))
		l.review(campus.Approve, "")
		l.activate()
		l.end(campus.Completed)
		return l
	},
	"application-last-look": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := newLiveUnder(t, strings.Replace(workflowtest.Quick, "photo_poll: 300ms",
			"photo_poll: 300ms, photo_reminder: 1s, photo_wait: 4s", 1), workflowtest.Good)
		l.School.RenewPhoto(l.student, "somebody else")
		l.Work(worker.Config{Around: with})
		l.await(campus.StagePhoto)
		l.School.Fault("academic", "outage")
		require.Equal(t, campus.StepFailed, l.settle("operator", campus.RetryStep, "last-look-photo", 1).Outcome)
		l.School.Fault("academic", "none")
		l.settle("operator", campus.RetryStep, "last-look-photo", 2)
		l.verify()
		l.review(campus.Approve, "")
		l.activate()
		l.end(campus.Completed)
		return l
	},
	"application-taken-back": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := working(t, workflowtest.Good, with...)
		l.review(campus.Approve, "")
		l.await(campus.StageActivation)
		l.byStudent(campus.WithdrawUpdate, struct{}{})
		l.end(campus.Withdrawn)
		return l
	},
	"application-asked-for-more": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := working(t, workflowtest.Good, with...)
		l.review(campus.AskMore, "certificate_unreadable")
		l.byStudent(campus.BringEvidenceUpdate, cards.NewEvidence{Evidence: []cards.Evidence{
			{Item: campus.CertificateItem, Upload: l.Upload(l.student.ID, campus.CertificateUpload).ID,
				Code: l.student.Certificate},
		}})
		l.review(campus.Approve, "")
		l.activate()
		l.end(campus.Completed)
		return l
	},
	"application-in-person": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := working(t, workflowtest.TooDark, with...)
		l.await(campus.StageLiveness)
		l.byStudent(campus.TryLivenessUpdate, l.Answer(l.student, workflowtest.TooDark))
		l.await(campus.StageLiveness)
		l.byStudent(campus.ChooseCounterUpdate, struct{}{})
		l.verify()
		l.review(campus.Approve, "")
		l.activate()
		l.end(campus.Completed)
		return l
	},
	"application-paper-missing": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := applying(t, "kind=plain&category=foreign", without(campus.LetterItem))
		l.Work(worker.Config{Around: with})
		l.await(campus.StageEvidence)
		l.byStudent(campus.BringEvidenceUpdate, cards.NewEvidence{Evidence: l.Papers(l.student, campus.LetterItem)})
		l.review(campus.Approve, "")
		l.activate()
		l.end(campus.Completed)
		return l
	},
	"application-counter": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := applying(t, "kind=plain&category=taiwan", byCounter)
		l.Work(worker.Config{Around: with})
		l.verify()
		l.review(campus.Approve, "")
		l.activate()
		l.end(campus.Completed)
		return l
	},
	"application-freshman": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := applying(t, "kind=admitted&category=mainland")
		l.Work(worker.Config{Around: with})
		l.review(campus.Approve, "")
		l.await(campus.StageEnrolment)
		l.School.Change(l.student, workflowtest.Fields{"status": "registered"})
		l.byStudent(campus.ActivateUpdate, struct{}{})
		l.end(campus.Completed)
		return l
	},
	"application-freshman-withdrawn": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := applying(t, "kind=admitted&category=mainland")
		l.Work(worker.Config{Around: with})
		l.review(campus.Approve, "")
		l.await(campus.StageEnrolment)
		l.byStudent(campus.WithdrawUpdate, struct{}{})
		l.end(campus.Withdrawn)
		return l
	},
	"application-staff": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		e := workflowtest.New(t, workflowtest.Quick).Engine()
		e.School.Bureau(idle)
		l := &engineTest{Engine: e, t: t, student: e.Applicant("kind=staff&category=mainland")}
		l.ref = e.Submit(l.student)
		l.Work(worker.Config{Around: with})
		l.await(campus.StageEvidence)
		l.byStudent(campus.BringEvidenceUpdate, cards.NewEvidence{Evidence: l.Papers(l.student, campus.DocumentItem)})
		l.await(campus.StageLiveness)
		face := l.Answer(l.student, workflowtest.Good)
		face.Consent = campus.ConsentVersion
		l.byStudent(campus.TryLivenessUpdate, face)
		l.review(campus.Approve, "")
		l.activate()
		l.end(campus.Completed)
		return l
	},
	"package-plain": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := choosing(t, laundry, with...)
		l.end(campus.Completed)
		return l
	},
	"package-parked": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := choosing(t, laundry, with...)
		l.end(campus.Completed)
		l.School.Fault("laboratory", "outage")
		l.asksFor(laboratory)
		require.Equal(t, campus.StepFailed, l.settle("operator", campus.RetryStep, "subscribe-laboratory", 1).Outcome)
		l.School.Fault("laboratory", "none")
		l.settle("operator", campus.RetryStep, "subscribe-laboratory", 2)
		l.end(campus.Completed)
		return l
	},
	"package-refused": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := choosing(t, laundry, with...)
		l.end(campus.Completed)
		l.School.Change(l.student, workflowtest.Fields{"dormitory": ""})
		l.asksFor(campus.ChosenPackage{Code: "dormitory_power", System: "dormitory-power"})
		l.end(campus.RefusedBy)
		return l
	},
	"package-given-up": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := choosing(t, laundry, with...)
		l.end(campus.Completed)
		l.School.Fault("laboratory", "outage")
		l.asksFor(laboratory)
		l.settle("first", campus.AbortSteps, "subscribe-laboratory", 1)
		l.settle("second", campus.AbortSteps, "subscribe-laboratory", 1)
		l.AwaitParked(l.ref, "unsubscribe-laboratory", 1)
		l.School.Fault("laboratory", "none")
		l.settle("operator", campus.RetryStep, "unsubscribe-laboratory", 1)
		l.end(campus.Aborted)
		return l
	},
	"package-withdrawn": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := choosing(t, laundry, with...)
		l.end(campus.Completed)
		l.givesBack(laundry)
		l.end(campus.Completed)
		return l
	},
	"package-kept": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := choosing(t, laundry, with...)
		l.end(campus.Completed)
		l.School.Fault("laundry", "outage")
		l.givesBack(laundry)
		l.settle("first", campus.AbortSteps, "unsubscribe-laundry", 1)
		l.settle("second", campus.AbortSteps, "unsubscribe-laundry", 1)
		l.AwaitParked(l.ref, "subscribe-laundry", 1)
		l.School.Fault("laundry", "none")
		l.settle("operator", campus.RetryStep, "subscribe-laundry", 1)
		l.end(campus.Aborted)
		return l
	},
	"ending-parked": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := replaced(t, func(l *engineTest) { l.School.Fault("library", "outage") }, with...)
		require.Equal(t, campus.StepFailed, l.settle("operator", campus.RetryStep, "revoke-library", 1).Outcome)
		l.School.Fault("library", "none")
		l.settle("operator", campus.RetryStep, "revoke-library", 2)
		l.end(campus.Completed)
		return l
	},
	"plastic-plain": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := working(t, workflowtest.Good, with...)
		l.review(campus.Approve, "")
		l.activate()
		l.plastic()
		l.report("produced", 2)
		l.report("delivered", 3)
		l.pickUp()
		l.end(campus.Completed)
		return l
	},
	"plastic-spoilt": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := working(t, workflowtest.Good, with...)
		l.School.Bureau(workflowtest.Fields{"produce_ms": 0, "spoil_next": 1})
		l.review(campus.Approve, "")
		l.activate()
		l.plastic()
		l.pickUp()
		l.end(campus.Completed)
		require.Equal(t, 2, l.School.Effects("order"))
		return l
	},
	"plastic-parked": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := working(t, workflowtest.Good, with...)
		l.School.Fault("bureau", "outage")
		l.review(campus.Approve, "")
		l.activate()
		l.end(campus.Completed)
		l.ref = l.PlasticCase(l.ref)
		require.Equal(t, campus.StepFailed, l.settle("operator", campus.RetryStep, "order-1", 1).Outcome)
		l.School.Fault("bureau", "none")
		l.settle("operator", campus.RetryStep, "order-1", 2)
		l.await(campus.StageProduction)
		l.report("cancelled", 2)
		l.end(campus.Expired)
		return l
	},
	"plastic-lost-on-the-way": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := workingUnder(t, workflowtest.Batched, with...)
		l.School.Bureau(workflowtest.Fields{"silent": true, "produce_ms": 0, "lose_next": 1})
		l.queued()
		l.batch()
		l.Await(func() bool { return l.current().Seq == 2 }, "it is lost, and made again")
		l.batch()
		l.pickUp()
		l.end(campus.Completed)
		return l
	},
	"plastic-rejected": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := workingUnder(t, workflowtest.Batched, with...)
		l.School.Bureau(workflowtest.Fields{"silent": true, "produce_ms": 0, "reject_next": 1})
		l.queued()
		l.batch()
		require.Equal(t, campus.StepOK, l.settle("operator", campus.RetryStep, "order-1", 1).Outcome)
		l.Await(func() bool { return l.current().Waits() && l.current().QueuedAt != nil }, "it waits again")
		l.batch()
		l.pickUp()
		l.end(campus.Completed)
		return l
	},
	"plastic-unclaimed-resent": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := workingUnder(t, workflowtest.Batched+"plastic: {pickup_wait: 6s, pickup_first_reminder: 0s, pickup_last_reminder: 0s}\n", with...)
		l.School.Bureau(workflowtest.Fields{"silent": true, "produce_ms": 0})
		l.queued()
		l.batch()
		l.await(campus.StageReturned)
		l.byStudent(campus.ResendUpdate, production.Resend{Kiosk: "lcu-west-1"})
		l.batch()
		l.pickUp()
		l.end(campus.Completed)
		return l
	},
	"batch-plain": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := workingUnder(t, workflowtest.Batched, with...)
		l.School.Bureau(workflowtest.Fields{"silent": true, "produce_ms": 0})
		l.queued()
		l.ref = l.batch()
		l.end(campus.Completed)
		return l
	},
	"batch-parked": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := workingUnder(t, workflowtest.Batched, with...)
		l.queued()
		l.School.Fault("bureau", "outage")
		l.ref = l.batch()
		require.Equal(t, campus.StepFailed, l.settle("operator", campus.RetryStep, "send-batch", 1).Outcome)
		l.School.Fault("bureau", "none")
		l.settle("operator", campus.RetryStep, "send-batch", 2)
		l.await(campus.StageProduction)
		l.School.Bureau(workflowtest.Fields{"kiosk_receipt": true, "produce_ms": 0})
		require.Equal(t, 1, l.School.Effects("batch"))
		l.Exec(`update plastics set state = 'ready'`) // the receipt, as it were
		l.end(campus.Completed)
		return l
	},
	"batch-aborted": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := workingUnder(t, workflowtest.Batched, with...)
		l.queued()
		l.School.Fault("bureau", "outage")
		l.ref = l.batch()
		l.settle("first", campus.AbortSteps, "send-batch", 1)
		l.settle("second", campus.AbortSteps, "send-batch", 1)
		l.AwaitParked(l.ref, "cancel-batch", 1)
		l.School.Fault("bureau", "none")
		l.settle("operator", campus.RetryStep, "cancel-batch", 1)
		l.end(campus.Aborted)
		return l
	},
	"invitation-plain": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := inviting(t, "wave: 2, pause: 300ms, reminder: 1s", with...)
		l.end(campus.Completed)
		return l
	},
	"invitation-paused-and-cancelled": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := inviting(t, "wave: 1, pause: 1h", with...)
		l.Await(func() bool { return joined(l.Events(l.ref)) == "campaign_begun wave_sent" }, "the first wave")
		l.send(campus.PauseUpdate, workflowtest.Staff("operator"), campus.Said{}, struct{}{})
		l.await(campus.StagePaused)
		l.send(campus.ResumeUpdate, workflowtest.Staff("operator"), campus.Said{}, struct{}{})
		l.send(campus.CancelUpdate, workflowtest.Staff("second"), campus.Said{}, struct{}{})
		l.end(campus.Withdrawn)
		return l
	},
	"appeal-duplicate": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := appealing(t, 10*yuan, true, "money: {appeals: {duplicates: {contest: 1s}}}\n", with...)
		l.end(campus.Completed)
		l.requireMoney(20 * yuan)
		return l
	},
	"appeal-duplicate-contested": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := appealing(t, 10*yuan, true, "", with...)
		l.says(campus.StageContest, "merchant", campus.ContestUpdate, campus.ObjectRefund, "two_sales")
		l.says(campus.StageDispute, "first", campus.DecideDisputeUpdate, campus.UpholdObjection, "two_sales")
		l.end(campus.Rejected)
		l.requireMoney(10 * yuan)
		return l
	},
	"appeal-objected-and-granted": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := appealing(t, 101*yuan, false, "", with...)
		l.refusedAppeal()
		l.byStudent(campus.ObjectAppealUpdate, money.AppealNote{Note: "我有小票"})
		l.says(campus.StageVerdict, "second", campus.DecideAppealUpdate, campus.RefundAll, "appeal_proven")
		l.says(campus.StageSecondPerson, "operator", campus.ConfirmAppealUpdate, campus.ConfirmVerdict, "")
		l.end(campus.Completed)
		l.requireMoney(303 * yuan)
		return l
	},
	"appeal-refunded-elsewhere": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := appealing(t, 10*yuan, false, "", with...)
		l.says(campus.StageAnswer, "merchant", campus.AnswerAppealUpdate, campus.ContestAppeal, "sale_made")
		l.await(campus.StageVerdict)
		payment := storagetest.One[uuid.UUID](l.Env.Env, `select transfer_id from appeals where case_id = $1`, l.ref.ID)
		_, err := l.Money.Refund(t.Context(), money.Refund{Terminal: "office", Key: "r-1", Payment: payment, Cents: 10 * yuan,
			TakenAt: l.Clock.Now(), By: campus.System()})
		require.NoError(t, err)
		l.end(campus.Completed)
		l.requireMoney(30 * yuan)
		return l
	},
	"appeal-withdrawn": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := appealing(t, 10*yuan, false, "", with...)
		l.await(campus.StageAnswer)
		l.byStudent(campus.WithdrawUpdate, struct{}{})
		l.end(campus.Withdrawn)
		l.requireMoney(20 * yuan)
		return l
	},
	"close-signed": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := closing(t, func(*workflowtest.Engine) {}, with...)
		l.signs("first")
		l.end(campus.Completed)
		return l
	},
	"close-tills-file-and-difference": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := closing(t, func(e *workflowtest.Engine) {
			silentTill(e.Env)
			paidUnknown(e.Env)
			e.School.Fault("wallet", "outage")
		}, with...)
		l.Await(func() bool { return joined(l.Events(l.ref)) == "close_begun tills_awaited" }, "the till is waited for")
		l.Exec(`update terminals set offline_upto_at = $1`, l.Now())
		require.Equal(t, campus.StepFailed, l.settle("operator", campus.RetryStep, "channel-file-wallet", 1).Outcome)
		l.School.Fault("wallet", "none")
		l.settle("operator", campus.RetryStep, "channel-file-wallet", 2)
		l.await(campus.StageSigning)
		l.send(campus.SettleDifferenceUpdate, workflowtest.Staff("first"), explained(1), money.DifferenceNote{Note: "明日补记"})
		l.signs("second")
		l.end(campus.Completed)
		return l
	},
	"close-given-up": func(t *testing.T, with ...interceptor.WorkerInterceptor) *engineTest {
		l := closing(t, func(e *workflowtest.Engine) { e.School.Fault("bank", "outage") }, with...)
		l.settle("first", campus.AbortSteps, "channel-file-bank", 1)
		l.settle("second", campus.AbortSteps, "channel-file-bank", 1)
		l.end(campus.Aborted)
		return l
	},
}

// told is what each course leaves behind: its timeline, and what the school has done.
var told = map[string]struct {
	story   string
	effects map[string]int
}{
	"application-active-at-once": {
		"applied checking checked liveness_passed photo_matched review_asked approved provisioned activated",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1},
	},
	"application-service-slow": {
		"applied checking checked liveness_passed photo_matched review_asked approved provisioned activated",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1},
	},
	"application-refused": {"applied checking refused", map[string]int{}},
	"application-photo-of-photo": {
		"applied checking checked liveness_passed liveness_failed liveness_tried liveness_passed photo_matched review_asked approved " +
			"provisioned activated",
		map[string]int{"liveness_check": 2, "comparison": 2, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1},
	},
	"application-last-look": {
		"applied checking checked liveness_passed photo_stale reminded step_parked step_failed_again step_retried counter_asked verified " +
			"review_asked approved provisioned activated",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1},
	},
	"application-parked-then-retried": {
		"applied checking checked liveness_passed photo_matched review_asked approved step_parked step_failed_again step_retried " +
			"provisioned activated",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1},
	},
	"application-face-away-at-comparison": {
		"applied checking checked step_parked step_retried liveness_passed photo_matched review_asked approved provisioned activated",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1},
	},
	"application-skipped": {
		"applied checking step_parked step_proposed step_skipped checked liveness_passed photo_matched review_asked rejected",
		map[string]int{"liveness_check": 1, "comparison": 1},
	},
	"application-aborted": {
		"applied checking checked liveness_passed photo_matched review_asked approved step_parked step_proposed step_aborted " +
			"step_parked step_retried aborted",
		map[string]int{"liveness_check": 1, "comparison": 1, "open_patron": 1, "open_account": 1, "close_patron": 1,
			"close_account": 1},
	},
	"application-photo-renewed": {
		"applied checking checked liveness_passed photo_stale photo_matched review_asked approved provisioned activated",
		map[string]int{"liveness_check": 1, "comparison": 2, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1},
	},
	"application-taken-back": {
		"applied checking checked liveness_passed photo_matched review_asked approved provisioned withdrawn",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1,
			"revoke": 1, "close_patron": 1, "close_account": 1},
	},
	"application-asked-for-more": {
		"applied checking checked liveness_passed photo_matched review_asked more_asked evidence_brought review_asked checked " +
			"approved provisioned activated",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1},
	},
	"application-in-person": {
		"applied checking checked liveness_failed liveness_tried liveness_failed counter_asked verified review_asked approved " +
			"provisioned activated",
		map[string]int{"liveness_check": 2, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1},
	},
	"application-paper-missing": {
		"applied checking evidence_asked evidence_brought checked liveness_passed photo_matched review_asked approved provisioned activated",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1},
	},
	"application-counter": {
		"applied checking checked counter_asked verified review_asked approved provisioned activated",
		map[string]int{"grant": 1, "open_patron": 1, "open_account": 1, "order": 1},
	},
	"application-freshman": {
		"applied checking checked liveness_passed photo_matched review_asked approved provisioned activated",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1},
	},
	"application-freshman-withdrawn": {
		"applied checking checked liveness_passed photo_matched review_asked approved provisioned withdrawn",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1,
			"revoke": 1, "close_patron": 1, "close_account": 1},
	},
	"application-staff": {
		"applied checking evidence_asked evidence_brought checked liveness_asked liveness_tried liveness_passed photo_matched " +
			"review_asked approved provisioned activated",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1},
	},
	"package-plain": {
		"package_requested package_granted",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1,
			"subscribe": 1},
	},
	"package-parked": {
		"package_requested step_parked step_failed_again step_retried package_granted",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1,
			"subscribe": 2},
	},
	"package-refused": {
		"package_requested package_refused",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1,
			"subscribe": 1},
	},
	"package-given-up": {
		"package_requested step_parked step_proposed step_aborted step_parked step_retried package_ended",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1,
			"subscribe": 1},
	},
	"package-withdrawn": {
		"package_returned package_withdrawn",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1,
			"subscribe": 1, "unsubscribe": 1},
	},
	"package-kept": {
		"package_returned step_parked step_proposed step_aborted step_parked step_retried package_ended",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1,
			"subscribe": 1},
	},
	"ending-parked": {
		"card_ended step_parked step_failed_again step_retried card_revoked",
		map[string]int{"liveness_check": 2, "comparison": 2, "grant": 2, "open_patron": 2, "open_account": 2, "order": 2,
			"revoke": 1, "close_patron": 1, "close_account": 1, "cancellation": 1},
	},
	"plastic-plain": {
		"plastic_begun plastic_ordered plastic_ready picked_up",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1},
	},
	"plastic-spoilt": {
		"plastic_begun plastic_ordered plastic_spoilt plastic_ordered plastic_ready picked_up",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 2},
	},
	"plastic-parked": {
		"plastic_begun step_parked step_failed_again step_retried plastic_ordered plastic_ended",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1,
			"cancellation": 1},
	},
	"plastic-lost-on-the-way": {
		"plastic_begun plastic_queued plastic_ordered plastic_lost plastic_ordered plastic_ready picked_up",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 2,
			"batch": 2},
	},
	"plastic-rejected": {
		"plastic_begun plastic_queued step_parked step_retried plastic_spoilt plastic_ordered plastic_ready picked_up",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1,
			"batch": 2},
	},
	"plastic-unclaimed-resent": {
		"plastic_begun plastic_queued plastic_ordered plastic_ready plastic_returned plastic_resent plastic_ordered plastic_ready picked_up",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 2,
			"batch": 2},
	},
	"batch-plain": {
		"batch_begun order_file_written batch_sent batch_done",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1,
			"batch": 1},
	},
	"batch-parked": {
		"batch_begun order_file_written step_parked step_failed_again step_retried batch_sent batch_done",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1,
			"batch": 1},
	},
	"batch-aborted": {
		"batch_begun order_file_written step_parked step_proposed step_aborted step_parked step_retried batch_failed",
		map[string]int{"liveness_check": 1, "comparison": 1, "grant": 1, "open_patron": 1, "open_account": 1, "order": 1,
			"batch": 1, "batch_cancellation": 1},
	},
	"invitation-plain": {
		"campaign_begun wave_sent wave_sent inviting_ended reminders_sent reminders_sent campaign_done", map[string]int{},
	},
	"invitation-paused-and-cancelled": {
		"campaign_begun wave_sent campaign_paused campaign_resumed campaign_cancelled", map[string]int{},
	},
	"appeal-duplicate": {"appealed appeal_duplicate appeal_refunded appeal_over", map[string]int{}},
	"appeal-duplicate-contested": {
		"appealed appeal_duplicate appeal_refunded appeal_refund_contested appeal_contest_upheld appeal_over", map[string]int{},
	},
	"appeal-objected-and-granted": {
		"appealed appeal_merchant_asked appeal_contested appeal_refund_nothing appeal_objected appeal_refund_all " +
			"appeal_confirmed appeal_refunded appeal_over", map[string]int{},
	},
	"appeal-refunded-elsewhere": {"appealed appeal_merchant_asked appeal_contested appeal_over", map[string]int{}},
	"appeal-withdrawn":          {"appealed appeal_merchant_asked appeal_withdrawn", map[string]int{}},
	"close-signed": {
		"close_begun books_closed writers_gone merchants_settled channel_compared channel_compared channels_compared " +
			"report_written close_signed", map[string]int{},
	},
	"close-tills-file-and-difference": {
		"close_begun tills_awaited books_closed writers_gone merchants_settled channel_compared step_parked step_failed_again " +
			"step_retried channel_compared channels_compared report_written difference_settled close_signed", map[string]int{},
	},
	"close-given-up": {
		"close_begun books_closed writers_gone merchants_settled step_parked step_proposed step_aborted close_given_up",
		map[string]int{},
	},
}

// TestAnswersThatAreLostChangeNothing plays every course on the real server, and loses the first answer of all that is
// called. With -record nothing is lost, and the histories are kept of courses that have none. One that is there stays:
// it is what running cases of that build look like. A course that has changed is recorded under a new name.
func TestAnswersThatAreLostChangeNothing(t *testing.T) {
	t.Parallel()
	for name, course := range recorded {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var faults []interceptor.WorkerInterceptor
			if !*record {
				faults = append(faults, losesAnswers())
			}
			l := course(t, faults...)
			l.requireWords()
			require.Equal(t, told[name].story, joined(slices.DeleteFunc(l.Events(l.ref), isOnTheWay)))
			require.Equal(t, told[name].effects, l.effects())
			l.knowsItsPlace()
			h := l.History(l.ref)
			requireNothingPersonal(t, h, l.student)
			if *record {
				write(t, filepath.Join(histories, name+".json"), h)
			}
		})
	}
}

// requireWords requires that people would read whatever has come about: what each step is that was taken, for it may
// park, and every line of a timeline, reason, message and work item. Codes that are no constants are found here alone.
func (l *engineTest) requireWords() {
	l.t.Helper()
	keys := storagetest.One[[]string](l.Env.Env, `select array_agg(key) from (select 'event.' || kind as key from events
		union select 'reason.' || reason from moves where reason <> ''
		union select 'reason.' || (data->>'reason') from events where data->>'reason' <> ''
		union select 'reason.' || reason from work_items where reason <> '' and kind <> 'incident'
		union select 'stage.' || stage from moves union select 'waits.' || waits_for from moves
		union select template from notices) as said`)
	for _, key := range keys {
		require.True(l.t, campus.HasText(key), "no text %s (campus/text)", key)
	}
	steps := storagetest.One[[]string](l.Env.Env, `select array_agg(distinct step) from attempts`)
	for _, step := range steps {
		for _, in := range []campus.Language{campus.Chinese, campus.English} {
			require.NotEqual(l.t, campus.Text(in, "step.own", nil), campus.StepText(in, step),
				"no text step.%s (campus/text)", step)
		}
	}
}

// requireNothingPersonal looks through a history as it is stored, where what travels is not encoded any further.
func requireNothingPersonal(t *testing.T, h *history.History, s workflowtest.Student) {
	t.Helper()
	stored, err := proto.Marshal(h)
	require.NoError(t, err)
	for what, value := range map[string]string{
		"name": s.Name, "number": s.Number, "document": s.Document, "phone": s.Phone, "mail": s.Email, "certificate": s.Certificate,
		"face": s.Identity,
	} {
		if what == "certificate" && s.Route != campus.StudentRoute {
			continue // they have none
		}
		require.NotEmpty(t, value, what)
		require.False(t, bytes.Contains(stored, []byte(value)), "the history holds the student's %s", what)
	}
}

func write(t *testing.T, path string, h *history.History) {
	t.Helper()
	raw, err := protojson.Marshal(h)
	require.NoError(t, err)
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, raw, "", " "))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, os.ErrExist) {
		return
	}
	require.NoError(t, err)
	_, err = file.Write(append(indented.Bytes(), '\n'))
	require.NoError(t, errors.Join(err, file.Close()))
}

// TestReplay runs every history ever recorded against this build.
func TestReplay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(histories, "*.json"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), len(recorded))
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			replayer := sdkworker.NewWorkflowReplayer()
			workflows.Register(replayer)
			require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(nil, file))
		})
	}
}

// requireShown requires the stages that Temporal's list of cases has shown, in their order. A stage beside them may be
// shown only where the timer of engine.showIfItLasts has fired: a machine that is busy can make any stage last.
func requireShown(t *testing.T, h *history.History, why string, stages ...string) {
	t.Helper()
	var shown []string
	lasts := false
	for _, event := range h.GetEvents() {
		if event.GetEventType() == enums.EVENT_TYPE_TIMER_FIRED {
			lasts = lasts || summary(t, h, event.GetTimerFiredEventAttributes().GetStartedEventId()) == "show the stage"
		}
		stage, found := stageOf(t, event)
		if !found {
			continue
		}
		if !lasts || slices.Contains(stages, stage) {
			shown = append(shown, stage)
		}
		lasts = false
	}
	require.Equal(t, stages, shown, why)
}

// stageOf reads the stage that an event shows in Temporal's list.
func stageOf(t *testing.T, event *history.HistoryEvent) (name string, found bool) {
	t.Helper()
	fields := event.GetWorkflowExecutionStartedEventAttributes().GetSearchAttributes().GetIndexedFields()
	if event.GetEventType() == enums.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES {
		fields = event.GetUpsertWorkflowSearchAttributesEventAttributes().GetSearchAttributes().GetIndexedFields()
	}
	stage, found := fields[engine.StageAttribute.GetName()]
	if found {
		require.NoError(t, converter.GetDefaultDataConverter().FromPayload(stage, &name))
	}
	return name, found
}

// summary is what the workflow says a timer is for.
func summary(t *testing.T, h *history.History, started int64) (text string) {
	t.Helper()
	if p := h.GetEvents()[started-1].GetUserMetadata().GetSummary(); p != nil {
		require.NoError(t, converter.GetDefaultDataConverter().FromPayload(p, &text))
	}
	return text
}
