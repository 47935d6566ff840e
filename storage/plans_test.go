package storage_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/casework"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

// crowd fills the hot tables as a year does: 10,000 cases, all but the newest closed, and what belongs to them.
func crowd(t *testing.T) *storagetest.Story {
	t.Helper()
	s := storagetest.Apply(t)
	s.University("lcvtc")
	s.Tell("a")
	for _, sql := range []string{
		`insert into people (id, university, number, name, document_type, document, document_hash, phone, email, language,
			level, college, campus, dormitory, status, enrolled_on, graduates_on, roster_at)
			select gen_random_uuid(), case n % 3 when 0 then 'lcvtc' else 'lcu' end, 'n' || n, name, document_type, document,
			document_hash, phone, email, language, level, college, case n % 2 when 0 then 'east' else 'west' end, dormitory, status,
			enrolled_on, graduates_on, roster_at from people, generate_series(1, 2000) n`,
		`update people set search_text = 'zhao li', search_grams = '{zh,ha,ao,li}' where number like 'n%'`,
		`create function nth(n bigint) returns uuid language sql as
			$$select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid$$`, // in the order of time, as ours are
		`insert into cases (id, kind, university, campus, person_id, stage, waits_for, since, parked, policy_version, opened_at, closed_at)
			select nth(row_number() over w), 'application', p.university, p.campus, p.id, case n when 5 then 'review' else 'done' end,
				case n when 5 then 'reviewer' else 'nobody' end, now(), case when n = 5 and p.number like '%7' then '["x"]' else '[]' end::jsonb,
				'1', now() - (6 - n) * interval '1 day', case n when 5 then null else now() end
			from people p, generate_series(1, 5) n where p.number like 'n%' window w as (order by n, p.number)`,
		`insert into work_items (id, case_id, university, campus, kind, opened_at, closed_at)
			select nth(row_number() over w), id, university, campus, case when row_number() over w % 5 > 0 then 'review' else 'overdue' end,
				opened_at, case when row_number() over w < 9500 then opened_at end from cases window w as (order by id)`,
		`insert into sessions (id, token_hash, person_id, level, created_at, expires_at)
			select gen_random_uuid(), sha256(c.id::text::bytea), c.person_id, 'full', now(), now() + interval '1 day' from cases c`,
		`insert into notices (id, person_id, case_id, template, params, created_at, next_try, done_at)
			select gen_random_uuid(), c.person_id, c.id, n.template, n.params, n.created_at, now() + interval '1 hour', case when row_number() over () % 33 > 0 then now() end
			from cases c, notices n where c.person_id <> n.person_id`,
		`insert into outbox (kind, workflow, workflow_id, created_at, next_try)
			select 'start', 'application', id::text, now(), now() + row_number() over () * interval '1 second' from cases`,
		`insert into line (case_id, university, place, input) select id, university, opened_at + row_number() over () * interval '1 second', '{}' from cases
			where person_id <> (select person_id from cases order by opened_at, id limit 1)`,
		`insert into uploads (id, person_id, purpose, object_key, content_type, bytes, width, height, sha256, created_at, taken_by)
			select gen_random_uuid(), person_id, 'live_frame', id::text, 'image/jpeg', 1, 1, 1, '', now(), id from cases`,
		`insert into events (case_id, at, kind, actor, public) select id, now(), 'applied', 'system', true from cases`,
		`insert into attempts (id, case_id, step, attempt, try, actor, started_at, outcome)
			select gen_random_uuid(), id, 'registry', 1, 1, 'system', now(), 'ok' from cases`,
		`insert into requests (key, id, actor, route, body_hash, created_at, case_id, about, update_name, argument, state, response)
			select id::text, nth(1000000 + n), 'system', 'POST /', '', now() - interval '1 day', id, 'review', 'review', '{}', case when closed_at is null and n % 50 = 0 then 'open' else 'done' end, '{}'
			from (select *, row_number() over (order by id) n from cases) c`,
		`insert into moves (case_id, version, name, decision, stage, waits_for, at)
			select id, v, 'x', case v when 2 then nth(1000000 + n) end, 'review', 'reviewer', now()
			from (select *, row_number() over (order by id) n from cases) c, generate_series(1, 3) v on conflict do nothing`,
		`update cases set version = 3`,
		`insert into staff (id, university, username, name, password_hash, grants) values (nth(0), 'lcu', 'boss', '', '', '[]')`,
		`insert into cases (id, kind, university, campus, stage, waits_for, since, policy_version, opened_at)
			values (nth(0), 'invitation', 'lcu', '', 'inviting', 'date', now(), '1', now())`,
		`insert into campaigns (id, university, audience, first_day, last_day, people, opened_by, opened_at)
			values (nth(0), 'lcu', 'students', now(), now() + interval '9 days', 2000, nth(0), now())`,
		`insert into invitation_waves (campaign_id, seq, kind, at, size) values (nth(0), 1, 'invitation', now(), 2000)`,
		`insert into invitations (campaign_id, person_id, wave, invited_at) select nth(0), id, 1, now() from people where university = 'lcu'`,
		`vacuum analyze`,                    // as the server does by itself: an index of names keeps what is new in a list that is read whole
		`select pg_stat_force_next_flush()`, // or what all this has read is counted among what is asked later
	} {
		s.ExecAsOwner(sql)
	}
	return s
}

// The lists that are asked all day find their rows by an index, not by reading the table. The real methods are asked,
// often enough for Postgres to settle on a plan, and its own counters say what they have done.
func TestHotListsUseIndexes(t *testing.T) {
	t.Parallel()
	s := crowd(t)
	reviewerOf := func(campuses ...string) campus.StaffMember {
		return s.Colleague(campus.Grant{Role: campus.Reviewer, Campuses: campuses})
	}
	everywhere, east := reviewerOf(), reviewerOf(storagetest.EastCampus)
	token := s.SignedIn(s.Holder.ID)
	after := storagetest.One[uuid.UUID](s.Env, `select id from cases order by id desc offset 5000 limit 1`)
	keep := func(_ context.Context, rows []casework.OutboxRow) []casework.Delivery {
		results := make([]casework.Delivery, len(rows))
		for i := range results {
			results[i].Outage = true
		}
		return results
	}
	for name, test := range map[string]struct {
		tables []string
		ask    func(ctx context.Context, store *storage.Store) error
	}{
		"the queue of work items": {[]string{"work_items", "cases", "requests"},
			func(ctx context.Context, store *storage.Store) error {
				return storagetest.Err(store.Casework.WorkItems(ctx, everywhere, casework.WorkItemFilter{Limit: 20}))
			}},
		"the queue of a campus, free ones": {[]string{"work_items", "cases"},
			func(ctx context.Context, store *storage.Store) error {
				return storagetest.Err(store.Casework.WorkItems(ctx, east,
					casework.WorkItemFilter{Free: true, Kind: campus.ReviewItem, Limit: 20}))
			}},
		"the cases of a university": {[]string{"cases"}, func(ctx context.Context, store *storage.Store) error {
			return storagetest.Err(store.Casework.StaffCases(ctx, everywhere, casework.CaseFilter{Limit: 20}))
		}},
		"a later page of them": {[]string{"cases"}, func(ctx context.Context, store *storage.Store) error {
			return storagetest.Err(store.Casework.StaffCases(ctx, everywhere, casework.CaseFilter{After: after, Limit: 20}))
		}},
		"the parked cases": {[]string{"cases"}, func(ctx context.Context, store *storage.Store) error {
			return storagetest.Err(store.Casework.StaffCases(ctx, everywhere, casework.CaseFilter{Parked: true, Limit: 20}))
		}},
		"the open cases of a stage": {[]string{"cases"}, func(ctx context.Context, store *storage.Store) error {
			return storagetest.Err(store.Casework.StaffCases(ctx, everywhere,
				casework.CaseFilter{Open: true, Kind: campus.ApplicationCase, Stage: campus.StageReview, Limit: 20}))
		}},
		"the cases that somebody decides about": {[]string{"cases", "requests"},
			func(ctx context.Context, store *storage.Store) error {
				return storagetest.Err(store.Casework.StaffCases(ctx, everywhere, casework.CaseFilter{Deciding: true, Limit: 20}))
			}},
		"what somebody decides about a case": {[]string{"requests"}, func(ctx context.Context, store *storage.Store) error {
			return storagetest.Err(store.Casework.CaseDecisions(ctx, after))
		}},
		"the cases of a person": {[]string{"cases"}, func(ctx context.Context, store *storage.Store) error {
			return storagetest.Err(store.Casework.PersonCases(ctx, s.Holder.ID, "", uuid.Nil, 20))
		}},
		"one case with what belongs to it": {[]string{"events", "attempts", "work_items", "cases"},
			func(ctx context.Context, store *storage.Store) error {
				if _, err := store.Casework.Timeline(ctx, s.Application.ID, true); err != nil {
					return err
				}
				if _, err := store.Casework.Attempts(ctx, s.Application.ID); err != nil {
					return err
				}
				return storagetest.Err(store.Casework.CaseWorkItems(ctx, s.Application.ID))
			}},
		"the pictures of a case": {[]string{"uploads"}, func(ctx context.Context, store *storage.Store) error {
			letters := campus.Images{Purposes: []campus.UploadPurpose{campus.LetterUpload}, KeepLive: true}
			if err := store.Cards.ForgetImages(ctx, s.Application.ID, letters); err != nil {
				return err
			}
			return storagetest.Err(store.Cards.CaseFiles(ctx, s.Application.ID))
		}},
		"whose turn it is": {[]string{"line", "cases"}, func(ctx context.Context, store *storage.Store) error {
			return storagetest.Err(store.Outreach.Admit(ctx, storagetest.Rush, 1))
		}},
		"what a person was invited to": {[]string{"invitations", "people"},
			func(ctx context.Context, store *storage.Store) error {
				return storagetest.Err(store.Outreach.OpenInvitation(ctx, s.Holder.ID))
			}},
		"the outbox": {[]string{"outbox"}, func(ctx context.Context, store *storage.Store) error {
			return storagetest.Err(store.Casework.DeliverOutbox(ctx, 100, keep))
		}},
		"the notices that are due": {[]string{"notices"}, func(ctx context.Context, store *storage.Store) error {
			return storagetest.Err(store.Casework.ClaimNotices(ctx, 5, time.Minute))
		}},
		"the next cases to compare": {[]string{"cases", "moves"}, func(ctx context.Context, store *storage.Store) error {
			return storagetest.Err(store.Casework.StandingCases(ctx, time.Now().Add(time.Hour), after, 300))
		}},
		"some cases that stand": {[]string{"cases", "moves"}, func(ctx context.Context, store *storage.Store) error {
			return storagetest.Err(store.Casework.StandingOf(ctx, time.Now().Add(time.Hour),
				[]uuid.UUID{after, s.Application.ID}))
		}},
		"the decisions that are late": {[]string{"requests"}, func(ctx context.Context, store *storage.Store) error {
			if _, err := store.Casework.LateDecisionCases(ctx, time.Minute, 3); err != nil {
				return err
			}
			return storagetest.Err(store.Casework.LateDecisions(ctx, time.Minute))
		}},
		"the decisions to send again": {[]string{"requests", "moves", "cases"},
			func(ctx context.Context, store *storage.Store) error {
				return storagetest.Err(store.Casework.TakeResends(ctx, 3))
			}},
		"that a case begins again": {[]string{"events", "moves", "cases"},
			func(ctx context.Context, store *storage.Store) error {
				return store.Casework.NoteBegunAgain(ctx, s.Application)
			}},
		"a decision about a case": {[]string{"requests", "moves", "cases"},
			func(ctx context.Context, store *storage.Store) error {
				return storagetest.Err(store.Casework.OpenDecision(ctx, storagetest.Request(campus.Student(s.Holder.ID)),
					casework.NewDecision{Case: s.Application,
						Update: campus.SettleStepUpdate, Said: campus.Said{Step: stepName()}}))
			}},
		"the moves of a case": {[]string{"moves", "cases", "requests"},
			func(ctx context.Context, store *storage.Store) error {
				said := campus.Said{Action: string(campus.RetryStep), Step: stepName(), Attempt: 1}
				m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
				m.Name = campus.SettleMove(said, false)
				m.Decision = s.Decision(s.Application, storagetest.Reviewer(), campus.SettleStepUpdate, said, struct{}{})
				if err := storagetest.Err(store.Casework.Record(ctx, m)); err != nil {
					return err
				}
				return storagetest.Err(store.Casework.RefuseDecision(ctx, m.Decision.ID, context.Canceled))
			}},
		"people of a name": {[]string{"people"}, func(ctx context.Context, store *storage.Store) error {
			search := people.PersonSearch{By: campus.SearchName, Q: "zhangwei", Limit: 20}
			return storagetest.Err(store.People.FindPeople(ctx, s.Colleague(storagetest.CentreGrant), search))
		}},
		"people of a name or number": {[]string{"people"}, func(ctx context.Context, store *storage.Store) error {
			search := people.PersonSearch{By: campus.SearchAny, Q: "zw", Limit: 20}
			return storagetest.Err(store.People.FindPeople(ctx, s.Colleague(storagetest.CentreGrant), search))
		}},
		"the notices of a person": {[]string{"notices"}, func(ctx context.Context, store *storage.Store) error {
			return storagetest.Err(store.Casework.Notices(ctx, s.Holder.ID, uuid.Nil, 20))
		}},
		"whose session it is": {[]string{"sessions", "people"}, func(ctx context.Context, store *storage.Store) error {
			return storagetest.Err(store.People.FindSession(ctx, token))
		}},
		"an attempt": {[]string{"attempts"}, func(ctx context.Context, store *storage.Store) error {
			return storagetest.Err(store.Casework.OpenAttempt(ctx, campus.StepRef{Case: s.Application, Step: "x"}, 1))
		}},
	} {
		before := scans(t, s.Env)
		const times = 12
		cfg := s.Config
		cfg.DatabaseURL += "&enable_seqscan=on" // a table without its index is to be seen
		store, err := storage.Open(t.Context(), cfg, time.Now, s.Log)
		require.NoError(t, err)
		for range times {
			require.NoError(t, test.ask(t.Context(), store), name)
		}
		store.Close() // a connection that ends tells its counters
		require.Eventually(t, func() bool { return scans(t, s.Env)[test.tables[0]].Index > before[test.tables[0]].Index },
			20*time.Second, 10*time.Millisecond, "%s: no index of %s is used", name, test.tables[0])
		now := scans(t, s.Env)
		for _, table := range test.tables {
			require.Equal(t, before[table].Whole, now[table].Whole, "%s reads the whole of %s", name, table)
		}
		read := now[test.tables[0]].Rows - before[test.tables[0]].Rows
		require.Less(t, read/times, int64(1000), "%s: rows of %s read through the index each time", name, test.tables[0])
	}
}

// C5: what was planned while a table was small does not read the whole of it on the day it grows, before Postgres
// gathers statistics.
func TestPlansOfSmallTablesStand(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	cfg := s.Config
	cfg.MaxConns = 1
	store, err := storage.Open(t.Context(), cfg, time.Now, s.Log)
	require.NoError(t, err)
	const times = 12
	ask := func() {
		for range times {
			require.NoError(t, store.Cards.ForgetUploads(t.Context(), []uuid.UUID{uuid.New()}))
		}
	}
	s.ExecAsOwner(`analyze uploads`) // there are four
	ask()
	s.Exec(`insert into uploads (id, person_id, purpose, object_key, content_type, bytes, width, height, sha256, created_at)
		select gen_random_uuid(), $1, 'live_frame', '', '', 1, 1, 1, '', now() from generate_series(1, 5000)`, s.Holder.ID)
	before := scans(t, s.Env)["uploads"]
	ask()
	store.Close()
	require.Eventually(t, func() bool { return scans(t, s.Env)["uploads"].Index >= before.Index+times }, time.Minute,
		10*time.Millisecond)
	require.Equal(t, before.Whole, scans(t, s.Env)["uploads"].Whole)
}

// Reports are planned by Postgres's own settings: it reads a table of a few rows as a whole. What people wait for goes
// by an index even then (decisions 41 and 89).
func TestReportsArePlannedByPostgresItself(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	s.ExecAsOwner(`analyze cases`)
	store, err := storage.Open(t.Context(), s.Config, time.Now, s.Log)
	require.NoError(t, err)
	for setting, want := range map[string][2]string{"enable_seqscan": {"off", "on"}, "jit": {"off", "on"},
		"plan_cache_mode": {"force_generic_plan", "auto"}} {
		for i, pool := range []*pgxpool.Pool{store.Pool, store.Reports.Pool} {
			var got string
			require.NoError(t, pool.QueryRow(t.Context(), "show "+setting).Scan(&got))
			require.Equal(t, want[i], got, setting)
		}
	}
	const times = 12
	before := scans(t, s.Env)["cases"]
	reviewer := s.Colleague(campus.Grant{Role: campus.Reviewer})
	for range times {
		require.NoError(t, storagetest.Err(store.Casework.StaffCases(t.Context(), reviewer, casework.CaseFilter{Limit: 20})))
		require.NoError(t, storagetest.Err(store.Casework.Place(t.Context(), s.Application)))
	}
	store.Close() // a connection that ends tells its counters
	require.Eventually(t, func() bool { return scans(t, s.Env)["cases"].Index >= before.Index+times }, time.Minute,
		10*time.Millisecond, "an instant statement goes by an index")
	require.Eventually(t, func() bool { return scans(t, s.Env)["cases"].Whole >= before.Whole+times }, time.Minute,
		10*time.Millisecond, "a report reads the few rows as they stand")
}

// Reports that wait for each other take no connection from what people wait for.
func TestReportsHaveConnectionsOfTheirOwn(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	cfg := h.Config
	cfg.MaxConns, cfg.ReportConns = 2, 1
	store, err := storage.Open(t.Context(), cfg, time.Now, h.Log)
	require.NoError(t, err)
	defer store.Close()
	report, err := store.Reports.Pool.Acquire(t.Context())
	require.NoError(t, err)
	defer report.Release()
	require.NoError(t, store.Ready(t.Context()))
	require.Equal(t, int32(1), store.PoolStats()["reports"].InUse)
	require.Equal(t, int32(1), store.PoolStats()["reports"].Max)
	require.Equal(t, int32(2), store.PoolStats()["instant"].Max)
	require.Zero(t, store.PoolStats()["instant"].InUse)
}

// scanned is how often a table was read, and how.
type scanned struct {
	Table string
	Whole int64
	Index int64
	Rows  int64 // fetched through indexes
}

func scans(t *testing.T, h *storagetest.Env) map[string]scanned {
	t.Helper()
	conn := storagetest.Connect(t, h)
	defer conn.Close(t.Context()) //nolint:errcheck // nothing is lost
	rows, err := conn.Query(t.Context(),
		`select relname, coalesce(seq_scan, 0), coalesce(idx_scan, 0), coalesce(idx_tup_fetch, 0) from pg_stat_user_tables`)
	require.NoError(t, err)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[scanned])
	require.NoError(t, err)
	byTable := map[string]scanned{}
	for _, table := range found {
		byTable[table.Table] = table
	}
	return byTable
}

// stepName is the name of a step that nobody has had. It has no digits: many of them are taken for somebody's number.
func stepName() string {
	return "step-" + strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r - '0' + 'g'
		}
		return r
	}, uuid.NewString())
}
