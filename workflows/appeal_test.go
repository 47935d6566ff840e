package workflows_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

const yuan = 100

// appealed is a student's payment at a till.
type appealed struct {
	till    money.Till
	account uuid.UUID
	payment uuid.UUID
}

// paid has a student pay at a till; twice has it charged twice, of which the till has printed one.
func paid(t *testing.T, h *workflowtest.Env, student workflowtest.Student, cents int64, twice bool) appealed {
	t.Helper()
	a := h.Account(0)
	h.Exec(`update accounts set person_id = $1 where id = $2`, student.ID, a.ID)
	h.TopUp(a.ID, 3*cents)
	x := appealed{till: h.Till(h.Merchant("第一食堂", "canteen"), "一号窗口"), account: a.ID}
	if twice {
		x.payment, _ = h.Twice(x.till, a.ID, cents)
	} else {
		x.payment = h.Sale(x.till, a.ID, cents, "s-1")
	}
	return x
}

// appealTest is an appeal whose people act at set times.
type appealTest struct {
	*caseTest
	appealed
}

func newAppeal(t *testing.T, cents int64, twice bool, change ...func(*money.NewAppeal)) *appealTest {
	t.Helper()
	h := workflowtest.New(t, "")
	student := h.Student()
	x := paid(t, h, student, cents, twice)
	a := h.Appealed(student.ID, x.payment, change...)
	require.Equal(t, twice, a.Duplicate())
	return &appealTest{stage(t, h, student, campus.CaseRef{Kind: campus.AppealCase, ID: a.CaseID}), x}
}

// says is what somebody of staff says about the appeal.
func (x *appealTest) says(who, update string, action campus.AppealAction, reason string, part ...int64) *reply {
	note := money.AppealNote{Note: "见监控"}
	if len(part) > 0 {
		note.AmountCents = part[0]
	}
	return x.decide(update, workflowtest.Staff(who), campus.Said{Action: string(action), Reason: reason},
		func() any { return note })
}

func (x *appealTest) answers(action campus.AppealAction, reason string) {
	x.says("merchant", campus.AnswerAppealUpdate, action, reason)
}

func (x *appealTest) decides(who string, action campus.AppealAction, reason string, part ...int64) *reply {
	return x.says(who, campus.DecideAppealUpdate, action, reason, part...)
}

func (x *appealTest) objects() {
	x.decide(campus.ObjectAppealUpdate, campus.Student(x.student.ID), campus.Said{},
		func() any { return money.AppealNote{Note: "我有小票"} })
}

// ends plays the case and requires how it has ended, and what is on the account.
func (x *appealTest) ends(outcome campus.Outcome, reason string, left int64, story string) {
	x.t.Helper()
	x.run()
	x.requireEnd(outcome, reason)
	require.Equal(x.t, campus.Purses{Main: left}, x.AccountOf(x.account).Purses())
	require.Equal(x.t, story, x.story())
	require.Contains(x.t, x.Notices(x.ref), "notice.appeal_over")
}

func (x *appealTest) stands(stage campus.Stage, waits campus.Party) {
	x.do(func() {
		c := x.Case(x.ref)
		require.Equal(x.t, stage, c.Stage)
		require.Equal(x.t, waits, c.WaitsFor)
		if stage != campus.StageRefund {
			require.NotNil(x.t, c.Due, "the holder sees until when")
		}
	})
}

// E3: an obvious duplicate goes back at once, and stays so when the merchant says nothing for three days.
func TestDuplicateGoesBackAtOnce(t *testing.T) {
	t.Parallel()
	x := newAppeal(t, 10*yuan, true)
	x.do(func() {
		require.Equal(t, int64(20*yuan), x.AccountOf(x.account).MainCents)
		require.Equal(t, campus.StageContest, x.Case(x.ref).Stage)
	})
	x.after(71 * time.Hour)
	x.stands(campus.StageContest, campus.WaitsForMerchant)
	x.ends(campus.Completed, "duplicate_refunded", 20*yuan, "appealed appeal_duplicate appeal_refunded appeal_over")
}

// The merchant's objection, which is upheld: what went back is taken again.
func TestDuplicateContested(t *testing.T) {
	t.Parallel()
	for action, want := range map[campus.AppealAction]struct {
		reason  string
		outcome campus.Outcome
		why     string
		left    int64
		story   string
	}{
		campus.UpholdObjection: {"two_sales", campus.Rejected, "contest_upheld", 10 * yuan, "appeal_contest_upheld"},
		campus.DismissObjection: {"objection_not_proven", campus.Completed, "duplicate_refunded", 20 * yuan,
			"appeal_contest_dismissed"},
	} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			x := newAppeal(t, 10*yuan, true)
			x.says("merchant", campus.ContestUpdate, campus.ObjectRefund, "merchant_silent").refused("reason_unknown")
			x.says("merchant", campus.ContestUpdate, campus.ObjectRefund, "two_sales")
			x.stands(campus.StageDispute, campus.WaitsForFinance)
			x.says("merchant", campus.DecideDisputeUpdate, action, want.reason).refused("same_person")
			x.says("first", campus.DecideDisputeUpdate, action, want.reason)
			x.ends(want.outcome, want.why, want.left,
				"appealed appeal_duplicate appeal_refunded appeal_refund_contested "+want.story+" appeal_over")
		})
	}
}

// The merchant is heard, staff decide, and it goes back.
func TestAppealGranted(t *testing.T) {
	t.Parallel()
	x := newAppeal(t, 10*yuan, false)
	x.stands(campus.StageAnswer, campus.WaitsForMerchant)
	x.decides("first", campus.RefundAll, "appeal_proven").refused(campus.WrongStage)
	x.answers(campus.AgreeAppeal, "")
	x.stands(campus.StageVerdict, campus.WaitsForFinance)
	x.decides("merchant", campus.RefundAll, "merchant_agreed").refused("same_person")
	x.decides("first", campus.RefundAll, "two_sales").refused("reason_unknown")
	x.decides("first", campus.RefundAll, "merchant_agreed")
	x.ends(campus.Completed, "appeal_granted", 30*yuan, "appealed appeal_merchant_asked appeal_agreed appeal_refund_all "+
		"appeal_refunded appeal_over")
	require.Contains(t, x.Notices(x.ref), "notice.appeal_opened")
	require.Contains(t, x.Notices(x.ref), "notice.appeal_given_back")
}

// The silence of the merchant is told, and staff decide without it; they are asked again until they do.
func TestAppealOfASilentMerchant(t *testing.T) {
	t.Parallel()
	x := newAppeal(t, 10*yuan, false)
	x.after(10 * day)
	x.stands(campus.StageVerdict, campus.WaitsForFinance)
	x.after(20 * day).do(func() {
		require.NotNil(t, x.OpenItems(x.ref)[0].EscalatedAt)
		require.Contains(t, x.story(), "appeal_overdue appeal_overdue")
	})
	x.decides("first", campus.RefundAll, "merchant_silent")
	x.run()
	x.requireEnd(campus.Completed, "appeal_granted")
	require.Contains(t, x.story(), "appealed appeal_merchant_asked appeal_merchant_silent appeal_overdue")
}

// A refusal ends the appeal unless the holder objects.
func TestAppealRefused(t *testing.T) {
	t.Parallel()
	x := newAppeal(t, 10*yuan, false)
	x.answers(campus.ContestAppeal, "two_sales")
	x.decides("first", campus.RefundNothing, "two_sales")
	x.stands(campus.StageObjection, campus.WaitsForStudent)
	x.ends(campus.Rejected, "two_sales", 20*yuan, "appealed appeal_merchant_asked appeal_contested appeal_refund_nothing appeal_over")
	require.Contains(t, x.Notices(x.ref), "notice.appeal_may_object")
	a, err := x.Money.Appeal(t.Context(), x.ref.ID)
	require.NoError(t, err)
	require.Zero(t, a.GrantedCents)
}

// Somebody else decides about the holder's objection, for good.
func TestAppealObjected(t *testing.T) {
	t.Parallel()
	for action, want := range map[campus.AppealAction]struct {
		reason  string
		outcome campus.Outcome
		why     string
		left    int64
		story   string
	}{
		campus.RefundNothing: {"own_payment", campus.Rejected, "own_payment", 20 * yuan, "appeal_refund_nothing"},
		campus.RefundAll:     {"appeal_proven", campus.Completed, "appeal_granted", 30 * yuan, "appeal_refund_all appeal_refunded"},
	} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			x := newAppeal(t, 10*yuan, false)
			x.answers(campus.ContestAppeal, "sale_made")
			x.decides("first", campus.RefundNothing, "appeal_not_proven")
			x.objects()
			x.stands(campus.StageVerdict, campus.WaitsForFinance)
			x.decides("first", action, want.reason).refused("same_person")
			x.decides("second", action, want.reason)
			x.after(time.Minute).do(func() { require.Equal(t, want.outcome, x.Case(x.ref).Outcome, "nobody objects again") })
			x.ends(want.outcome, want.why, want.left, "appealed appeal_merchant_asked appeal_contested appeal_refund_nothing "+
				"appeal_objected "+want.story+" appeal_over")
		})
	}
}

// A part goes back, and the holder may ask for the rest once.
func TestAppealOfWhichAPartGoesBack(t *testing.T) {
	t.Parallel()
	x := newAppeal(t, 10*yuan, false)
	x.answers(campus.ContestAppeal, "amount_right")
	x.decides("first", campus.RefundPart, "appeal_proven", 10*yuan).refused("part_amount")
	x.decides("first", campus.RefundPart, "appeal_proven").refused("part_amount")
	x.decides("first", campus.RefundPart, "appeal_proven", 4*yuan)
	x.stands(campus.StageObjection, campus.WaitsForStudent)
	x.do(func() { require.Equal(t, int64(24*yuan), x.AccountOf(x.account).MainCents) })
	x.objects()
	x.withdraw().refused(campus.WrongStage)
	x.decides("second", campus.RefundPart, "appeal_proven", 6*yuan).refused("part_amount")
	x.decides("second", campus.RefundAll, "appeal_proven")
	x.run()
	x.requireEnd(campus.Completed, "appeal_granted")
	require.Equal(t, int64(30*yuan), x.AccountOf(x.account).MainCents)
}

// A part that the holder does not object to is the end.
func TestAppealOfWhichAPartStands(t *testing.T) {
	t.Parallel()
	x := newAppeal(t, 10*yuan, false, func(n *money.NewAppeal) { n.Cents = 5 * yuan })
	x.answers(campus.AgreeAppeal, "")
	x.decides("first", campus.RefundPart, "merchant_agreed", 2*yuan)
	x.ends(campus.Completed, "appeal_part", 22*yuan, "appealed appeal_merchant_asked appeal_agreed appeal_refund_part "+
		"appeal_refunded appeal_over")
}

// E3: a large refund takes two people, and the second may send it back.
func TestLargeAppealTakesTwo(t *testing.T) {
	t.Parallel()
	x := newAppeal(t, 101*yuan, false)
	confirm := func(who string, action campus.AppealAction) *reply {
		return x.says(who, campus.ConfirmAppealUpdate, action, "")
	}
	x.answers(campus.AgreeAppeal, "")
	x.decides("first", campus.RefundAll, "merchant_agreed")
	x.stands(campus.StageSecondPerson, campus.WaitsForFinance)
	x.do(func() { require.Equal(t, int64(202*yuan), x.AccountOf(x.account).MainCents, "nothing goes back yet") })
	confirm("first", campus.ConfirmVerdict).refused("same_person")
	confirm("merchant", campus.ConfirmVerdict).refused("same_person")
	confirm("second", campus.SendBack)
	x.decides("second", campus.RefundAll, "appeal_proven")
	confirm("first", campus.ConfirmVerdict)
	x.ends(campus.Completed, "appeal_granted", 303*yuan, "appealed appeal_merchant_asked appeal_agreed appeal_refund_all "+
		"appeal_sent_back appeal_refund_all appeal_confirmed appeal_refunded appeal_over")
}

// What was given back otherwise meanwhile ends the case, and says so.
func TestAppealOfWhatWentBackOtherwise(t *testing.T) {
	t.Parallel()
	x := newAppeal(t, 10*yuan, false)
	x.answers(campus.AgreeAppeal, "")
	x.do(func() { x.refundsElsewhere("r-1", 10*yuan) }) // the nudge is still on its way
	x.decides("first", campus.RefundAll, "merchant_agreed")
	x.ends(campus.Completed, "appeal_nothing_left", 30*yuan,
		"appealed appeal_merchant_asked appeal_agreed appeal_refund_all appeal_over")
}

// E3: a payment that merchant or staff give back in full while the appeal waits ends it by itself, told as refunded; of
// a part it goes on.
func TestAppealRefundedElsewhere(t *testing.T) {
	t.Parallel()
	agreed := func(x *appealTest) { x.answers(campus.AgreeAppeal, "") }
	for name, test := range map[string]struct {
		before func(*appealTest)
		item   campus.WorkItemKind
	}{
		"at the answer":  {func(*appealTest) {}, campus.AppealAnswerItem},
		"at the verdict": {agreed, campus.AppealItem},
		"long after the date": {func(x *appealTest) {
			agreed(x)
			x.after(30 * day)
		}, campus.AppealItem},
		"at the second person": {func(x *appealTest) {
			agreed(x)
			x.decides("first", campus.RefundAll, "merchant_agreed")
		}, campus.AppealSecondItem},
		"at the objection": {func(x *appealTest) {
			agreed(x)
			x.decides("first", campus.RefundNothing, "own_payment")
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newAppeal(t, 101*yuan, false)
			test.before(x)
			x.do(func() {
				x.refundsElsewhere("r-1", 100*yuan)
				x.env.SignalWorkflow(campus.FactsChanged, nil)
			})
			x.after(time.Minute).do(func() {
				require.Empty(t, x.Case(x.ref).Outcome, "a fen is left")
				if test.item != "" {
					require.Equal(t, test.item, x.OpenItems(x.ref)[0].Kind)
				}
				x.refundsElsewhere("r-2", yuan)
				x.env.SignalWorkflow(campus.FactsChanged, nil)
			})
			x.run()
			x.requireEnd(campus.Completed, "appeal_refunded_elsewhere")
			require.Equal(t, int64(303*yuan), x.AccountOf(x.account).MainCents, "once")
			require.Contains(t, x.Notices(x.ref), "notice.appeal_over")
			require.Empty(t, x.OpenItems(x.ref))
		})
	}
}

// A run looks by itself when it first waits: whoever gave the money back may have nudged an earlier one.
func TestAppealRefundedBeforeTheRun(t *testing.T) {
	t.Parallel()
	x := newAppeal(t, 10*yuan, false)
	x.refundsElsewhere("r-1", 10*yuan)
	x.ends(campus.Completed, "appeal_refunded_elsewhere", 30*yuan, "appealed appeal_merchant_asked appeal_over")
}

// refundsElsewhere has staff give a part of the payment back outside of the appeal.
func (x *appealTest) refundsElsewhere(key string, cents int64) {
	_, err := x.Money.Refund(x.t.Context(), money.Refund{Terminal: "office", Key: key, Payment: x.payment, Cents: cents,
		TakenAt: x.Clock.Now(), By: campus.System()})
	require.NoError(x.t, err)
}

// The holder may take an appeal back until something goes back.
func TestAppealWithdrawn(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(*appealTest){
		"at the answer":  func(*appealTest) {},
		"at the verdict": func(x *appealTest) { x.answers(campus.ContestAppeal, "sale_made") },
		"at the second person": func(x *appealTest) {
			x.answers(campus.AgreeAppeal, "")
			x.decides("first", campus.RefundAll, "merchant_agreed")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newAppeal(t, 101*yuan, false)
			before(x)
			x.withdraw()
			x.run()
			x.requireEnd(campus.Withdrawn, "")
			require.Equal(t, int64(202*yuan), x.AccountOf(x.account).MainCents)
		})
	}
}

// appealing is an appeal on the real server.
func appealing(t *testing.T, cents int64, twice bool, policy string, with ...interceptor.WorkerInterceptor) *engineTest {
	t.Helper()
	e := workflowtest.New(t, workflowtest.Quick+policy).Engine()
	l := &engineTest{Engine: e, t: t, student: e.Student()}
	x := paid(t, e.Env, l.student, cents, twice)
	l.ref = campus.CaseRef{Kind: campus.AppealCase, ID: e.Appealed(l.student.ID, x.payment).CaseID}
	l.Work(worker.Config{Around: with})
	return l
}

// says is what somebody of staff says about the appeal, when it has come to a stage.
func (l *engineTest) says(stage campus.Stage, who, update string, action campus.AppealAction, reason string) {
	l.t.Helper()
	l.await(stage)
	l.send(update, workflowtest.Staff(who), campus.Said{Action: string(action), Reason: reason}, money.AppealNote{})
}

// refusedAppeal is an appeal about which the merchant has said that it was no mistake, and staff have refused.
func (l *engineTest) refusedAppeal() {
	l.t.Helper()
	l.says(campus.StageAnswer, "merchant", campus.AnswerAppealUpdate, campus.ContestAppeal, "sale_made")
	l.says(campus.StageVerdict, "first", campus.DecideAppealUpdate, campus.RefundNothing, "appeal_not_proven")
	l.await(campus.StageObjection)
}

// requireMoney requires what is on the student's account.
func (l *engineTest) requireMoney(cents int64) {
	l.t.Helper()
	require.Equal(l.t, cents, storagetest.One[int64](l.Env.Env, `select main_cents - debt_cents from accounts where person_id = $1`,
		l.student.ID))
}
