package outreach_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/outreach"
	"campuscard/storage/storagetest"
)

// drive is a university with freshmen, and who invites them.
type drive struct {
	*storagetest.Env
	t   *testing.T
	who campus.StaffMember
}

// newDrive is a drive among so many freshmen of each university, and one registered student of the first.
func newDrive(t *testing.T, lcu, lcvtc int) *drive {
	t.Helper()
	h := storagetest.New(t)
	h.Person()
	h.University("lcvtc")
	for university, n := range map[string]int{storagetest.University: lcu, "lcvtc": lcvtc} {
		h.Exec(fmt.Sprintf(`insert into people (id, university, number, name, document_type, document, document_hash, phone, email, language,
			level, college, campus, dormitory, status, enrolled_on, graduates_on, roster_at)
			select gen_random_uuid(), '%[1]s', '%[1]s' || n, name, document_type, document, document_hash, phone,
			email, language, level, case n %% 2 when 0 then 'Law' else college end, campus, dormitory, 'admitted', enrolled_on, graduates_on, roster_at
			from (select * from people where status = 'registered') p, generate_series(1, %[2]d) n`, university, n))
	}
	who, _ := h.Staff(storagetest.University, campus.Grant{Role: campus.Administrator})
	return &drive{h, t, who}
}

// new is what a campaign among the freshmen is opened with.
func (d *drive) new(change ...func(*outreach.NewCampaign)) outreach.NewCampaign {
	today := campus.DateOf(d.Clock.Now())
	n := outreach.NewCampaign{ID: uuid.Must(uuid.NewV7()), Audience: outreach.Audience{Group: campus.Freshmen},
		Period: campus.Period{From: today,
			Until: today.AddDays(13)}, Rested: d.Clock.Now().Add(-time.Hour), PolicyVersion: d.Policies.Version()}
	for _, fn := range change {
		fn(&n)
	}
	return n
}

func (d *drive) open(change ...func(*outreach.NewCampaign)) campus.CaseRef {
	d.t.Helper()
	c, err := d.Outreach.OpenCampaign(d.t.Context(), storagetest.Request(campus.Staff(d.who.ID)), d.who, d.new(change...))
	require.NoError(d.t, err)
	return c.Ref()
}

// move is the next move of a campaign, with one event.
func (d *drive) move(ref campus.CaseRef) campus.Move {
	m := d.NextMove(ref, campus.StageInviting, campus.WaitsForDate)
	m.Events = []campus.Event{{Kind: "wave_sent", Actor: campus.System(), Data: map[string]string{"wave": "1"}}}
	return m
}

// wave is the next wave of a campaign.
func (d *drive) wave(ref campus.CaseRef, size int, change ...func(*outreach.Wave)) outreach.Wave {
	w := outreach.Wave{Kind: campus.InvitationWave,
		Seq: storagetest.Count(d.Env, `invitation_waves where campaign_id = $1`, ref.ID) + 1, Size: size,
		Rested: d.Clock.Now().Add(-time.Hour),
		Notice: campus.Notice{Template: "notice.invitation", Params: map[string]string{"day": "2026-11-30"}}}
	for _, fn := range change {
		fn(&w)
	}
	return w
}

func (d *drive) send(ref campus.CaseRef, size int, change ...func(*outreach.Wave)) int {
	d.t.Helper()
	_, n, err := d.Outreach.SendWave(d.t.Context(), d.move(ref), d.wave(ref, size, change...))
	require.NoError(d.t, err)
	return n
}

func reminders(before time.Time) func(*outreach.Wave) {
	return func(w *outreach.Wave) {
		w.Kind, w.Before, w.Notice.Template = campus.ReminderWave, before, "notice.remind_invitation"
	}
}

func (d *drive) look(ref campus.CaseRef, kind campus.WaveKind) outreach.AudienceSeen {
	d.t.Helper()
	seen, err := d.Outreach.LookAtAudience(d.t.Context(),
		outreach.AudienceLook{Campaign: ref.ID, Kind: kind, Rested: d.Clock.Now().Add(-time.Hour), Backlog: 3})
	require.NoError(d.t, err)
	return seen
}

// applies has somebody of the invited hand in an application, as far as a campaign can tell.
func (d *drive) applies(person uuid.UUID) {
	d.t.Helper()
	d.Exec(`insert into cases (id, kind, university, campus, person_id, stage, waits_for, since, policy_version, opened_at)
		values (gen_random_uuid(), 'application', 'lcu', 'east', $1, 'queued', 'engine', $2, '1', $2)`, person, d.Clock.Now())
	d.Exec(`insert into applications (id, person_id, university, kiosk_id, created_at) select id, person_id, university, $2, opened_at from cases
		where person_id = $1`, person, storagetest.EastKiosk)
}

func (d *drive) invited(ref campus.CaseRef) []uuid.UUID {
	d.t.Helper()
	return storagetest.One[[]uuid.UUID](d.Env,
		`select coalesce(array_agg(person_id order by person_id), '{}') from invitations where campaign_id = $1`, ref.ID)
}

// C5: waves go through the whole audience, nobody is invited twice, and other universities are left alone.
func TestInvitationWaves(t *testing.T) {
	t.Parallel()
	d := newDrive(t, 1000, 50)
	ref := d.open()
	require.Equal(t, 1, storagetest.Count(d.Env,
		`outbox where kind = 'start' and workflow = 'invitation' and workflow_id = $1`, ref.WorkflowID()))
	require.Equal(t, 1, storagetest.Count(d.Env,
		`cases where id = $1 and kind = 'invitation' and person_id is null and campus = ''`, ref.ID))
	require.Equal(t, 1000, d.look(ref, campus.InvitationWave).Left)
	for _, want := range []int{300, 300, 300, 100, 0} {
		require.Equal(t, want, d.send(ref, 300))
	}
	require.Zero(t, d.look(ref, campus.InvitationWave).Left)
	require.Equal(t, 1000, storagetest.Count(d.Env,
		`invitations i join people p on p.id = i.person_id where p.university = 'lcu' and p.status = 'admitted'`))
	require.Equal(t, 1000, storagetest.One[int](d.Env,
		`select count(distinct person_id) from notices where template = 'notice.invitation' and case_id = $1`, ref.ID))
	require.Equal(t, 1000, storagetest.Count(d.Env, `notices`))
	require.Equal(t, "300 300 300 100 0", storagetest.One[string](d.Env,
		`select string_agg(data->>'count', ' ' order by id) from events where case_id = $1 and kind = 'wave_sent'`, ref.ID))

	someone := storagetest.One[uuid.UUID](d.Env, `select person_id from invitations order by person_id desc limit 1`)
	notices, err := d.Casework.Notices(t.Context(), someone, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, notices, 1)
	require.Contains(t, notices[0].In(campus.English).Text, "apply by 2026-11-30", "sealed so that it opens")
}

// The roster changes while a campaign runs: who comes in behind the last wave is found at the end.
func TestWhoComesInBehindTheWavesIsInvited(t *testing.T) {
	t.Parallel()
	d := newDrive(t, 10, 0)
	ref := d.open()
	require.Equal(t, 7, d.send(ref, 7))
	first := d.invited(ref)[0]
	d.Exec(`insert into people (id, university, number, name, document_type, document, document_hash, phone, email, language,
		level, college, campus, dormitory, status, enrolled_on, graduates_on, roster_at)
		select '00000000-0000-7000-8000-000000000001', university, 'late', name, document_type, document, document_hash, phone, email,
		language, level, college, campus, dormitory, status, enrolled_on, graduates_on, roster_at from people where id = $1`, first)
	require.Equal(t, 4, d.look(ref, campus.InvitationWave).Left)
	require.Equal(t, 4, d.send(ref, 7))
	require.Len(t, d.invited(ref), 11)
}

func TestWhoIsNotInvited(t *testing.T) {
	t.Parallel()
	d := newDrive(t, 4, 4)
	ids := storagetest.One[[]uuid.UUID](d.Env,
		`select array_agg(id order by id) from people where university = 'lcu' and status = 'admitted'`)
	d.applies(ids[0])
	d.applies(ids[1])
	d.Exec(`update applications set closed_at = now() where person_id = $1`, ids[1])
	d.Exec(`insert into cards (id, person_id, university, application_id, number, state, created_at)
		select gen_random_uuid(), person_id, university, id, '1', 'pending', now() from applications where person_id = $1`, ids[1])
	d.Exec(`update people set level = 'part_time' where id = $1`, ids[2])
	for name, test := range map[string]struct {
		audience outreach.Audience
		want     int
	}{
		"freshmen, whatever their level": {outreach.Audience{Group: campus.Freshmen}, 2},
		"freshmen of a level that is served": {outreach.Audience{Group: campus.Freshmen, Levels: []string{"undergraduate"}},
			1},
		"freshmen of another level": {outreach.Audience{Group: campus.Freshmen, Level: "exchange"}, 0},
		"registered students":       {outreach.Audience{Group: campus.Students}, 1},
		"everyone":                  {outreach.Audience{Group: campus.Everyone}, 3},
		"of a college": {outreach.Audience{Group: campus.Everyone, College: "Law"},
			storagetest.Count(d.Env, `people where id = any($1) and college = 'Law'`, ids[2:])},
		"an audience that is none": {outreach.Audience{Group: "staff"}, 0},
	} {
		n, err := d.Outreach.CountAudience(t.Context(), storagetest.University, test.audience, d.Clock.Now())
		require.NoError(t, err, name)
		require.Equal(t, test.want, n, name)
	}
}

// A step that is delivered twice is one wave, and answers the same.
func TestWaveDeliveredTwice(t *testing.T) {
	t.Parallel()
	d := newDrive(t, 20, 0)
	ref := d.open()
	m, w := d.move(ref), d.wave(ref, 8)
	for _, err := range storagetest.AtOnce(6, func(int) error {
		m := m
		m.Events = []campus.Event{{Kind: "wave_sent", Actor: campus.System()}} // as it arrives: each delivery has its own
		_, n, err := d.Outreach.SendWave(t.Context(), m, w)
		require.Equal(t, 8, n)
		return err
	}) {
		require.NoError(t, err)
	}
	before := storagetest.Everything(t, d.Env)
	_, n, err := d.Outreach.SendWave(t.Context(), m, w)
	require.NoError(t, err)
	require.Equal(t, 8, n)
	require.Equal(t, before, storagetest.Everything(t, d.Env))
	require.Equal(t, []int{8, 8, 1},
		[]int{storagetest.Count(d.Env, `invitations`), storagetest.Count(d.Env, `notices`),
			storagetest.Count(d.Env, `invitation_waves`)})

	_, _, err = d.Outreach.SendWave(t.Context(), campus.Move{Case: ref, Version: m.Version + 5, Events: m.Events}, w)
	require.Error(t, err, "a move from the future")
	require.Equal(t, before, storagetest.Everything(t, d.Env))
}

// Two campaigns overlap: whom one has invited the other leaves alone for the policy's time, also when their waves come
// at once.
func TestCampaignsThatOverlapInviteOnce(t *testing.T) {
	t.Parallel()
	d := newDrive(t, 60, 0)
	d.Exec(`update people set status = 'graduated' where status = 'registered'`)
	one := d.open()
	two := d.open(func(n *outreach.NewCampaign) { n.Audience.Group = campus.Everyone })
	moves, waves := map[int]campus.Move{}, map[int]outreach.Wave{}
	for i, ref := range []campus.CaseRef{one, two} {
		moves[i], waves[i] = d.move(ref), d.wave(ref, 30)
	}
	for _, err := range storagetest.AtOnce(2, func(i int) error {
		_, _, err := d.Outreach.SendWave(t.Context(), moves[i], waves[i])
		return err
	}) {
		require.NoError(t, err)
	}
	require.Equal(t, 60, storagetest.One[int](d.Env, `select count(distinct person_id) from invitations`))
	require.Zero(t, d.look(one, campus.InvitationWave).Left)
	require.Zero(t, d.look(two, campus.InvitationWave).Left)
	require.Zero(t, d.send(one, 30))

	d.Clock.Advance(2 * time.Hour) // longer than they are left alone
	require.Equal(t, 30, d.look(one, campus.InvitationWave).Left)
	require.Equal(t, 30, d.send(one, 100))
	require.Zero(t, storagetest.Count(d.Env,
		`(select 1 from invitations group by campaign_id, person_id having count(*) > 1) twice`))
}

func TestReminderWaves(t *testing.T) {
	t.Parallel()
	d := newDrive(t, 10, 0)
	ref := d.open()
	require.Equal(t, 6, d.send(ref, 6))
	first := d.Clock.Now()
	d.Clock.Advance(time.Hour)
	require.Equal(t, 4, d.send(ref, 6))
	people := d.invited(ref)
	d.applies(people[0])
	d.Exec(`update people set status = 'declined' where id = $1`, people[1])
	seen := d.look(ref, campus.ReminderWave)
	require.Equal(t, 8, seen.Left)
	require.True(t, first.Equal(*seen.First))
	require.Equal(t, 3, d.send(ref, 3, reminders(first)))
	require.Equal(t, 1, d.send(ref, 3, reminders(first)), "the second wave of invitations is not old enough")
	require.Equal(t, 4, d.send(ref, 9, reminders(d.Clock.Now())))
	require.Zero(t, d.send(ref, 9, reminders(d.Clock.Now())), "nobody is reminded twice")
	require.Equal(t, outreach.AudienceSeen{}, d.look(ref, campus.ReminderWave))
	require.Equal(t, 8, storagetest.Count(d.Env, `notices where template = 'notice.remind_invitation'`))
	require.Zero(t, storagetest.Count(d.Env, `invitations where reminded_at is not null and person_id = any($1)`,
		people[:2]))

	progress, err := d.Outreach.StaffCampaign(t.Context(), d.who, ref.ID)
	require.NoError(t, err)
	require.Equal(t, []int{6, 10, 8, 1, 10},
		[]int{progress.Waves, progress.Invited, progress.Reminded, progress.Applied, progress.People})
	waves, err := d.Outreach.CampaignWaves(t.Context(), ref.ID)
	require.NoError(t, err)
	require.Equal(t, []int{6, 4, 3, 1, 4, 0}, sizes(waves))
	require.Equal(t, 1, waves[0].Applied)
	d.Clock.Advance(time.Minute)
	d.applies(people[2])
	waves, err = d.Outreach.CampaignWaves(t.Context(), ref.ID)
	require.NoError(t, err)
	require.Equal(t, []int{2, 0, 1}, []int{waves[0].Applied, waves[1].Applied, waves[2].Applied + waves[3].Applied},
		"since the invitation, and since the reminder")
}

func sizes(waves []outreach.WaveProgress) []int {
	var all []int
	for _, w := range waves {
		all = append(all, w.Size)
	}
	return all
}

// C5, back-pressure: what a campaign looks at before a wave.
func TestLookAtTheLine(t *testing.T) {
	t.Parallel()
	d := newDrive(t, 5, 5)
	ref := d.open()
	d.Exec(`delete from outbox`)
	queue := func(university string, n int) {
		d.Exec(`with c as (insert into cases (id, kind, university, campus, stage, waits_for, since, policy_version, opened_at)
				select gen_random_uuid(), 'application', $1, 'east', 'queued', 'engine', now(), '1', now() from generate_series(1, $2::int) returning id, university)
			insert into line (case_id, university, place, input) select id, university, now(), '{}' from c`, university, n)
	}
	queue("lcu", 4)
	queue("lcvtc", 7)
	seen := d.look(ref, campus.InvitationWave)
	require.Equal(t, outreach.AudienceSeen{Left: 5, Line: 4}, seen, "one's own line")
	d.Exec(`update cases set stage = 'checking', waits_for = 'school' where id in (select case_id from line where university = 'lcvtc' limit 3)`)
	require.True(t, d.look(ref, campus.InvitationWave).Busy, "whoever's applications they are")
}

func TestOpenCampaign(t *testing.T) {
	t.Parallel()
	d := newDrive(t, 5, 3)
	req, n := storagetest.Request(campus.Staff(d.who.ID)), d.new()
	first, err := d.Outreach.OpenCampaign(t.Context(), req, d.who, n)
	require.NoError(t, err)
	again, err := d.Outreach.OpenCampaign(t.Context(), req, d.who, d.new())
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID, "the same request is one campaign")
	require.Equal(t, 1, storagetest.Count(d.Env, `audit where action = 'invitation.open'`))
	foreign, _ := d.Staff("lcvtc", campus.Grant{Role: campus.Administrator})
	open := func(who campus.StaffMember, change func(*outreach.NewCampaign)) string {
		return storagetest.Outcome(storagetest.Err(d.Outreach.OpenCampaign(t.Context(),
			storagetest.Request(campus.Staff(who.ID)), who, d.new(change))))
	}
	before := storagetest.Everything(t, d.Env)
	require.Equal(t, "campaign_open", open(d.who, func(*outreach.NewCampaign) {}))
	require.Equal(t, "audience_empty", open(d.who, func(n *outreach.NewCampaign) { n.Audience.College = "Alchemy" }))
	require.Equal(t, before, storagetest.Everything(t, d.Env))
	require.Equal(t, "done", open(foreign, func(*outreach.NewCampaign) {}), "another university's is another")
	require.Equal(t, "done", open(d.who, func(n *outreach.NewCampaign) { n.Audience.College = "Law" }))

	errs := storagetest.AtOnce(5, func(int) error {
		return storagetest.Err(d.Outreach.OpenCampaign(t.Context(), storagetest.Request(campus.Staff(d.who.ID)), d.who,
			d.new(func(n *outreach.NewCampaign) { n.Audience.Group = campus.Students })))
	})
	require.Equal(t, map[string]int{"done": 1, "campaign_open": 4}, storagetest.Outcomes(errs))

	require.NotEqual(t, "done", storagetest.Outcome(storagetest.Err(d.Outreach.StaffCampaign(t.Context(), foreign,
		first.ID))))
	list, err := d.Outreach.Campaigns(t.Context(), d.who, true, uuid.Nil, 2)
	require.NoError(t, err)
	require.Len(t, list, 2)
	rest, err := d.Outreach.Campaigns(t.Context(), d.who, true, list[1].ID, 10)
	require.NoError(t, err)
	require.Len(t, rest, 1)
	require.Equal(t, first.ID, rest[0].ID, "newest first")
}

// The end says what came of it, once, and makes room for another campaign.
func TestEndCampaign(t *testing.T) {
	t.Parallel()
	d := newDrive(t, 5, 0)
	ref := d.open()
	require.Equal(t, 5, d.send(ref, 5))
	d.applies(d.invited(ref)[0])
	m := d.NextMove(ref, campus.StageDone, campus.WaitsForNobody)
	m.Outcome, m.Events = campus.Completed, []campus.Event{{Kind: "campaign_done", Actor: campus.System()}}
	require.NoError(t, storagetest.Err(d.Outreach.EndCampaign(t.Context(), m)))
	before := storagetest.Everything(t, d.Env)
	require.NoError(t, storagetest.Err(d.Outreach.EndCampaign(t.Context(), m)))
	require.Equal(t, before, storagetest.Everything(t, d.Env))
	require.Equal(t, map[string]string{"invited": "5", "applied": "1", "reminded": "0"},
		storagetest.One[map[string]string](d.Env,
			`select data from events where kind = 'campaign_done'`))
	open, err := d.Outreach.Campaigns(t.Context(), d.who, true, uuid.Nil, 10)
	require.NoError(t, err)
	require.Empty(t, open)
	d.Clock.Advance(2 * time.Hour)
	require.Equal(t, 4, d.look(d.open(), campus.InvitationWave).Left)
}

func TestOpenInvitationOfAPerson(t *testing.T) {
	t.Parallel()
	d := newDrive(t, 3, 0)
	ref := d.open()
	require.Equal(t, 3, d.send(ref, 3))
	people := d.invited(ref)
	seen := func(person uuid.UUID) *outreach.OpenInvitation {
		found, err := d.Outreach.OpenInvitation(t.Context(), person)
		require.NoError(t, err)
		return found
	}
	require.Equal(t, d.new().Period, campus.Period{From: seen(people[0]).FirstDay, Until: seen(people[0]).LastDay})
	stranger := storagetest.One[uuid.UUID](d.Env, `select id from people where status = 'registered'`)
	require.Nil(t, seen(stranger))
	d.applies(people[1])
	require.Nil(t, seen(people[1]), "applied")
	d.Clock.Advance(13 * 24 * time.Hour)
	require.NotNil(t, seen(people[0]), "on the last day")
	d.Exec(`update cases set outcome = 'withdrawn' where id = $1`, ref.ID)
	require.Nil(t, seen(people[0]), "cancelled")
	d.Exec(`update cases set outcome = '' where id = $1`, ref.ID)
	d.Clock.Advance(24 * time.Hour)
	require.Nil(t, seen(people[0]), "over")
}
