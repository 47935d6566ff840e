package api

import (
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

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// caller is somebody who may call.
type caller struct {
	audience    audience
	permissions []campus.Permission
	authorize   func(r *http.Request, body string)
}

// callers are everybody there is: nobody, students before and after the first sign-in, each role, and a kiosk.
func callers(h *storagetest.House) map[string]caller {
	h.University(storagetest.University)
	bearer := func(token func() string) func(*http.Request, string) {
		once := sync.OnceValue(token)
		return func(r *http.Request, _ string) { r.Header.Set("Authorization", "Bearer "+once()) }
	}
	all := map[string]caller{
		"nobody":   {anyone, nil, func(*http.Request, string) {}},
		"freshman": {firstTimer, nil, bearer(func() string { return h.InitialSession(h.Person().ID) })},
		"student":  {student, nil, bearer(func() string { return h.SignedIn(h.Person().ID) })},
		"kiosk":    {kiosk, nil, func(r *http.Request, body string) { signAsKiosk(r, h, body) }},
	}
	for _, role := range []campus.Role{campus.Reviewer, campus.CardCentre, campus.Production, campus.Operator, campus.Auditor, campus.Administrator, campus.Head, "of no role"} {
		grants := []campus.Grant{{Role: role, Campuses: []string{storagetest.EastCampus}}}
		all[string(role)] = caller{staffMember, campus.StaffMember{Grants: grants}.Permissions(), bearer(func() string {
			_, token := h.Staff(storagetest.University, grants...)
			return token
		})}
	}
	return all
}

func signAsKiosk(r *http.Request, h *storagetest.House, body string) {
	stamp, nonce := strconv.FormatInt(h.Clock.Now().Unix(), 10), uuid.NewString()
	for name, value := range map[string]string{kioskID: storagetest.EastKiosk, kioskTimestamp: stamp, kioskNonce: nonce,
		kioskSignature: KioskSignature([]byte(storagetest.KioskSecret), stamp, nonce, r.Method, r.URL.RequestURI(), []byte(body))} {
		r.Header.Set(name, value)
	}
}

// refusalOf is the status with which a route turns a caller away, by its line of routes.go; 0 lets them in.
func refusalOf(a access, who caller) int {
	someone := who.audience == firstTimer || who.audience == student || who.audience == staffMember
	switch {
	case a.audience == anyone:
		return 0
	case a.audience == hook: // by the signature alone, which none of them has
		return 401
	case a.audience == kiosk && who.audience != kiosk, a.audience != kiosk && !someone:
		return 401
	case a.audience == kiosk, a.audience == signedIn:
		return 0
	case a.audience == firstTimer && who.audience != firstTimer:
		return 409 // the first sign-in is behind them
	case a.audience != who.audience:
		return 403
	case a.permission != "" && !slices.Contains(who.permissions, a.permission):
		return 403
	}
	return 0
}

// Every route of routes.go with every role, whatever routes there are.
func TestEveryRouteWithEveryRole(t *testing.T) {
	t.Parallel()
	s, h := newServer(t)
	s.cfg.CallbackSecret, s.cfg.HRSecrets = testBureau, map[string]string{storagetest.University: testHR}
	everybody := callers(h)
	path := strings.NewReplacer("{id}", uuid.NewString(), "{file}", uuid.NewString(), "{step}", "phone", "{code}", "laundry", "{name}", "approved")
	for _, name := range slices.Sorted(maps.Keys(s.declared)) {
		r := s.declared[name]
		calling := everybody
		if r.method == http.MethodDelete { // a session may end with it
			calling = callers(h)
		}
		for who, c := range calling {
			body := ""
			if r.method == http.MethodPost || r.method == http.MethodPut {
				body = "{}"
			}
			request := httptest.NewRequestWithContext(t.Context(), r.method, path.Replace(r.path), strings.NewReader(body))
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set(keyHeader, uuid.NewString())
			c.authorize(request, body)
			answer := httptest.NewRecorder()
			s.Handler().ServeHTTP(answer, request)
			told := []any{"%s at %s %s: %s", who, r.method, r.path, answer.Body}
			if want := refusalOf(r.access, c); want != 0 {
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
	spec := s.huma.OpenAPI()
	for _, r := range s.declared {
		if slices.Contains(raw, r.path) {
			continue
		}
		item := spec.Paths[r.path]
		require.NotNil(t, item, r.path)
		op := item.Get
		switch r.method {
		case http.MethodPost:
			op = item.Post
		case http.MethodPut:
			op = item.Put
		case http.MethodDelete:
			op = item.Delete
		}
		told := r.method + " " + r.path
		require.NotNil(t, op, told)
		require.Equal(t, r.summary, op.Summary)
		require.Contains(t, op.Responses["default"].Content, problemType, told)
		require.Greater(t, len(op.Responses), 1, "%s: what it answers when all is well", told)
		named := map[string]bool{}
		for _, p := range op.Parameters {
			named[p.In+" "+p.Name] = true
		}
		for _, part := range strings.Split(r.path, "/") {
			if name, isParameter := strings.CutPrefix(part, "{"); isParameter {
				require.True(t, named["path "+strings.TrimSuffix(name, "}")], "%s: %s", told, part)
			}
		}
		require.Equal(t, r.keyed(), named["header "+keyHeader], told)
		require.Equal(t, r.access.audience == anyone || r.access.audience == hook, len(op.Security) == 0, told)
	}
}

// An example that its own schema refuses would mislead.
func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	registry, seen := s.huma.OpenAPI().Components.Schemas, 0
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
	var document map[string]any
	require.NoError(t, json.Unmarshal(s.spec, &document))
}

func TestEveryListHasPages(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	for _, path := range []string{"/api/v1/applications", "/api/v1/notices", "/api/v1/sessions", "/api/v1/staff/work-items", "/api/v1/staff/cases",
		"/api/v1/staff/batches", "/api/v1/staff/deliveries", "/api/v1/staff/invitations", "/api/v1/staff/colleagues", "/api/v1/staff/people",
		"/api/v1/staff/group-retries/{id}/items", "/api/v1/staff/people/{id}/cases", "/api/v1/staff/people/{id}/acts", "/api/v1/staff/notice-templates/{name}/versions"} {
		names := []string{}
		for _, p := range s.huma.OpenAPI().Paths[path].Get.Parameters {
			names = append(names, p.Name)
		}
		require.Subset(t, names, []string{"cursor", "limit"}, path)
	}
}
