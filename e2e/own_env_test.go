package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy"
	"campuscard/deploy/stack"
	"campuscard/e2e/story"
)

// ownHouse is a whole stack of a test's own, whose servers may be killed without harm to other tests.
type ownEnv struct {
	stack *stack.Stack
	pool  *pgxpool.Pool
	world *story.World
}

// besideTests is how far its ports are from those of the tests' stack.
const besideTests = 50

// openOwnHouse starts a stack with an empty database, which is deleted when the test is over.
func openOwnEnv(t *testing.T) *ownEnv {
	t.Helper()
	opts, err := stack.TestOptions(nil)
	require.NoError(t, err)
	opts.Name, opts.PortBase = "e2e", opts.PortBase+besideTests
	if opts.DataDir != "" {
		opts.DataDir += "-e2e"
	}
	opts.Policy = writeOwnPolicy(t)
	// Every decision of a round waits in a connection of its own.
	opts.Env = map[string]string{"SIMULATOR_PEOPLE": "1500", "DATABASE_MAX_CONNS": "20"}
	left, err := stack.Open(t.Context(), opts)
	require.NoError(t, err)
	require.NoError(t, left.Reset(t.Context()), "what an interrupted run has left")
	h := &ownEnv{}
	h.stack, err = stack.Open(t.Context(), opts) // with secrets of its own
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if t.Failed() {
			h.showLogs(t)
		}
		require.NoError(t, h.stack.Reset(ctx))
	})
	require.NoError(t, h.stack.Up(t.Context(), stack.API, stack.Worker, stack.Temporal, stack.Simulator, "promote"))
	env := h.stack.Env()
	h.pool, err = pgxpool.New(t.Context(), env["DATABASE_URL"])
	require.NoError(t, err)
	t.Cleanup(h.pool.Close)
	h.world = story.New(story.Config{
		API: "http://" + env["API_ADDRESS"], School: env["SCHOOL_URL"],
		StaffPassword: env["SEED_STAFF_PASSWORD"], KioskKey: env["SEED_KIOSK_KEY"],
		Language: campus.English, Patience: patience, Limit: patience, Tell: func(string) {},
	})
	return h
}

// writeOwnPolicy keeps the demo's policy with waits that end soon, at about the same time, each with a reminder shortly
// before. A card that nobody comes for goes back at once.
func writeOwnPolicy(t *testing.T) string {
	t.Helper()
	var policy map[string]map[string]any
	require.NoError(t, yaml.Unmarshal(deploy.DemoPolicy, &policy))
	soon := ownWait - time.Second
	for section, numbers := range map[string]map[string]any{
		"application": {
			"review_limit": ownWait, "review_reminder": 2*workingDay - soon, "evidence_wait": ownWait, "evidence_reminder": soon,
		},
		"identity":   {"in_person_wait": ownWait, "in_person_reminder": soon},
		"activation": {"wait": ownWait, "first_reminder": soon - time.Second, "last_reminder": soon},
		"plastic": {"pickup_wait": 4 * time.Second, "pickup_first_reminder": time.Second,
			"pickup_last_reminder": 2 * time.Second,
			"returned_wait":        3 * ownWait, "returned_reminder": ownWait + ownWait/2},
		"steps":       {"tries": 3},
		"invitations": {"wave": 3, "pause": ownWait, "hours": map[string]int{"from": 0, "until": 24}},
		"calendar":    {"working_day": workingDay},
	} {
		for name, value := range numbers {
			if long, ok := value.(time.Duration); ok {
				value = long.String()
			}
			if policy[section] == nil {
				policy[section] = map[string]any{}
			}
			policy[section][name] = value
		}
	}
	content, err := yaml.Marshal(policy)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

// workingDay is that of the demo's calendar.
const workingDay = 24 * time.Second

func (h *ownEnv) showLogs(t *testing.T) {
	t.Helper()
	status, err := h.stack.Status(context.WithoutCancel(t.Context()), stack.API, stack.Worker)
	if err != nil {
		t.Logf("no logs: %v", err)
	}
	for _, part := range status {
		t.Logf("the last lines of %s:\n%s", part.Part, lastLines(part.Log, 60))
	}
}

// oneHuman has the roster say that two numbers are those of one human, who has graduated under the first.
func (h *ownEnv) oneHuman(ctx context.Context, university, former, present string) error {
	_, err := h.pool.Exec(ctx, `update people me set name = p.name, document_type = p.document_type,
			document_hash = p.document_hash
		from people p where me.university = $1 and me.number = $3 and p.university = $1 and p.number = $2`,
		university, former, present)
	if err == nil {
		_, err = h.pool.Exec(ctx, `update people set status = 'graduated' where university = $1 and number = $2`,
			university, former)
	}
	return err
}

// now is the time of Postgres, by which everything is due.
func (h *ownEnv) now(t *testing.T) (now time.Time) {
	t.Helper()
	require.NoError(t, h.pool.QueryRow(t.Context(), `select clock_timestamp()`).Scan(&now))
	return now
}

// waits are when the first and the last wait end of those that all began at about the same time.
func (h *ownEnv) waits(t *testing.T, list []story.Undecided) (first, last time.Time) {
	t.Helper()
	var cases []uuid.UUID
	for _, u := range list {
		if u.Waits {
			cases = append(cases, u.Case)
		}
	}
	err := h.pool.QueryRow(t.Context(), `select min(m.at), max(m.at)
		from cases c join moves m on m.case_id = c.id and m.version = c.entered where c.id = any($1)`, cases).Scan(&first, &last)
	require.NoError(t, err)
	return first.Add(ownWait), last.Add(ownWait)
}

// waiting counts the sessions that wait for a lock.
func (h *ownEnv) waiting(t *testing.T) (n int) {
	t.Helper()
	err := h.pool.QueryRow(t.Context(), `select count(*) from pg_stat_activity
		where wait_event_type = 'Lock' and datname = current_database()`).Scan(&n)
	require.NoError(t, err)
	return n
}

// uncommitted names the decisions among those made that no move stands for.
func (h *ownEnv) uncommitted(t *testing.T, m made) (names []string) {
	t.Helper()
	for _, u := range m.list {
		var found bool
		err := h.pool.QueryRow(t.Context(), `select exists (select from requests r join moves m on m.decision = r.id
			where r.case_id = $1 and r.created_at > $2)`, u.Case, m.at.Add(-time.Second)).Scan(&found)
		require.NoError(t, err)
		if !found {
			names = append(names, u.Name)
		}
	}
	return names
}

// moved is a move of a case.
type moved struct {
	Name    string
	Stage   campus.Stage
	Outcome campus.Outcome
}

// movesSince are the moves of a case from that of a decision on; none while there is none.
func (h *ownEnv) movesSince(t *testing.T, id, decision uuid.UUID) []moved {
	t.Helper()
	rows, err := h.pool.Query(t.Context(), `select name, stage, outcome from moves
		where case_id = $1 and version >= (select version from moves where decision = $2) order by version`, id, decision)
	require.NoError(t, err)
	moves, err := pgx.CollectRows(rows, pgx.RowToStructByPos[moved])
	require.NoError(t, err)
	return moves
}

// incidentsSince are what somebody was asked to see to since a moment, and what still is.
func (h *ownEnv) incidentsSince(t *testing.T, since time.Time) []string {
	t.Helper()
	rows, err := h.pool.Query(t.Context(), `select case_id, step, cause, reason from work_items
		where kind = 'incident' and (opened_at >= $1 or closed_at is null)`, since)
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var id uuid.UUID
		var step, cause, reason string
		err := row.Scan(&id, &step, &cause, &reason)
		return fmt.Sprintf("%s %s: %s %s", id, step, cause, reason), err
	})
	require.NoError(t, err)
	return list
}
