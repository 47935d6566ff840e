package api

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// newServer is a server whose routes a test may add to.
func newServer(t *testing.T) (*Server, *storagetest.Env) {
	t.Helper()
	h := storagetest.New(t)
	temporal, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	s, err := New(Config{Version: "test", Policies: h.Policies}, h.Store, temporal, h.Log)
	require.NoError(t, err)
	return s, h
}

func TestEveryRouteDeclaresItsAccess(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	known := []core.Audience{core.Anyone, core.SignedIn, core.FirstTimer, core.Student, core.StaffMember, core.Kiosk, core.Till,
		core.Hook}
	for _, r := range s.Engine.Routes() {
		r.Method = strings.Replace(r.Method, http.MethodHead, http.MethodGet, 1) // who may ask for the one may ask for the other
		declared := s.Declared[r.Method+" "+r.Path]
		require.NotNil(t, declared, "%s %s is not in routes.go", r.Method, r.Path)
		require.Contains(t, known, declared.Access.Audience, "%s %s", r.Method, r.Path)
		require.NotEmpty(t, declared.Summary, "%s %s", r.Method, r.Path)
		if r.Method != http.MethodGet && !declared.Has(core.SignIn) {
			require.NotEqual(t, core.Anyone, declared.Access.Audience, "%s %s: strangers change nothing", r.Method, r.Path)
		}
	}
}

func TestWhatIsNotDeclaredIsRefused(t *testing.T) {
	t.Parallel()
	s, h := newServer(t)
	reached := func(c *gin.Context) { c.Status(http.StatusNoContent) }
	s.Engine.GET("/forgotten", reached)
	s.Raw(core.Get("/empty", "An access nobody filled in", core.Access{}), reached)
	s.Raw(core.Get("/settle", "For operators", core.Staff(campus.SettleSteps)), reached)
	h.University(storagetest.University)
	_, reviewer := h.Staff(storagetest.University, campus.Grant{Role: campus.Reviewer})
	_, operator := h.Staff(storagetest.University,
		campus.Grant{Role: campus.Operator, Campuses: []string{storagetest.EastCampus}})
	for name, want := range map[string]struct {
		path, token string
		status      int
	}{
		"a route without a line":      {"/forgotten", operator, 403},
		"a line without an access":    {"/empty", operator, 403},
		"staff without permission":    {"/settle", reviewer, 403},
		"staff with it on one campus": {"/settle", operator, 204},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := httptest.NewRequest(http.MethodGet, want.path, nil)
			request.Header.Set("Authorization", "Bearer "+want.token)
			answer := httptest.NewRecorder()
			s.Handler().ServeHTTP(answer, request)
			require.Equal(t, want.status, answer.Code, answer.Body.String())
		})
	}
}

// kioskRequest is a signed request before change spoils it.
type kioskRequest struct {
	id, timestamp, nonce, signature string
	secret, method, path, body      string
}

func (k kioskRequest) send(s *Server) *httptest.ResponseRecorder {
	if k.signature == "" {
		k.signature = core.KioskSignature([]byte(k.secret), k.timestamp, k.nonce, k.method, k.path, []byte(k.body))
	}
	request := httptest.NewRequest(http.MethodPost, "/api/v1/kiosk/echo?slot=7", strings.NewReader(k.body))
	for name, value := range map[string]string{
		core.KioskHeader: k.id, core.TimestampHeader: k.timestamp, core.NonceHeader: k.nonce, core.SignatureHeader: k.signature, core.KeyHeader: uuid.NewString(),
	} {
		request.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, request)
	return answer
}

func TestKioskSignature(t *testing.T) {
	t.Parallel()
	s, h := newServer(t)
	h.University(storagetest.University)
	s.Raw(core.Post("/api/v1/kiosk/echo", "Says who it was", core.Kiosks()), func(c *gin.Context) {
		c.String(http.StatusOK, "%s %s", core.Machine(c.Request.Context()).ID, s.Request(c.Request.Context()).Actor)
	})
	at := func(d time.Duration) string { return strconv.FormatInt(h.Clock.Now().Add(d).Unix(), 10) }
	good := func() kioskRequest {
		return kioskRequest{id: storagetest.EastKiosk, timestamp: at(0), nonce: uuid.NewString(),
			secret: storagetest.KioskSecret,
			method: "POST", path: "/api/v1/kiosk/echo?slot=7", body: `{"code":"1"}`}
	}
	answer := good().send(s)
	require.Equal(t, http.StatusOK, answer.Code, answer.Body.String())
	require.Equal(t, "lcu-east-1 machine/lcu-east-1", answer.Body.String())

	captured := good()
	require.Equal(t, http.StatusOK, captured.send(s).Code)
	for name, line := range map[string]struct {
		change func(*kioskRequest)
		reason string
	}{
		"sent again":                      {func(k *kioskRequest) { *k = captured }, "nonce_used"},
		"not signed":                      {func(k *kioskRequest) { k.signature = " " }, "signature_missing"},
		"no kiosk":                        {func(k *kioskRequest) { k.id = "" }, "signature_missing"},
		"an unknown kiosk":                {func(k *kioskRequest) { k.id = "lcu-moon-1" }, "signature_wrong"},
		"an unknown kiosk without secret": {func(k *kioskRequest) { k.id, k.secret = "lcu-moon-1", "" }, "signature_wrong"},
		"another's secret":                {func(k *kioskRequest) { k.secret = "guessed" }, "signature_wrong"},
		"signed for another":              {func(k *kioskRequest) { k.path = "/api/v1/kiosk/open" }, "signature_wrong"},
		"another query": {func(k *kioskRequest) { k.path = "/api/v1/kiosk/echo?slot=8" },
			"signature_wrong"},
		"another method": {func(k *kioskRequest) { k.method = "PUT" }, "signature_wrong"},
		"no hex":         {func(k *kioskRequest) { k.signature = "signed" }, "signature_missing"},
		"no time":        {func(k *kioskRequest) { k.timestamp = "now" }, "clock_off"},
		"a slow clock": {func(k *kioskRequest) { k.timestamp = at(-2*time.Minute - time.Second) },
			"clock_off"},
		"a fast clock": {func(k *kioskRequest) { k.timestamp = at(2*time.Minute + time.Second) },
			"clock_off"},
		"a nonce that is none": {func(k *kioskRequest) { k.nonce = "1" }, "nonce_form"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := good()
			line.change(&k)
			answer := k.send(s)
			require.Equal(t, http.StatusUnauthorized, answer.Code)
			require.Contains(t, answer.Body.String(), `"reason":"`+line.reason+`"`)
		})
	}
}

func TestPanicsAreAnswers(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	s.Raw(core.Get("/boom", "Panics", core.Public()), func(*gin.Context) { panic("secret detail") })
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/boom", nil))
	require.Equal(t, http.StatusInternalServerError, answer.Code)
	require.Contains(t, answer.Body.String(), `"code":"internal"`)
	require.NotContains(t, answer.Body.String(), "secret detail")
	require.NotContains(t, answer.Body.String(), "not known")
}

// A change may have been carried out before the fault.
func TestFaultOfAChangeSaysThatItsOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	s.Raw(core.Put("/boom", "Panics", core.Public()), func(*gin.Context) { panic("after the commit") })
	answer := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPut, "/boom", nil)
	request.Header.Set("Accept-Language", "en")
	s.Handler().ServeHTTP(answer, request)
	require.Equal(t, http.StatusInternalServerError, answer.Code, "%s", answer.Body)
	require.Contains(t, answer.Body.String(), "it is not known whether this was done")
}

func TestServeDrains(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	s.Raw(core.Get("/slow", "Takes its time", core.Public()), func(c *gin.Context) {
		close(entered)
		<-leave
		c.Status(http.StatusNoContent)
	})
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served, answered := make(chan error, 1), make(chan int, 1)
	go func() { served <- s.Serve(ctx, listener) }()
	go func() {
		response, err := http.Get("http://" + listener.Addr().String() + "/slow")
		if err != nil {
			answered <- 0
			return
		}
		_ = response.Body.Close()
		answered <- response.StatusCode
	}()
	<-entered
	stop()
	require.Eventually(t, s.Draining.Load, time.Minute, time.Millisecond)
	require.Equal(t, "draining", s.Readiness(t.Context()).Status)
	close(leave)
	require.Equal(t, http.StatusNoContent, <-answered, "a request that was there is answered")
	require.NoError(t, <-served)
}

func TestPages(t *testing.T) {
	t.Parallel()
	type key struct{ ID int }
	self := func(n int) int { return n }
	list := core.NewPage([]int{1, 2, 3}, 2, self, func(n int) key { return key{n} })
	require.Equal(t, []int{1, 2}, list.Items)
	after, err := core.ReadCursor[key](list.NextCursor)
	require.NoError(t, err)
	require.Equal(t, key{2}, after)
	require.Empty(t, core.NewPage([]int{1, 2}, 2, self, func(n int) key { return key{n} }).NextCursor)
	for _, bad := range []string{"%", "bm90IGpzb24", "W10"} {
		_, err := core.ReadCursor[key](bad)
		require.Equal(t, "cursor_invalid", campus.ReasonOf(err), bad)
	}
}
