package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/api/core"
	"campuscard/storage/storagetest"
)

// anybody is one of those whom a route lets in.
func anybody(everybody map[string]caller, a core.Access) caller {
	for _, name := range slices.Sorted(maps.Keys(everybody)) {
		if who := everybody[name]; refusalOf(a, who) == 0 {
			return who
		}
	}
	return everybody["nobody"] // hooks: what they send is signed, and looked at afterwards
}

// askOnce sends one request to a route, as somebody who may.
func askOnce(t *testing.T, s *Server, h *storagetest.Env, r *core.Route, query, body string) (int, core.Problem) {
	t.Helper()
	path := strings.NewReplacer("{generation}", "1", "{sequence}", "1", "{number}", "1", "{day}", "2026-11-17", "{id}", uuid.NewString(), "{file}", uuid.NewString(), "{step}", "phone",
		"{code}", "laundry", "{name}", "approved", "{university}", storagetest.University).Replace(r.Path)
	request := httptest.NewRequestWithContext(t.Context(), r.Method, path+query, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(core.KeyHeader, uuid.NewString())
	anybody(callers(h), r.Access).authorize(request, body) // anew: a session may end with it
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, request)
	var p core.Problem
	if answer.Code >= http.StatusBadRequest {
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &p))
	}
	return answer.Code, p
}

// wrong are the places that a problem names, with why.
func wrong(p *core.Problem) []string {
	var places []string
	for _, e := range p.Errors {
		places = append(places, e.Location+" "+e.Reason)
	}
	return places
}

// What an operation does not know is refused by each of them, whatever operations there are: a parameter, a parameter
// that is there twice, a field of the body, at any depth, and a body where there is none.
func TestEveryOperationRefusesWhatItWouldPassOver(t *testing.T) {
	t.Parallel()
	s, h := newServer(t)
	s.Cfg.SignInsPerSec = 1000
	seen := 0
	for _, name := range slices.Sorted(maps.Keys(s.Declared)) {
		r := s.Declared[name]
		op := s.Operation(r)
		if op == nil {
			continue // raw: for machines that add parameters of their own
		}
		seen++
		t.Run(name, func(t *testing.T) {
			status, p := askOnce(t, s, h, r, "?nobody_knows=1", "")
			require.Equal(t, 422, status, "%v", p)
			require.Contains(t, wrong(&p), "query.nobody_knows field_unknown")
			for _, parameter := range op.Parameters {
				if parameter.In == "query" {
					_, p := askOnce(t, s, h, r, "?"+parameter.Name+"=1&"+parameter.Name+"=2", "")
					require.Equal(t, []string{"query." + parameter.Name + " field_unique"}, wrong(&p))
				}
			}
			if r.Access.Audience == core.Hook || r.Has(core.Form) {
				return // tested with what reads them
			}
			status, p = askOnce(t, s, h, r, queryOf(op), `{"nobody_knows":1}`)
			require.Equal(t, 422, status, "%v", p)
			require.Contains(t, wrong(&p), "body.nobody_knows field_unknown")
			if op.RequestBody != nil {
				closed(t, s, op.RequestBody.Content["application/json"].Schema)
				return
			}
			status, p = askOnce(t, s, h, r, queryOf(op), `"approve"`)
			require.Equal(t, 422, status, "%v", p)
			require.Equal(t, "body_not_taken", p.Reason)
			for _, nothing := range []string{` {} `, `null`} {
				_, p = askOnce(t, s, h, r, queryOf(op), nothing)
				require.NotContains(t, p.Reason+strings.Join(wrong(&p), " "), "body", "%s says nothing", nothing)
			}
		})
	}
	require.Greater(t, seen, 80)
}

// queryOf are parameters that an operation cannot do without.
func queryOf(op *huma.Operation) string {
	var query []string
	for _, p := range op.Parameters {
		if p.In != "query" || !p.Required {
			continue
		}
		value := map[string]string{"integer": "1"}[p.Schema.Type]
		switch {
		case len(p.Schema.Enum) > 0:
			value = p.Schema.Enum[0].(string)
		case p.Schema.Format == "date":
			value = "2026-12-01"
		case p.Schema.Format == "date-time":
			value = "2026-12-01T12:00:00Z"
		case value == "":
			value = "somebody"
		}
		query = append(query, p.Name+"="+value)
	}
	return "?" + strings.Join(query, "&")
}

// closed wants every object of a schema to take the fields that it names, and no others.
func closed(t *testing.T, s *Server, schema *huma.Schema) {
	t.Helper()
	schema = core.Resolve(s.Huma.OpenAPI(), schema)
	if schema == nil {
		return
	}
	if schema.Type == huma.TypeObject {
		require.Equal(t, false, schema.AdditionalProperties)
	}
	closed(t, s, schema.Items)
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		closed(t, s, schema.Properties[name])
	}
}

// Where a field stands is not guessed: no operation has a parameter and a field of the body of one name.
func TestParametersAndFieldsHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	for name, r := range s.Declared {
		op := s.Operation(r)
		if op == nil || op.RequestBody == nil || op.RequestBody.Content["application/json"] == nil {
			continue
		}
		schema := core.Resolve(s.Huma.OpenAPI(), op.RequestBody.Content["application/json"].Schema)
		for _, parameter := range op.Parameters {
			require.NotContains(t, schema.Properties, parameter.Name, name)
		}
	}
}
