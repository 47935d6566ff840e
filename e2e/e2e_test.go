package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/api"
	"campuscard/campus"
)

// TestEndToEnd goes through the life of one house, from an empty database. The parts build on each other.
func TestEndToEnd(t *testing.T) {
	t.Parallel()
	h := newEnv(t)
	for _, part := range []struct {
		name string
		test func(*testing.T, *env)
	}{
		{"probes and metrics answer", probesAnswer},
		{"openapi.json has every operation", openAPIComplete},
		{"the stories go as they should", storiesGo},
		{"dashboards and alarms ask for metrics that exist", metricsExist},
		{"the doctor knows what is wrong", doctorKnows},
		{"a request is one trace, down to the school's system", oneTrace},
		{"while Temporal is away", temporalAway},
		{"the stories go on after kill -9 and a graceful stop", storiesSurvive},
		{"open cases replay", casesReplay},
		{"a stop drains", stopDrains},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(t, h) }) {
			return
		}
	}
}

func probesAnswer(t *testing.T, h *env) {
	require.JSONEq(t, `{"status":"ok"}`, string(h.await(h.api()+"/healthz")))
	require.JSONEq(t, `{"status":"ready","database":"up","temporal":"up","files":"up"}`,
		string(h.await(h.api()+"/readyz")))
	require.Equal(t, "ok\n", string(h.await(h.worker()+"/healthz")))
	require.Equal(t, "ok\n", string(h.await(h.worker()+"/readyz")))
	require.Contains(t, string(h.await(h.api()+"/metrics")), "campuscard_")
	require.Contains(t, string(h.await(h.worker()+"/metrics")), "campuscard_outbox_rows 0")
}

// openAPIComplete compares the description that the running program gives with the routes that it declares.
func openAPIComplete(t *testing.T, h *env) {
	var described struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	require.NoError(t, json.Unmarshal(h.await(h.api()+"/openapi.json"), &described))
	require.Equal(t, "3.1.0", described.OpenAPI)
	program, err := api.New(api.Config{Policies: &campus.Policies{}}, nil, nil, slog.New(slog.DiscardHandler)) // nobody asks it
	require.NoError(t, err)
	want := map[string][]string{}
	for _, route := range program.AllRoutes() {
		if route.Described() {
			want[route.Path] = append(want[route.Path], strings.ToLower(route.Method))
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(described.Paths)))
	for path, methods := range want {
		require.ElementsMatch(t, methods, slices.Collect(maps.Keys(described.Paths[path])), path)
	}
}

func storiesGo(t *testing.T, h *env) {
	require.NoError(t, h.world.Play(t.Context()))
}

func temporalAway(t *testing.T, h *env) {
	require.NoError(t, h.world.PlayWithout(t.Context(), h.gate))
}

// When, counted in lines of the stories, what happens to the processes.
const (
	killAt      = 14
	terminateAt = 34
)

func storiesSurvive(t *testing.T, h *env) {
	var lines atomic.Int32
	due, struck := make(chan func() error, 2), make(chan error, 1)
	h.told = func(string) {
		switch lines.Add(1) {
		case killAt:
			due <- h.killAndRestart
		case terminateAt:
			due <- h.stopAndRestart
		}
	}
	defer func() { h.told = func(string) {} }()
	go func() { // one after the other, while the stories go on
		killed := (<-due)()
		struck <- errors.Join(killed, (<-due)())
	}()
	require.NoError(t, h.world.Play(t.Context()))
	require.NoError(t, <-struck)
}

// killAndRestart is kill -9 of everything that is ours.
func (h *env) killAndRestart() error {
	for _, name := range []string{"api", "worker"} {
		h.running[name].kill()
	}
	return h.restart("api", "worker")
}

// stopAndRestart asks politely: both must end well, and in time.
func (h *env) stopAndRestart() error {
	for _, name := range []string{"api", "worker"} {
		if err := h.running[name].terminate(); err != nil {
			return err
		}
	}
	for _, name := range []string{"api", "worker"} {
		if err := h.running[name].ended(); err != nil {
			return fmt.Errorf("%s after a SIGTERM: %w", name, err)
		}
	}
	return h.restart("api", "worker")
}

func casesReplay(t *testing.T, h *env) {
	said := h.job("replay")
	found := regexp.MustCompile(`(\d+) open cases replayed`).FindStringSubmatch(said)
	require.NotNil(t, found, said)
	require.NotEqual(t, "0", found[1])
}

// stopDrains stops the interface while a request is on its way: readiness goes, the request is answered, the process
// ends well.
func stopDrains(t *testing.T, h *env) {
	const body = `{"university":"lcu","number":"1","password":"wrong"}`
	conn, err := net.Dial("tcp", h.env["API_ADDRESS"])
	require.NoError(t, err)
	defer conn.Close() //nolint:errcheck // only read
	_, err = fmt.Fprintf(conn, "POST /api/v1/sessions HTTP/1.1\r\nHost: campuscard\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\n\r\n%s", len(body), body[:10])
	require.NoError(t, err)
	require.NoError(t, h.running["api"].terminate())
	require.Eventually(t, func() bool {
		status, err := h.ask(h.api() + "/readyz")
		return err != nil || status == http.StatusServiceUnavailable
	}, patience, 10*time.Millisecond)
	_, err = fmt.Fprint(conn, body[10:])
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusUnauthorized, answer.StatusCode)
	require.NoError(t, h.running["api"].ended())
	require.NoError(t, h.running["worker"].terminate())
	require.NoError(t, h.running["worker"].ended())
}
