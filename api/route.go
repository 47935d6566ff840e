package api

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"campuscard/campus"
)

// audience is a kind of caller.
type audience string

const (
	anyone      audience = "public"
	signedIn    audience = "signed-in" // a session of any kind and level
	firstTimer  audience = "initial"   // a session with the initial password
	student     audience = "student"   // a full session of a holder
	staffMember audience = "staff"     // a session of a member of staff
	kiosk       audience = "kiosk"     // a machine that signs its requests
	hook        audience = "hook"      // another system; its handler checks the signature
)

// access is who may call a route.
type access struct {
	audience   audience
	permission campus.Permission // of staff, on some campus at least; empty asks for none
}

func public() access   { return access{audience: anyone} }
func session() access  { return access{audience: signedIn} }
func initial() access  { return access{audience: firstTimer} }
func students() access { return access{audience: student} }
func kiosks() access   { return access{audience: kiosk} }
func hooks() access    { return access{audience: hook} }
func anyStaff() access { return access{audience: staffMember} }
func staff(permission campus.Permission) access {
	return access{audience: staffMember, permission: permission}
}

// trait is what is unusual about a route.
type trait int

const (
	keyless trait = 1 << iota // a POST without an Idempotency-Key; say why beside it
	created                   // answers 201
	form                      // takes a multipart form with a file
	signIn                    // limited by client address
	looks                     // a POST that keeps nothing: a search, a preview
)

// route is a line of routes.go.
type route struct {
	method  string
	path    string // {id} marks a parameter
	summary string
	access  access
	traits  trait
}

// get, post, put and del are the lines of routes.go: {id} marks a parameter.
func get(path, summary string, by access, traits ...trait) route {
	return newRoute(http.MethodGet, path, summary, by, traits)
}

func post(path, summary string, by access, traits ...trait) route {
	return newRoute(http.MethodPost, path, summary, by, traits)
}

func put(path, summary string, by access, traits ...trait) route {
	return newRoute(http.MethodPut, path, summary, by, traits)
}

func del(path, summary string, by access, traits ...trait) route {
	return newRoute(http.MethodDelete, path, summary, by, traits)
}

func newRoute(method, path, summary string, by access, traits []trait) route {
	r := route{method: method, path: path, summary: summary, access: by}
	for _, t := range traits {
		r.traits |= t
	}
	return r
}

func (r *route) has(t trait) bool { return r.traits&t != 0 }

// keyed tells whether the request must carry an Idempotency-Key. Hooks have ids of their own.
func (r *route) keyed() bool {
	return r.method == http.MethodPost && !r.has(keyless) && r.access.audience != hook
}

// changes tells whether the request may leave something behind.
func (r *route) changes() bool {
	return r.method != http.MethodGet && !r.has(looks)
}

// ginPath is the pattern as gin writes it.
func ginPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// document is the route as an operation of /openapi.json.
func (r *route) document(api huma.API) huma.Operation {
	op := huma.Operation{
		OperationID: operationID(r.method, r.path), Method: r.method, Path: r.path, Summary: r.summary,
		Tags: []string{tag(r.path)},
		// takeBody has read the body, within its own limit and time. huma's time would be left on the connection, and
		// when it runs out while a handler still works, the server takes the caller for gone.
		MaxBodyBytes: -1, BodyReadTimeout: -1,
		Extensions: map[string]any{"x-access": string(r.access.audience)},
		Responses: map[string]*huma.Response{"default": {
			Description: "A problem",
			Content: map[string]*huma.MediaType{problemType: {
				Schema: api.OpenAPI().Components.Schemas.Schema(problemSchema(), true, "Problem"),
			}},
		}},
	}
	if r.access.permission != "" {
		op.Extensions["x-permission"] = string(r.access.permission)
	}
	switch r.access.audience {
	case signedIn, firstTimer, student, staffMember:
		op.Security = []map[string][]string{{"session": {}}}
	case kiosk:
		op.Security = []map[string][]string{{"kiosk": {}}}
	}
	if r.has(created) {
		op.DefaultStatus = http.StatusCreated
	}
	if r.keyed() {
		op.Parameters = append(op.Parameters, &huma.Param{Name: keyHeader, In: "header", Required: true,
			Description: "8 to 128 visible ASCII characters; the same again gets the first answer.",
			Schema:      &huma.Schema{Type: huma.TypeString}})
	}
	return op
}

// names is the kind of thing that the address names: "cases" for /api/v1/staff/cases/{id}/files/{file}.
func (r *route) names() string {
	before, _, _ := strings.Cut(r.path, "/{")
	if r.access.audience == hook {
		return "hooks"
	}
	return before[strings.LastIndex(before, "/")+1:]
}

// operationID is "post-sessions-current-phone-codes" for POST /api/v1/sessions/current/phone-codes.
func operationID(method, path string) string {
	words := strings.FieldsFunc(strings.TrimPrefix(path, "/api/v1"), func(r rune) bool { return r == '/' || r == '{' || r == '}' })
	return strings.ToLower(method) + "-" + strings.Join(words, "-")
}

// tag is the family of a path.
func tag(path string) string {
	family, _, _ := strings.Cut(strings.TrimPrefix(path, "/api/v1/"), "/")
	return family
}
