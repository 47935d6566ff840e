package api

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/api/core"
)

// hangTime is the limit of a request in these tests, and slack what a busy machine may add to it: who heeds no limit
// waits until Postgres answers again, which it does only after all have been answered.
const (
	hangTime = 2 * time.Second
	slack    = 20 * time.Second
)

// A Postgres that takes connections and never answers keeps nobody waiting for longer than the limit, whoever calls:
// every route of routes.go, by somebody it lets in.
func TestHungPostgresIsAnsweredInTime(t *testing.T) {
	t.Parallel()
	s, h := newServer(t)
	d := h.Detour(t)
	s.Store, s.Cfg.HandlerTime = d.Store, hangTime
	s.Cfg.CallbackSecret, s.Cfg.HRSecrets = testBureau, map[string]string{"lcu": testHR}
	s.Cfg.ChannelSecrets = map[string]string{"wallet/lcu": testWallet}
	everybody := callers(h)
	d.Postgres.Hang()
	asked := map[core.Audience]string{core.Anyone: "nobody", core.SignedIn: "student", core.Student: "student",
		core.FirstTimer: "freshman", core.Kiosk: "kiosk", core.Till: "till", core.Hook: "nobody"}
	path := strings.NewReplacer("{generation}", "1", "{sequence}", "1", "{number}", "1", "{day}", "2026-11-17", "{id}", uuid.NewString(), "{file}", uuid.NewString(), "{step}", "phone", "{code}",
		"laundry", "{name}", "approved", "{key}", "s-000001", "{channel}", "wallet")
	var all sync.WaitGroup
	for _, name := range slices.Sorted(maps.Keys(s.Declared)) {
		r := s.Declared[name]
		who := everybody[asked[r.Access.Audience]]
		if r.Access.Audience == core.StaffMember {
			who = everybody["reviewer"]
		}
		all.Go(func() {
			answer, took := timed(t, s, who, r.Method, path.Replace(r.Path), "{}")
			require.Less(t, took, hangTime+slack, "%s: %d", name, answer.Code)
			require.NotEqual(t, http.StatusInternalServerError, answer.Code, "%s: %s", name, answer.Body)
			if r.Access.Audience != core.Anyone && r.Access.Audience != core.Hook {
				require.Equal(t, http.StatusServiceUnavailable, answer.Code, "%s: %s", name, answer.Body)
				require.Contains(t, answer.Body.String(), `"database_down"`, name)
			}
		})
	}
	all.Wait()
	d.Postgres.Pass()
	require.Eventually(t, func() bool {
		answer, _ := timed(t, s, everybody["student"], "GET", "/api/v1/me", "")
		return answer.Code == http.StatusOK
	}, time.Minute, 10*time.Millisecond, "it goes on by itself")
}

// timed makes one request and tells how long its answer took.
func timed(t *testing.T, s *Server, who caller, method, path, body string) (*httptest.ResponseRecorder, time.Duration) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(core.KeyHeader, uuid.NewString())
	who.authorize(request, body)
	answer := httptest.NewRecorder()
	began := time.Now()
	s.Handler().ServeHTTP(answer, request)
	return answer, time.Since(began)
}
