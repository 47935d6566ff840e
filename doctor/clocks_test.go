package doctor_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"campuscard/deploy"
	"campuscard/doctor"
	"campuscard/school"
	"campuscard/storage/storagetest"
)

// at is a process on a machine whose clock is off by so much.
func at(t *testing.T, off time.Duration) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// examine has the doctor look from a machine whose clock is off, and answers what each check has seen.
func examine(t *testing.T, h *storagetest.Env, off time.Duration, workers ...string) map[string]doctor.Finding {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	nowhere := client.Options{HostPort: "127.0.0.1:1", Logger: sdklog.NewStructuredLogger(quiet)}
	temporal, err := client.NewLazyClient(nowhere)
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	seen := map[string]doctor.Finding{}
	for _, f := range doctor.Examine(t.Context(), doctor.Settings{
		DatabaseURL: h.Config.DatabaseURL, Objects: h.Config.Objects, Temporal: temporal, Worker: workers,
		School: school.Config{
			BaseURL: "http://127.0.0.1:1", APIKey: "of nobody", SMTPAddress: "127.0.0.1:1", MailFrom: "card@campuscard.example",
		},
		PolicyFiles: func() ([][]byte, error) { return [][]byte{deploy.Policy}, nil },
		Now:         func() time.Time { return time.Now().Add(off) }, Timeout: time.Minute,
	}, quiet) {
		seen[f.Check] = f
	}
	return seen
}

func TestClocksThatAreWrongAreFound(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	right, behind := at(t, 0), at(t, -time.Hour)
	for name, test := range map[string]struct {
		off              time.Duration
		workers          []string
		postgres, clocks string
		wrong            string
	}{
		"all are right":              {0, []string{right}, "postgres.clock.fine", "clocks.fine", ""},
		"ours is behind":             {-time.Hour, []string{right}, "postgres.clock.off", "clocks.fine", ""},
		"that of a worker is behind": {0, []string{right, behind}, "postgres.clock.fine", "clocks.off", behind},
		"both are behind":            {-time.Hour, []string{behind}, "postgres.clock.off", "clocks.off", behind},
		"a worker is ahead":          {0, []string{at(t, time.Minute)}, "postgres.clock.fine", "clocks.off", ""},
		"nobody answers":             {0, []string{"127.0.0.1:1"}, "postgres.clock.fine", "clocks.fine", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := examine(t, h, test.off, test.workers...)
			require.Equal(t, test.postgres, seen["postgres.clock"].Code, "%+v", seen["postgres.clock"])
			require.Equal(t, test.clocks, seen["clocks"].Code, "%+v", seen["clocks"])
			if test.wrong != "" {
				require.Equal(t, test.wrong, seen["clocks"].Values["address"])
			}
		})
	}
}

// How long something waits is told by Postgres's clock, whatever the clock of the machine says that the doctor runs on.
func TestWaitsAreToldByTheClockOfPostgres(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.Exec(`insert into outbox (kind, workflow, workflow_id, created_at, next_try)
		values ('signal', 'x', 'y', now() - interval '30 minutes', now())`)
	seen := examine(t, h, -time.Hour)
	require.Equal(t, "outbox.old", seen["outbox"].Code)
	require.Contains(t, seen["outbox"].Values["time"], "30m")
}
