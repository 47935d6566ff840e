package doctor_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/grpc"

	"campuscard/campus"
	"campuscard/deploy"
	"campuscard/doctor"
	"campuscard/school"
	"campuscard/storage"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// see has the doctor look at a house whose Postgres is at an address, and answers what each check has seen.
func see(t *testing.T, h *storagetest.Env, database string, temporal client.Client,
	workers ...string) map[string]doctor.Finding {
	t.Helper()
	seen := map[string]doctor.Finding{}
	for _, f := range doctor.Examine(t.Context(), doctor.Settings{
		DatabaseURL: database, Objects: h.Config.Objects, Temporal: temporal, Namespace: "none", Worker: workers,
		School: school.Config{
			BaseURL: "http://127.0.0.1:1", APIKey: "of nobody", SMTPAddress: "127.0.0.1:1", MailFrom: "card@campuscard.example",
		},
		PolicyFiles: func() ([][]byte, error) { return [][]byte{deploy.Policy}, nil },
		Now:         time.Now, Timeout: 5 * time.Second,
	}, slog.New(slog.DiscardHandler)) {
		seen[f.Check] = f
	}
	return seen
}

// nowhere is a Temporal that is away.
func nowhere(t *testing.T) client.Client {
	t.Helper()
	quiet := sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
	temporal, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1", Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	return temporal
}

// ops is where a worker on a store answers.
func ops(t *testing.T, temporal client.Client, store *storage.Store, registry *prometheus.Registry) string {
	t.Helper()
	server := httptest.NewServer(worker.Ops(store, temporal, registry))
	t.Cleanup(server.Close)
	return server.URL
}

// While our own file store or Postgres is away the doctor says how many cases wait for it; afterwards that none does.
func TestCasesThatWaitForOurPartsAreCounted(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, "steps: {tries: 2, backoff: 50ms, call: 1s, budget: 3s}").Engine()
	d := e.Detour(t)
	registry := prometheus.NewRegistry()
	d.Objects.Refuse()
	e.WorkOn(d.Store, worker.Config{Metrics: registry})
	address := ops(t, e.Client, d.Store, registry)
	waiting := func() doctor.Finding {
		return see(t, e.Env.Env, e.Config.DatabaseURL, e.Client, address)["waiting"]
	}
	counts := func(part, count string) func() bool {
		return func() bool {
			f := waiting()
			return f.Level == doctor.Warn && f.Values["part"] == part && f.Values["count"] == count
		}
	}
	e.Await(func() bool { return waiting().Code == "waiting.fine" }, "nobody waits yet")
	one, two := e.Apply(e.Student(), workflowtest.Good), e.Apply(e.Student(), workflowtest.Good)
	e.Await(counts("s3", "2"), "both wait for files")
	d.Postgres.Refuse()
	e.Await(counts("postgres", "2"), "both wait for Postgres, which the worker does not reach")
	d.Postgres.Pass()
	d.Objects.Pass()
	for _, ref := range []campus.CaseRef{one, two} {
		e.AwaitStage(ref, campus.StageReview)
	}
	e.Await(func() bool { return waiting().Code == "waiting.fine" }, "nobody waits any more")
	require.Equal(t, "waiting.unknown", see(t, e.Env.Env, e.Config.DatabaseURL, e.Client, "127.0.0.1:1")["waiting"].Code)
}

// Of Temporal the doctor promises that applications are kept only where it has seen that Postgres takes writes. It
// says how many cases have something that waits to be sent.
func TestTemporalThatIsAwayPromisesWhatIsKnown(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.University(storagetest.University)
	decided := h.Applied(h.Person())
	h.Applied(h.Person()) // in the line, which does not wait for Temporal
	h.Decision(decided, campus.Student(h.Person().ID), campus.WithdrawUpdate, campus.Said{}, nil)
	temporal, registry := nowhere(t), prometheus.NewRegistry()
	systems, err := school.New(school.Config{BaseURL: "http://127.0.0.1:1", APIKey: "x", SMTPAddress: "127.0.0.1:1",
		MailFrom: "card@campus.example"})
	require.NoError(t, err)
	worker.New(worker.Config{Unmanaged: true, Metrics: registry}, temporal, h.Store, systems, h.Policies, h.Log)
	address := ops(t, temporal, h.Store, registry)

	seen := see(t, h, h.Config.DatabaseURL, temporal, address)
	require.Equal(t, "temporal.away.kept", seen["temporal"].Code)
	require.Equal(t, "waiting.cases", seen["waiting"].Code, "%v", seen["waiting"])
	require.Equal(t, []string{"temporal", "1"}, []string{seen["waiting"].Values["part"], seen["waiting"].Values["count"]})

	proxy := storagetest.NewProxy(t, hostOf(t, h.Config.DatabaseURL))
	through := strings.Replace(h.Config.DatabaseURL, hostOf(t, h.Config.DatabaseURL), proxy.Address(), 1)
	proxy.Hang()
	require.Equal(t, "temporal.away", see(t, h, through, temporal, address)["temporal"].Code,
		"nobody knows whether anything is kept")
	for _, language := range []campus.Language{campus.Chinese, campus.English} {
		told := campus.Text(language, "doctor.temporal.away.do", nil)
		require.NotContains(t, told, "still accepted")
		require.NotContains(t, told, "仍会受理")
	}
	h.Exec(`update requests set state = 'refused' where state = 'open'`)
	h.ExecAsOwner(`do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$`)
	require.Equal(t, "temporal.away", see(t, h, h.Config.DatabaseURL, temporal, address)["temporal"].Code,
		"Postgres takes nothing")
}

// A Temporal that answers without its database is not called away: the api says that it is up.
func TestTemporalWithoutItsDatabaseIsNotAway(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, "").Engine()
	hangs := func(ctx context.Context, method string, in, out any, conn *grpc.ClientConn, call grpc.UnaryInvoker,
		options ...grpc.CallOption) error {
		if strings.HasSuffix(method, "/GetClusterInfo") {
			<-ctx.Done()
			return ctx.Err()
		}
		return call(ctx, method, in, out, conn, options...)
	}
	temporal, err := client.NewLazyClient(client.Options{
		HostPort: e.Address, Namespace: e.Namespace, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
		ConnectionOptions: client.ConnectionOptions{DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(hangs)}},
	})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	require.Equal(t, "temporal.database", see(t, e.Env.Env, e.Config.DatabaseURL, temporal)["temporal"].Code)
}

// hostOf is where a server is.
func hostOf(t *testing.T, address string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	return parsed.Host
}
