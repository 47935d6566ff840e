package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/api"
	"campuscard/campus"
	"campuscard/storage/people"
)

// What needs more than an empty body to come to Postgres at all, while Postgres accepts and never answers: by the kinds
// of access, each in its time and as an outage.
func TestHungPostgresIsToldToEverybody(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	require.NoError(t, h.People.SeedStaff(t.Context(), []people.StaffSeed{staffOf("wang")}))
	d := h.Detour(t)
	cfg := config(h.Env)
	cfg.HandlerTime = 2 * time.Second
	server, err := api.New(cfg, d.Store, nowhere(t), h.Log)
	require.NoError(t, err)
	h.serve(t, server)
	d.Postgres.Hang()
	staffSignIn := `{"university":"lcu","username":"wang","password":"a good pass 1"}`
	employee := toForm(fields{"type": "staff.submitted", "university": "lcu", "submitted_at": h.Now(),
		"employees": []fields{{"number": "T2019001"}}})
	for name, c := range map[string]call{
		"a search":               {who: "centre", method: "POST", path: "/api/v1/staff/people/searches", body: "{}"},
		"a change without a key": {who: "student", method: "PUT", path: "/api/v1/me/language", body: `{"language":"en"}`},
		"anybody":                {method: "GET", path: "/api/v1/universities"},
		"a student's sign-in":    {method: "POST", path: "/api/v1/sessions", body: credentials(h.holder, h.holder.Initial)},
		"a sign-in of staff":     {method: "POST", path: "/api/v1/staff/sessions", body: staffSignIn},
		"a student":              {who: "student", method: "GET", path: "/api/v1/me"},
		"a student's request":    {who: "student", method: "POST", path: "/api/v1/me/liveness-challenges"},
		"a first sign-in":        {who: "freshman", method: "POST", path: "/api/v1/sessions/current/phone-codes"},
		"staff":                  {who: "reviewer", method: "GET", path: "/api/v1/staff/work-items"},
		"a kiosk":                h.pickup("12345678", h.holder.Roster.DocumentNumber),
		"a call-back":            h.report(report(uuid.New())),
		"a submission of people": h.submit(employee, webhook{}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			got := h.do(t, c.in(campus.English))
			require.Less(t, time.Since(began), cfg.HandlerTime+4*time.Second)
			require.Equal(t, http.StatusServiceUnavailable, got.status, "%s", got.body)
			p := read[problem](t, got)
			require.Equal(t, "database_down", p.Reason)
			requireUnknown(t, p, c.method != "GET" && name != "a search", name)
			require.NotEmpty(t, got.header.Get("Retry-After"))
		})
	}
}

// The time that a body takes to arrive is not ours, and does not take from the time for the answer.
func TestSlowBodyHasItsOwnTime(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	cfg := config(h.Env)
	cfg.HandlerTime = 5 * time.Second // a sign-in hashes a password, and the machine may be busy
	server, err := api.New(cfg, h.Store, nowhere(t), h.Log)
	require.NoError(t, err)
	h.serve(t, server)
	body := credentials(h.holder, h.holder.Initial)
	slow := &late{strings.NewReader(body), cfg.HandlerTime + time.Second}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/api/v1/sessions", slow)
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusCreated, answer.StatusCode)
}

// late is a body whose first byte takes its time.
type late struct {
	content io.Reader
	pause   time.Duration
}

func (l *late) Read(into []byte) (int, error) {
	<-time.After(l.pause)
	l.pause = 0
	return l.content.Read(into)
}
