package core

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"campuscard/campus"
)

// Audience is a kind of caller.
type Audience string

// The kinds of callers.
const (
	Anyone      Audience = "public"
	SignedIn    Audience = "signed-in" // a session of any kind and level
	FirstTimer  Audience = "initial"   // a session with the initial password
	Student     Audience = "student"   // a full session of a holder
	StaffMember Audience = "staff"     // a session of a member of staff
	Kiosk       Audience = "kiosk"     // a machine that signs its requests
	Till        Audience = "till"      // a terminal that signs its requests
	Hook        Audience = "hook"      // another system; its handler checks the signature
)

// Access is who may call a route.
type Access struct {
	Audience   Audience
	Permission campus.Permission // of staff, on some campus at least; empty asks for none
}

// Public lets everybody in.
func Public() Access { return Access{Audience: Anyone} }

// Session lets in whoever is signed in.
func Session() Access { return Access{Audience: SignedIn} }

// Initial lets in who has signed in with the initial password.
func Initial() Access { return Access{Audience: FirstTimer} }

// Students lets in holders, students and staff alike.
func Students() Access { return Access{Audience: Student} }

// Kiosks lets in machines that sign their requests.
func Kiosks() Access { return Access{Audience: Kiosk} }

// Tills lets in terminals that sign their requests.
func Tills() Access { return Access{Audience: Till} }

// Hooks lets in the school's systems, whose handlers check the signature.
func Hooks() Access { return Access{Audience: Hook} }

// AnyStaff lets in every member of staff.
func AnyStaff() Access { return Access{Audience: StaffMember} }

// Staff lets in members of staff with a permission on some campus.
func Staff(permission campus.Permission) Access {
	return Access{Audience: StaffMember, Permission: permission}
}

// trait is what is unusual about a route.
type trait int

// The traits of routes.
const (
	Keyless trait = 1 << iota // a POST without an Idempotency-Key; say why beside it
	Created                   // answers 201
	Form                      // takes a multipart form with a file
	SignIn                    // limited by client address
	Looks                     // a POST that keeps nothing: a search, a preview
)

// Route is a line of routes.go.
type Route struct {
	Method  string
	Path    string // {id} marks a parameter
	Summary string
	Access  Access
	traits  trait
	files   []string // content types of what it answers, if that is no JSON

	described bool // huma reads and checks what it is asked with
}

// Get is a line of routes.go for a request that changes nothing; {id} marks a parameter.
func Get(path, summary string, by Access, traits ...trait) Route {
	return newRoute(http.MethodGet, path, summary, by, traits)
}

// Post is a line of routes.go for a request that changes something.
func Post(path, summary string, by Access, traits ...trait) Route {
	return newRoute(http.MethodPost, path, summary, by, traits)
}

// Put is a line of routes.go for a request that sets something.
func Put(path, summary string, by Access, traits ...trait) Route {
	return newRoute(http.MethodPut, path, summary, by, traits)
}

// Del is a line of routes.go for a request that ends something.
func Del(path, summary string, by Access, traits ...trait) Route {
	return newRoute(http.MethodDelete, path, summary, by, traits)
}

func newRoute(method, path, summary string, by Access, traits []trait) Route {
	r := Route{Method: method, Path: path, Summary: summary, Access: by}
	for _, t := range traits {
		r.traits |= t
	}
	return r
}

// Has tells whether something is unusual about the route.
func (r *Route) Has(t trait) bool { return r.traits&t != 0 }

// Keyed tells whether the request must carry an Idempotency-Key. Hooks have ids of their own,
// and tills a key in what they ask for.
func (r *Route) Keyed() bool {
	return r.Method == http.MethodPost && !r.Has(Keyless) && r.Access.Audience != Hook && r.Access.Audience != Till
}

// changes tells whether the request may leave something behind.
func (r *Route) changes() bool {
	return r.Method != http.MethodGet && !r.Has(Looks)
}

// ginPath returns the pattern as gin writes it.
func ginPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// document returns the route as an operation of /openapi.json.
func (r *Route) document(api huma.API) huma.Operation {
	op := huma.Operation{
		OperationID: operationID(r.Method, r.Path), Method: r.Method, Path: r.Path, Summary: r.Summary,
		Tags: []string{tag(r.Path)},
		// takeBody has read the body, within its own limit and time. huma's time would be left on the connection, and
		// when it runs out while a handler still works, the server takes the caller for gone.
		MaxBodyBytes: -1, BodyReadTimeout: -1,
		Extensions: map[string]any{"x-access": string(r.Access.Audience)},
		Responses: map[string]*huma.Response{"default": {
			Description: "A problem",
			Content: map[string]*huma.MediaType{ProblemType: {
				Schema: api.OpenAPI().Components.Schemas.Schema(problemSchema(), true, "Problem"),
			}},
		}},
	}
	if r.Access.Permission != "" {
		op.Extensions["x-permission"] = string(r.Access.Permission)
	}
	switch r.Access.Audience {
	case SignedIn, FirstTimer, Student, StaffMember:
		op.Security = []map[string][]string{{"session": {}}}
	case Kiosk:
		op.Security = []map[string][]string{{"kiosk": {}}}
	case Till:
		op.Security = []map[string][]string{{"till": {}}}
	}
	if r.Has(Created) {
		op.DefaultStatus = http.StatusCreated
	}
	if r.Keyed() {
		op.Parameters = append(op.Parameters, &huma.Param{Name: KeyHeader, In: "header", Required: true,
			Description: "8 to 128 visible ASCII characters; the same again gets the first answer.",
			Schema:      &huma.Schema{Type: huma.TypeString}})
	}
	return op
}

// Names returns the kind of thing that the address names: "cases" for /api/v1/staff/cases/{id}/files/{file}.
func (r *Route) Names() string {
	before, _, _ := strings.Cut(r.Path, "/{")
	if r.Access.Audience == Hook {
		return "hooks"
	}
	return before[strings.LastIndex(before, "/")+1:]
}

// operationID returns "post-sessions-current-phone-codes" for POST /api/v1/sessions/current/phone-codes.
func operationID(method, path string) string {
	words := strings.FieldsFunc(strings.TrimPrefix(path, "/api/v1"),
		func(r rune) bool { return r == '/' || r == '{' || r == '}' })
	return strings.ToLower(method) + "-" + strings.Join(words, "-")
}

// tag returns the family of a path.
func tag(path string) string {
	family, _, _ := strings.Cut(strings.TrimPrefix(path, "/api/v1/"), "/")
	return family
}
