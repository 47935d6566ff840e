package api

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// caller is somebody who may call.
type caller struct {
	audience    core.Audience
	permissions []campus.Permission
	authorize   func(r *http.Request, body string)
}

// callers are everybody there is: nobody, students before and after the first sign-in, each role, and a kiosk.
func callers(h *storagetest.Env) map[string]caller {
	h.University(storagetest.University)
	bearer := func(token func() string) func(*http.Request, string) {
		once := sync.OnceValue(token)
		return func(r *http.Request, _ string) { r.Header.Set("Authorization", "Bearer "+once()) }
	}
	all := map[string]caller{
		"nobody":   {core.Anyone, nil, func(*http.Request, string) {}},
		"freshman": {core.FirstTimer, nil, bearer(func() string { return h.InitialSession(h.Person().ID) })},
		"student":  {core.Student, nil, bearer(func() string { return h.SignedIn(h.Person().ID) })},
		"kiosk":    {core.Kiosk, nil, func(r *http.Request, body string) { signAsKiosk(r, h, body) }},
	}
	till := sync.OnceValue(func() money.Till { return h.Till(h.Merchant(uuid.NewString(), "canteen"), "一号窗口") })
	all["till"] = caller{core.Till, nil, func(r *http.Request, body string) { signAsTill(r, h, till(), body) }}
	for _, role := range []campus.Role{campus.Reviewer, campus.CardCentre, campus.Production, campus.Operator,
		campus.Auditor, campus.Administrator, campus.Cashier, campus.Head, campus.Finance, campus.Warden, "of no role"} {
		grants := []campus.Grant{{Role: role, Campuses: []string{storagetest.EastCampus}}}
		all[string(role)] = caller{core.StaffMember, campus.StaffMember{Grants: grants}.Permissions(), bearer(func() string {
			_, token := h.Staff(storagetest.University, grants...)
			return token
		})}
	}
	return all
}

func signAsKiosk(r *http.Request, h *storagetest.Env, body string) {
	stamp, nonce := strconv.FormatInt(h.Clock.Now().Unix(), 10), uuid.NewString()
	for name, value := range map[string]string{core.KioskHeader: storagetest.EastKiosk, core.TimestampHeader: stamp,
		core.NonceHeader: nonce,
		core.SignatureHeader: core.KioskSignature([]byte(storagetest.KioskSecret), stamp, nonce, r.Method,
			r.URL.RequestURI(), []byte(body))} {
		r.Header.Set(name, value)
	}
}

func signAsTill(r *http.Request, h *storagetest.Env, till money.Till, body string) {
	stamp := strconv.FormatInt(h.Clock.Now().Unix(), 10)
	r.Header.Set(campus.TerminalHeader, till.ID.String())
	r.Header.Set(core.TimestampHeader, stamp)
	r.Header.Set(core.SignatureHeader, hex.EncodeToString(
		campus.TerminalSignature(till.Secret, stamp, r.Method, r.URL.RequestURI(), []byte(body))))
}

// refusalOf is the status with which a route turns a caller away, by its line of routes.go; 0 lets them in.
func refusalOf(a core.Access, who caller) int {
	someone := who.audience == core.FirstTimer || who.audience == core.Student || who.audience == core.StaffMember
	switch {
	case a.Audience == core.Anyone:
		return 0
	case a.Audience == core.Hook: // by the signature alone, which none of them has
		return 401
	case machine(a.Audience) && who.audience != a.Audience, !machine(a.Audience) && !someone:
		return 401
	case machine(a.Audience), a.Audience == core.SignedIn:
		return 0
	case a.Audience == core.FirstTimer && who.audience != core.FirstTimer:
		return 409 // the first sign-in is behind them
	case a.Audience != who.audience:
		return 403
	case a.Permission != "" && !slices.Contains(who.permissions, a.Permission):
		return 403
	}
	return 0
}

// machine tells whether callers of an audience sign their requests.
func machine(a core.Audience) bool { return a == core.Kiosk || a == core.Till }

// Every route of routes.go with every role, whatever routes there are.
func TestEveryRouteWithEveryRole(t *testing.T) {
	t.Parallel()
	s, h := newServer(t)
	s.Cfg.CallbackSecret, s.Cfg.HRSecrets = testBureau, map[string]string{storagetest.University: testHR}
	s.Cfg.ChannelSecrets = map[string]string{"wallet/" + storagetest.University: testWallet}
	everybody := callers(h)
	path := strings.NewReplacer("{generation}", "1", "{sequence}", "1", "{number}", "1", "{day}", "2026-11-17", "{id}", uuid.NewString(), "{file}", uuid.NewString(), "{step}", "phone", "{code}",
		"laundry", "{name}", "approved", "{key}", "s-000001", "{channel}", "wallet")
	for _, name := range slices.Sorted(maps.Keys(s.Declared)) {
		r := s.Declared[name]
		calling := everybody
		if r.Method == http.MethodDelete { // a session may end with it
			calling = callers(h)
		}
		for who, c := range calling {
			body := ""
			if r.Method == http.MethodPost || r.Method == http.MethodPut {
				body = "{}"
			}
			request := httptest.NewRequestWithContext(t.Context(), r.Method, path.Replace(r.Path), strings.NewReader(body))
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set(core.KeyHeader, uuid.NewString())
			c.authorize(request, body)
			answer := httptest.NewRecorder()
			s.Handler().ServeHTTP(answer, request)
			told := []any{"%s at %s %s: %s", who, r.Method, r.Path, answer.Body}
			if want := refusalOf(r.Access, c); want != 0 {
				require.Equal(t, want, answer.Code, told...)
				continue
			}
			require.NotContains(t, []int{401, 403, 500}, answer.Code, told...)
			require.NotContains(t, answer.Body.String(), "password_set", told...)
		}
	}
}

// What huma could not read would be zero in the handler, so everything a route is asked with is in its description.
func TestEveryRouteIsDescribed(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	raw := []string{"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"}
	spec := s.Huma.OpenAPI()
	for _, r := range s.Declared {
		if slices.Contains(raw, r.Path) {
			continue
		}
		item := spec.Paths[r.Path]
		require.NotNil(t, item, r.Path)
		op := item.Get
		switch r.Method {
		case http.MethodPost:
			op = item.Post
		case http.MethodPut:
			op = item.Put
		case http.MethodDelete:
			op = item.Delete
		}
		told := r.Method + " " + r.Path
		require.NotNil(t, op, told)
		require.Equal(t, r.Summary, op.Summary)
		require.Contains(t, op.Responses["default"].Content, core.ProblemType, told)
		require.Greater(t, len(op.Responses), 1, "%s: what it answers when all is well", told)
		named := map[string]bool{}
		for _, p := range op.Parameters {
			named[p.In+" "+p.Name] = true
		}
		for _, part := range strings.Split(r.Path, "/") {
			if name, isParameter := strings.CutPrefix(part, "{"); isParameter {
				require.True(t, named["path "+strings.TrimSuffix(name, "}")], "%s: %s", told, part)
			}
		}
		require.Equal(t, r.Keyed(), named["header "+core.KeyHeader], told)
		require.Equal(t, r.Access.Audience == core.Anyone || r.Access.Audience == core.Hook, len(op.Security) == 0, told)
	}
}

// An example that its own schema refuses would mislead.
func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	registry, seen := s.Huma.OpenAPI().Components.Schemas, 0
	for name, schema := range registry.Map() {
		for field, property := range schema.Properties {
			for _, example := range property.Examples {
				seen++
				raw, err := json.Marshal(example)
				require.NoError(t, err)
				var value any
				require.NoError(t, json.Unmarshal(raw, &value))
				result := &huma.ValidateResult{}
				huma.Validate(registry, property, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, value, result)
				require.Empty(t, result.Errors, "%s.%s: %s", name, field, raw)
			}
		}
	}
	require.Positive(t, seen)
	written, err := s.Spec()
	require.NoError(t, err)
	var document map[string]any
	require.NoError(t, json.Unmarshal(written, &document))
}

func TestEveryListHasPages(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	for _, path := range []string{"/api/v1/applications", "/api/v1/notices", "/api/v1/sessions",
		"/api/v1/staff/work-items", "/api/v1/staff/cases",
		"/api/v1/staff/batches", "/api/v1/staff/deliveries", "/api/v1/staff/invitations", "/api/v1/staff/colleagues", "/api/v1/staff/people",
		"/api/v1/me/topups", "/api/v1/staff/drawers", "/api/v1/staff/drawers/{id}/takings", "/api/v1/staff/merchants", "/api/v1/staff/terminals",
		"/api/v1/staff/topup-refunds", "/api/v1/staff/channel-conflicts",
		"/api/v1/staff/offline-sales", "/api/v1/staff/silent-terminals",
		"/api/v1/staff/closes", "/api/v1/staff/closes/{id}/settlements", "/api/v1/staff/closes/{id}/differences",
		"/api/v1/staff/group-retries/{id}/items", "/api/v1/staff/people/{id}/cases", "/api/v1/staff/people/{id}/acts", "/api/v1/staff/notice-templates/{name}/versions"} {
		names := []string{}
		for _, p := range s.Huma.OpenAPI().Paths[path].Get.Parameters {
			names = append(names, p.Name)
		}
		require.Subset(t, names, []string{"cursor", "limit"}, path)
	}
}
