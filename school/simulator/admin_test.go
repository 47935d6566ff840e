package simulator

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// ask makes one request of a simulator that listens nowhere.
func ask(t *testing.T, s *Simulator, method, path, body string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("Authorization", "Bearer key")
	r.Header.Set("Idempotency-Key", "key-1")
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, r)
	raw, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	got := map[string]any{}
	require.NoError(t, json.Unmarshal(raw, &got), "%s", raw)
	return w.Code, got
}

func newIdle(t *testing.T) *Simulator {
	t.Helper()
	st, err := openStore(t.TempDir() + "/state.db")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.close()) })
	return &Simulator{cfg: Config{APIKey: "key", Services: DefaultServices()}, log: slog.New(slog.DiscardHandler),
		store: st, people: newPopulation(1, 200)}
}

func TestAdminSideRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	s := newIdle(t)
	for request, want := range map[string]int{
		`PUT /admin/faults/academic {"mode":"outage"}`:                       200,
		`PUT /admin/faults/academic {"mode":"explode"}`:                      422,
		`PUT /admin/faults/nowhere {"mode":"outage"}`:                        422,
		`PUT /admin/faults/academic {"mode":"flaky","rate":2}`:               422,
		`PUT /admin/faults/academic hello`:                                   400,
		`PUT /admin/people/lcu/1 {"status":"graduated"}`:                     404,
		`PUT /admin/people/lcu/2025010001 {"status":"happy"}`:                422,
		`PUT /admin/people/lcu/2025010001 {"shoe_size":42}`:                  422,
		`PUT /admin/people/lcu/2025010001 {"status":"withdrawn"}`:            200,
		`PUT /admin/photos/lcu/2025010001 hello`:                             422,
		`PUT /admin/photos/lcu/2025010001 {"identity":"lcu/1"}`:              200,
		`PUT /admin/bureau {"produce_ms":"soon"}`:                            422,
		`GET /admin/people/lcu/1 `:                                           404,
		`GET /healthz `:                                                      200,
		`POST /carrier/v1/verifications {"phone":"+8613800000000"}`:          400,
		`POST /access/lcu/v1/grants {"card_id":"1"}`:                         422,
		`POST /face/v1/liveness-checks {"action":"nod","frames":[]}`:         422,
		`POST /sms/v1/messages {"id":"another","phone":"+86","text":"text"}`: 400,

		`PUT /admin/people/lcu/2025010001 {"category":"martian"}`:      422,
		`PUT /admin/people/lcu/2025010001 {"document_type":"receipt"}`: 422,
		`PUT /admin/people/lcu/2025010001 {"status":"admitted"}`:       422, // expected on no day
		`PUT /admin/people/lcu/2025010001 {"status":"employed"}`:       422,
		`PUT /admin/people/lcu/2025010001 {"level":"staff"}`:           422,
		`PUT /admin/people/lcu/2025010001 {"category":"taiwan"}`:       200,
		`PUT /admin/faults/laundry {"mode":"outage"}`:                  200,
		`PUT /admin/faults/hr {"mode":"outage"}`:                       200,
		`PUT /admin/letters/lcu/CODE hello`:                            422,
		`PUT /admin/letters/lcu/CODE {"number":"1"}`:                   422,
		`PUT /admin/letters/lcu/CODE {"number":"2025010001"}`:          422,
		`PUT /admin/residence-registrations/lcu/CODE {"shoe_size":42}`: 422,
		`POST /admin/hr/nowhere/submissions {"numbers":["T2019001"]}`:  404,
		`POST /admin/hr/lcu/submissions {"numbers":[]}`:                422,
		`POST /admin/hr/lcu/submissions hello`:                         400,
		`POST /admin/hr/lcu/submissions {"numbers":["T2019001"]}`:      409, // nobody to call
		`POST /laundry/lcu/v1/subscriptions {"card_id":"1"}`:           422,
		`POST /laundry/nowhere/v1/subscriptions {"card_id":"1"}`:       404,
		`GET /hr/lcu/v1/employees?limit=0 `:                            400,
		`GET /international/lcu/v1/letters/CODE `:                      404,
		`GET /international/lcu/v1/residence-registrations/CODE `:      404,
		`GET /academic/lcu/v1/admissions/2025010001 `:                  404,
	} {
		parts := strings.SplitN(request, " ", 3)
		ask(t, s, http.MethodPost, "/admin/reset", "") // faults and keys of one are not the next one's
		status, body := ask(t, s, parts[0], parts[1], parts[2])
		require.Equal(t, want, status, "%s: %v", request, body)
	}
}

func TestAdminSideIsForThisMachine(t *testing.T) {
	t.Parallel()
	s := newIdle(t)
	r := httptest.NewRequest(http.MethodGet, "/admin/calls", nil)
	r.RemoteAddr = "192.0.2.7:1"
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, r)
	require.Equal(t, http.StatusForbidden, w.Code)
}

func TestSystemsWantTheKey(t *testing.T) {
	t.Parallel()
	s := newIdle(t)
	r := httptest.NewRequest(http.MethodGet, "/academic/lcu/v1/students/2025010001", nil)
	r.Header.Set("Authorization", "Bearer other")
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, r)
	require.Equal(t, http.StatusUnauthorized, w.Code)
}

func TestFaultOfOneUniversityIsNotTheOthers(t *testing.T) {
	t.Parallel()
	s := newIdle(t)
	status, _ := ask(t, s, http.MethodPut, "/admin/faults/academic", `{"mode":"outage","university":"lcvtc"}`)
	require.Equal(t, http.StatusOK, status)
	status, _ = ask(t, s, http.MethodGet, "/academic/lcvtc/v1/students?limit=1", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	status, _ = ask(t, s, http.MethodGet, "/academic/lcu/v1/students?limit=1", "")
	require.Equal(t, http.StatusOK, status)
	_, faults := ask(t, s, http.MethodGet, "/admin/faults", "")
	require.Len(t, faults["faults"], 1)
	_, calls := ask(t, s, http.MethodGet, "/admin/calls?system=academic&university=lcvtc", "")
	require.EqualValues(t, 1, calls["count"])
}

func TestResetForgetsEverything(t *testing.T) {
	t.Parallel()
	s := newIdle(t)
	ask(t, s, http.MethodPut, "/admin/people/lcu/2025010001", `{"name":"新名字"}`)
	ask(t, s, http.MethodPut, "/admin/faults/sms", `{"mode":"outage"}`)
	status, _ := ask(t, s, http.MethodPost, "/admin/reset", "")
	require.Equal(t, http.StatusOK, status)
	_, p := ask(t, s, http.MethodGet, "/admin/people/lcu/2025010001", "")
	require.Equal(t, s.people.byID["lcu/2025010001"].Name, p["name"])
	_, faults := ask(t, s, http.MethodGet, "/admin/faults", "")
	require.Empty(t, faults["faults"])
}

func TestServicesHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	require.NoError(t, checkServices(DefaultServices()))
	require.NoError(t, checkServices([]string{"bus2"}))
	for _, names := range [][]string{{"Laundry"}, {""}, {"a/b"}, {"gym", "gym"}, {"academic"}, {"admin"}, {"mail"},
		{"hr"}} {
		require.Error(t, checkServices(names), names)
	}
}

// A state of before there were categories and hooks goes on.
func TestOlderStateIsRead(t *testing.T) {
	t.Parallel()
	s := newIdle(t)
	const old = `{"id":"msg_1","order_id":"bo-1","sequence":2,"body":{},"attempts":0,"next_at":"2026-01-01T00:00:00Z"}`
	require.NoError(t, s.store.update(func(tx *bbolt.Tx) error {
		p := *s.people.byID["lcu/2025010001"]
		p.Category, p.Name = "", "新名字"
		if err := put(tx, personBucket, p.id(), p); err != nil {
			return err
		}
		return tx.Bucket([]byte(callbackBucket)).Put([]byte("bo-1/000002"), []byte(old))
	}))
	_, p := ask(t, s, http.MethodGet, "/academic/lcu/v1/students/2025010001", "")
	require.Equal(t, "mainland", p["category"])
	require.Equal(t, "新名字", p["name"])
	due, err := s.dueCallbacks(nil)
	require.NoError(t, err)
	require.Len(t, due, 1)
	require.Equal(t, "bureau", due[0].Hook)
	require.Equal(t, "bo-1/000002", due[0].place())
}
