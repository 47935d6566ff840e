package workflows_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"

	"campuscard/campus"
	"campuscard/storage/outreach"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// admitted has the school's next student, and n-1 like them, on the admission list.
func admitted(h *workflowtest.Env, n int) workflowtest.Student {
	s := h.Student()
	h.Exec(`update people set status = 'admitted' where id = $1`, s.ID)
	h.Exec(`insert into people (id, university, number, name, document_type, document, document_hash, phone, email, language,
		level, college, campus, dormitory, status, enrolled_on, graduates_on, roster_at, password_hash, category)
		select gen_random_uuid(), university, 'twin' || n, name, document_type, document, document_hash, phone, email, language,
		level, college, campus, dormitory, status, enrolled_on, graduates_on, roster_at, password_hash, category
		from people, generate_series(2, $2::int) n where id = $1`, s.ID, n)
	return s
}

// openedCampaign opens a campaign among the freshmen for so many days from a day on, counted from today.
func openedCampaign(t *testing.T, h *workflowtest.Env, from, days int) campus.CaseRef {
	t.Helper()
	who := campus.StaffMember{ID: uuid.MustParse(workflowtest.Staff("operator").ID), University: storagetest.University}
	first := campus.DateOf(h.Clock.Now()).AddDays(from)
	c, err := h.Outreach.OpenCampaign(t.Context(), storagetest.Request(campus.Staff(who.ID)), who, outreach.NewCampaign{
		ID: uuid.Must(uuid.NewV7()), Audience: outreach.Audience{Group: campus.Freshmen}, Period: campus.Period{From: first,
			Until: first.AddDays(days - 1)},
		Rested: h.Clock.Now(), PolicyVersion: h.Policies.Version(),
	})
	require.NoError(t, err)
	return c.Ref()
}

// twos is a policy of small waves.
const twos = "invitations: {wave: 2, pause: 1h}"

// newCampaign is a campaign among n freshmen that has not begun. It is ten o'clock in the morning.
func newCampaign(t *testing.T, policy string, n, from, days int) *caseTest {
	t.Helper()
	h := workflowtest.New(t, policy)
	student := admitted(h, n)
	return campaign(t, h, student, openedCampaign(t, h, from, days))
}

// campaign is a case whose steps read the clock of the workflow: what they write is looked at days later.
func campaign(t *testing.T, h *workflowtest.Env, student workflowtest.Student, ref campus.CaseRef) *caseTest {
	t.Helper()
	p := stage(t, h, student, ref)
	p.input.Campus = ""
	p.env = p.newEnv(p.onTime())
	return p
}

// onTime has the house's clock show the workflow's time in every step.
func (p *caseTest) onTime() *around {
	return &around{do: func(_ context.Context, run func() (any, error)) (any, error) {
		p.Clock.Advance(p.env.Now().Sub(p.Clock.Now()))
		return run()
	}}
}

func (p *caseTest) steer(update string) *reply {
	return p.decide(update, workflowtest.Staff("operator"), campus.Said{}, nothing)
}

// sent are the times of the waves of a kind in Shanghai and their sizes, as "17 10:00 2".
func (p *caseTest) sent(kind campus.WaveKind) string {
	p.t.Helper()
	waves, err := p.Outreach.CampaignWaves(p.t.Context(), p.ref.ID)
	require.NoError(p.t, err)
	var told []string
	for _, w := range waves {
		if w.Kind == kind {
			told = append(told, w.At.In(campus.Shanghai).Format("02 15:04 ")+string(rune('0'+w.Size)))
		}
	}
	return strings.Join(told, ", ")
}

// requireCampaignEnd requires how a campaign has ended, that nobody was told twice, and what its last event says.
func (p *caseTest) requireCampaignEnd(outcome campus.Outcome, reason, invited, reminded string) {
	p.t.Helper()
	c := p.Case(p.ref)
	require.Equal(p.t, []any{outcome, reason, campus.StageDone, campus.WaitsForNobody},
		[]any{c.Outcome, c.Reason, c.Stage, c.WaitsFor})
	require.Empty(p.t, p.OpenItems(p.ref))
	require.Zero(p.t, storagetest.One[int](p.Env.Env, `select count(*) from
		(select 1 from notices where case_id = $1 group by person_id, template having count(*) > 1) twice`, p.ref.ID))
	said := storagetest.One[map[string]string](p.Env.Env,
		`select data from events where case_id = $1 order by id desc limit 1`, p.ref.ID)
	require.Equal(p.t, []string{invited, reminded}, []string{said["invited"], said["reminded"]})
	require.Equal(p.t, 1, storagetest.One[int](p.Env.Env,
		`select count(*) from campaigns where id = $1 and closed_at is not null`, p.ref.ID))
}

// wrote counts the notices of a template that the campaign has queued.
func (p *caseTest) wrote(template string) int {
	p.t.Helper()
	return strings.Count(joined(p.Notices(p.ref))+" ", template+" ")
}

// answers has so many of the invited hand in an application.
func (p *caseTest) answers(n int) {
	p.Exec(`insert into cases (id, kind, university, campus, person_id, stage, waits_for, since, policy_version, opened_at)
		select gen_random_uuid(), 'application', 'lcu', 'east', person_id, 'review', 'reviewer', $2, '1', $2
		from invitations where campaign_id = $3 order by person_id limit $1`, n, p.Clock.Now(), p.ref.ID)
}

// queue puts so many applications of nobody into the line of the university.
func (p *caseTest) queue(n int) {
	p.Exec(`with c as (insert into cases (id, kind, university, campus, stage, waits_for, since, policy_version, opened_at)
			select gen_random_uuid(), 'application', 'lcu', 'east', 'queued', 'engine', now(), '1', now() from generate_series(1, $1::int) returning id, university)
		insert into line (case_id, university, place, input) select id, university, now(), '{}' from c`, n)
}

// C5: waves until everybody is invited, then who has not applied is reminded, then counts.
func TestCampaignInvitesAndReminds(t *testing.T) {
	t.Parallel()
	p := newCampaign(t, twos, 5, 0, 14)
	p.do(func() {
		c := p.Case(p.ref)
		require.Equal(t, []any{campus.StageInviting, campus.WaitsForDate}, []any{c.Stage, c.WaitsFor})
		require.Equal(t, "11:00", c.Due.In(campus.Shanghai).Format("15:04"))
	})
	p.after(24 * time.Hour).do(func() {
		require.Equal(t, campus.StageReminding, p.Case(p.ref).Stage)
		require.Equal(t, "20 10:00", p.Case(p.ref).Due.In(campus.Shanghai).Format("02 15:04"),
			"three days after the first wave")
		p.answers(2)
	})
	p.run()
	require.Equal(t, "17 10:00 2, 17 11:00 2, 17 12:00 1", p.sent(campus.InvitationWave))
	require.True(t, strings.HasPrefix(p.sent(campus.ReminderWave), "20 1"), p.sent(campus.ReminderWave))
	require.Equal(t, []int{5, 3}, []int{p.wrote("notice.invitation"), p.wrote("notice.remind_invitation")})
	p.requireCampaignEnd(campus.Completed, "", "5", "3")
	require.Regexp(t, "^campaign_begun wave_sent wave_sent wave_sent inviting_ended (reminders_sent )+campaign_done$",
		p.story())
}

// Messages go out in the hours of the policy, and invitations stop in time for a reminder.
func TestCampaignKeepsItsHoursAndItsDays(t *testing.T) {
	t.Parallel()
	p := newCampaign(t, "invitations: {wave: 1, pause: 6h}", 9, 0, 5)
	p.run()
	require.Equal(t, "17 10:00 1, 17 16:00 1, 18 08:00 1, 18 14:00 1", p.sent(campus.InvitationWave))
	require.Equal(t, "20 10:00 1, 20 16:00 1, 21 08:00 1, 21 14:00 1", p.sent(campus.ReminderWave))
	p.requireCampaignEnd(campus.Completed, "", "4", "4")
	require.Equal(t, "period_over",
		storagetest.One[string](p.Env.Env, `select data->>'reason' from events where kind = 'inviting_ended'`))
}

// Reminders wait for the line as well, and after the last day there are none.
func TestRemindersStopWithTheLastDay(t *testing.T) {
	t.Parallel()
	p := newCampaign(t, "invitations: {wave: 4, line: 3, look: 3h}", 4, 0, 5)
	p.after(24 * time.Hour).do(func() { p.queue(9) })
	p.after(60 * time.Hour).do(func() {
		require.Equal(t, []any{campus.StageReminding, "line_long"}, []any{p.Case(p.ref).Stage, p.Case(p.ref).Reason})
	})
	p.run()
	p.requireCampaignEnd(campus.Completed, "", "4", "0")
	require.Equal(t, "campaign_begun wave_sent inviting_ended wave_held campaign_done", p.story())
}

func TestShortCampaignRemindsNobody(t *testing.T) {
	t.Parallel()
	p := newCampaign(t, twos, 3, 0, 1)
	p.run()
	require.Equal(t, "17 10:00 2, 17 11:00 1", p.sent(campus.InvitationWave))
	p.requireCampaignEnd(campus.Completed, "", "3", "0")
}

func TestCampaignWaitsForItsFirstDay(t *testing.T) {
	t.Parallel()
	p := newCampaign(t, twos, 2, 3, 10)
	p.after(24 * time.Hour).do(func() {
		c := p.Case(p.ref)
		require.Equal(t, []any{campus.StageScheduled, campus.WaitsForDate}, []any{c.Stage, c.WaitsFor})
		require.Equal(t, "20 08:00", c.Due.In(campus.Shanghai).Format("02 15:04"))
	})
	p.run()
	require.Equal(t, "20 08:00 2", p.sent(campus.InvitationWave))
	require.Contains(t, p.story(), "campaign_begun inviting_begun wave_sent")
}

// C5, back-pressure: a wave waits while the line is long or the engine has its backlog, and the case says why.
func TestWaveWaitsForTheLine(t *testing.T) {
	t.Parallel()
	p := newCampaign(t, "invitations: {wave: 2, pause: 1h, line: 3}\nrush: {backlog: 2}", 3, 0, 14)
	p.queue(4)
	held := func(reason string) {
		c := p.Case(p.ref)
		require.Equal(t, []any{campus.StageInviting, campus.WaitsForEngine, reason}, []any{c.Stage, c.WaitsFor, c.Reason})
		require.Empty(t, p.sent(campus.InvitationWave))
	}
	p.do(func() { held("line_long") })
	p.after(time.Hour).do(func() {
		held("line_long")
		require.Equal(t, "campaign_begun wave_held", p.story(), "it is said once")
		p.Exec(`update cases set stage = 'checking' where id in (select case_id from line limit 2)`)
		p.Exec(`delete from line`)
	})
	p.after(10 * time.Minute).do(func() {
		held("engine_busy")
		p.Exec(`delete from cases where kind = 'application'`)
	})
	p.after(10 * time.Minute).do(func() {
		require.Empty(t, p.Case(p.ref).Reason)
		require.Equal(t, campus.WaitsForDate, p.Case(p.ref).WaitsFor)
		require.Contains(t, p.sent(campus.InvitationWave), " 2")
	})
	p.run()
	p.requireCampaignEnd(campus.Completed, "", "3", "3")
	require.Contains(t, p.story(), "campaign_begun wave_held wave_held wave_sent wave_sent inviting_ended")
}

// A line that never becomes shorter does not keep a campaign for ever.
func TestCampaignEndsBehindALongLine(t *testing.T) {
	t.Parallel()
	p := newCampaign(t, "invitations: {line: 1, look: 3h}", 3, 0, 6)
	p.queue(2)
	p.run()
	p.requireCampaignEnd(campus.Completed, "", "0", "0")
	require.Equal(t, "campaign_begun wave_held inviting_ended campaign_done", p.story())
}

func TestCampaignIsPausedAndResumed(t *testing.T) {
	t.Parallel()
	p := newCampaign(t, twos, 5, 0, 14)
	p.steer(campus.ResumeUpdate).refused("wrong_stage")
	paused := p.steer(campus.PauseUpdate)
	p.steer(campus.PauseUpdate).refused("wrong_stage")
	p.after(48 * time.Hour).do(func() {
		c := p.Case(p.ref)
		require.Equal(t, []any{campus.StagePaused, campus.WaitsForAdministrator}, []any{c.Stage, c.WaitsFor})
		require.Equal(t, "30", c.Due.Add(-time.Second).In(campus.Shanghai).Format("02"), "until the last day")
	})
	p.steer(campus.ResumeUpdate)
	p.run()
	require.Equal(t, campus.Decided{Stage: campus.StagePaused}, paused.result)
	require.Equal(t, []string{"17 10:00 2", "19 10:10 2", "19 11:10 1"},
		strings.Split(p.sent(campus.InvitationWave), ", "))
	p.requireCampaignEnd(campus.Completed, "", "5", "5")
	require.Contains(t, p.story(), "wave_sent campaign_paused campaign_resumed wave_sent")
	require.Equal(t, 2, storagetest.One[int](p.Env.Env,
		`select count(*) from audit where action in ('case.campaign_paused', 'case.campaign_resumed')`))
}

func TestPauseBeforeTheFirstDayAndAmongReminders(t *testing.T) {
	t.Parallel()
	p := newCampaign(t, twos, 2, 1, 14)
	p.steer(campus.PauseUpdate)
	p.steer(campus.ResumeUpdate)
	p.do(func() { require.Equal(t, campus.StageScheduled, p.Case(p.ref).Stage) })
	p.after(48 * time.Hour)
	p.steer(campus.PauseUpdate)
	p.steer(campus.ResumeUpdate)
	p.do(func() { require.Equal(t, campus.StageReminding, p.Case(p.ref).Stage) })
	p.run()
	p.requireCampaignEnd(campus.Completed, "", "2", "2")
}

func TestCampaignThatIsLeftPaused(t *testing.T) {
	t.Parallel()
	p := newCampaign(t, twos, 5, 0, 4)
	p.steer(campus.PauseUpdate)
	p.run()
	p.requireCampaignEnd(campus.Expired, "campaign_left_paused", "2", "0")
}

func TestCampaignIsCancelled(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(p *caseTest){
		"while it invites":           func(*caseTest) {},
		"while it is paused":         func(p *caseTest) { p.steer(campus.PauseUpdate) },
		"while the wave has to wait": func(p *caseTest) { p.queue(9); p.after(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newCampaign(t, "invitations: {wave: 2, pause: 1h, line: 3}", 5, 0, 14)
			p.do(func() {})
			before(p)
			cancelled := p.steer(campus.CancelUpdate)
			p.run()
			require.Equal(t, campus.Decided{Stage: campus.StageDone, Outcome: campus.Withdrawn}, cancelled.result)
			invited := storagetest.One[string](p.Env.Env, `select count(*)::text from invitations`)
			p.requireCampaignEnd(campus.Withdrawn, "campaign_cancelled", invited, "0")
			open, err := p.Outreach.OpenInvitation(t.Context(),
				storagetest.One[uuid.UUID](p.Env.Env, `select id from people limit 1`))
			require.NoError(t, err)
			require.Nil(t, open)
		})
	}
}

// While Temporal was away the audience has applied by itself, or the days have passed.
func TestCampaignThatBeginsTooLate(t *testing.T) {
	t.Parallel()
	p := newCampaign(t, twos, 2, 0, 14)
	p.Exec(`update people set status = 'declined'`)
	p.run()
	p.requireCampaignEnd(campus.Completed, "", "0", "0")

	late := newCampaign(t, twos, 2, 0, 1)
	late.Clock.Advance(72 * time.Hour)
	late.env = late.newEnv(late.onTime())
	late.run()
	late.requireCampaignEnd(campus.Completed, "", "0", "0")
}

func TestCampaignThatContinuesAsNewKeepsItsPlace(t *testing.T) {
	t.Parallel()
	p := newCampaign(t, twos, 5, 0, 14)
	p.env.SetContinueAsNewSuggested(true)
	next := p.continued()
	require.Equal(t, p.input, next)
	require.Equal(t, campus.StageInviting, p.Case(p.ref).Stage)
	again := campaign(t, p.Env, p.student, p.ref)
	again.input = next
	again.steer(campus.PauseUpdate)
	again.env.SetContinueAsNewSuggested(false)
	again.after(time.Hour).steer(campus.ResumeUpdate)
	again.run()
	again.requireCampaignEnd(campus.Completed, "", "5", "5")
	require.Equal(t, 1, strings.Count(again.story(), "campaign_begun"))
}

func TestEveryStepOfACampaignMayBeDeliveredTwice(t *testing.T) {
	t.Parallel()
	p := newCampaign(t, twos, 5, 0, 14)
	p.env = p.newEnv(p.onTime(), twice(p.Env))
	p.steer(campus.PauseUpdate)
	p.steer(campus.ResumeUpdate)
	p.run()
	p.requireCampaignEnd(campus.Completed, "", "5", "5")
}

// inviting is a campaign among three freshmen on the real server, at any hour, with a worker.
func inviting(t *testing.T, numbers string, with ...interceptor.WorkerInterceptor) *engineTest {
	t.Helper()
	e := workflowtest.New(t, workflowtest.Quick+"invitations: {hours: {from: 0, until: 24}, "+numbers+"}\n").Engine()
	l := &engineTest{Engine: e, t: t, student: admitted(e.Env, 3)}
	l.ref = openedCampaign(t, e.Env, 0, 14)
	e.Work(worker.Config{Around: with})
	return l
}
