package core

import (
	"context"
	"fmt"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"
	"go.opentelemetry.io/otel/metric/noop"

	"campuscard/campus"
)

// openEngine sets gin up with what every request passes, in this order, and huma on top of it.
func (s *Server) openEngine() error {
	gin.SetMode(gin.ReleaseMode) // its debug mode prints every route on standard output
	s.Engine = gin.New()
	s.Engine.HandleMethodNotAllowed = true
	s.Engine.RedirectTrailingSlash = false // one address for one thing
	if err := s.Engine.SetTrustedProxies(s.Cfg.TrustedProxies); err != nil {
		return fmt.Errorf("read the trusted proxies: %w", err)
	}
	s.Engine.Use(
		s.begin, // request id, language, headers that every answer has
		// A span, below the caller's. Its metrics would have the caller's Host as a label.
		otelgin.Middleware("campuscard-api", otelgin.WithMeterProvider(noop.NewMeterProvider()), otelgin.WithFilter(s.traces)),
		s.observe,       // one line in the log, one count in the metrics
		s.withinTime,    // all that follows, middlewares and handler, has one time limit
		s.recovered,     // a panic is an answer, too
		s.shareOut,      // requests at work, by address
		s.admit,         // only what routes.go declares, only clean text
		s.slowDown,      // sign-ins from one address
		s.authenticate,  // who is it, and may they
		s.takeTurn,      // of files that are sent, before they are read
		s.takeBody,      // within the limit
		s.checkKiosk,    // signed over the body
		s.checkTerminal, // the same
		s.takeKey,       // Idempotency-Key
		s.checkQuery,    // each parameter once
	)
	s.Engine.NoRoute(func(c *gin.Context) {
		s.refuse(c, campus.Errorf(campus.NotFound, "route_unknown", "no such address"))
	})
	s.Engine.NoMethod(func(c *gin.Context) {
		s.refuse(c, campus.Errorf(campus.Invalid, "method_not_allowed", "no such method at this address"))
	})
	config := huma.DefaultConfig("campuscard", s.Cfg.Version)
	config.Info.Description = "The back office of a mobile campus card."
	// These would be routes that routes.go does not declare; see docs.go.
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	config.RejectUnknownQueryParameters = true
	strict := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshalStrictly}
	config.Formats = map[string]huma.Format{"application/json": strict, "json": strict}
	// Transformers see huma's own errors on their way out. Replacing huma.NewError would do the same with a global.
	config.Transformers = []huma.Transformer{s.translate}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "http", Scheme: "bearer"},
		"kiosk":   {Type: "apiKey", In: "header", Name: SignatureHeader},
		"till":    {Type: "apiKey", In: "header", Name: SignatureHeader},
	}
	for ours, described := range map[reflect.Type]reflect.Type{
		reflect.TypeFor[campus.Date]():         reflect.TypeFor[plausibleDay](),
		reflect.TypeFor[campus.CaseKind]():     reflect.TypeFor[caseKinds](),
		reflect.TypeFor[campus.WorkItemKind](): reflect.TypeFor[itemKinds](),
		reflect.TypeFor[campus.Party]():        reflect.TypeFor[parties](),
	} {
		config.Components.Schemas.RegisterTypeAlias(ours, described)
	}
	s.Huma = humagin.New(s.Engine, config)
	return nil
}

// traces tells whether a request belongs to a trace: one that a collector here is sent, or one of the caller's, whose
// name goes on with what the request begins.
func (s *Server) traces(r *http.Request) bool {
	return s.Cfg.Traced || r.Header.Get("Traceparent") != ""
}

// Raw declares a route that is not an operation of /openapi.json.
func (s *Server) Raw(r Route, handler gin.HandlerFunc) {
	s.declare(&r)
	s.Engine.Handle(r.Method, ginPath(r.Path), handler)
}

// Handle declares a typed operation: huma reads and checks the input, fn answers, errors become problems.
func Handle[I, O any](s *Server, r Route, fn func(context.Context, *I) (*O, error)) {
	r.described = true
	s.declare(&r)
	huma.Register(s.Huma, r.document(s.Huma), func(ctx context.Context, in *I) (*O, error) {
		if err := s.checkBodiless(ctx); err != nil {
			return nil, s.Problem(ctx, err)
		}
		if err := s.checkNulls(ctx); err != nil {
			return nil, s.Problem(ctx, err)
		}
		if err := checkInput(in); err != nil {
			return nil, s.Problem(ctx, err)
		}
		out, err := fn(ctx, in)
		if decided, ok := any(out).(*DecisionAnswer); ok {
			decided, err = s.Again(ctx, s.Request(ctx), decided, err)
			out = any(decided).(*O) //nolint:forcetypeassert // it was one
		}
		if err != nil {
			return nil, s.Problem(ctx, err)
		}
		return out, nil
	})
	op := operationOf(s.Huma.OpenAPI().Paths[r.Path], r.Method)
	if r.Has(Form) { // told afterwards: before, huma would check the form against it as if it were JSON
		op.RequestBody = formBody()
	}
	if len(r.files) > 0 {
		op.Responses["200"].Content = fileContent(r.files...)
	}
	if answer, ok := any((*O)(nil)).(described); ok {
		answer.Describe(op)
	}
}

// described is an answer whose type does not tell all that /openapi.json says. It is nil when it is asked.
type described interface{ Describe(op *huma.Operation) }

func operationOf(item *huma.PathItem, method string) *huma.Operation {
	switch method {
	case http.MethodPost:
		return item.Post
	case http.MethodPut:
		return item.Put
	case http.MethodDelete:
		return item.Delete
	}
	return item.Get
}

// fileContent is content in /openapi.json that is no JSON.
func fileContent(contentTypes ...string) map[string]*huma.MediaType {
	content := map[string]*huma.MediaType{}
	for _, kind := range contentTypes {
		content[kind] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	return content
}

// answerHeads takes HEAD wherever GET is taken (RFC 9110, 9.1). The server of the standard library leaves the content
// out.
func (s *Server) answerHeads() {
	for _, r := range s.Engine.Routes() {
		if r.Method == http.MethodGet {
			s.Engine.HEAD(r.Path, r.HandlerFunc)
		}
	}
}

func (s *Server) declare(r *Route) {
	s.Declared[r.Method+" "+ginPath(r.Path)] = r
}

// NoContent is the answer without a body.
type NoContent struct{}

// Answer is a body with the status of its route.
type Answer[T any] struct {
	Body T
}

// Answered is a body as an answer.
func Answered[T any](body T) *Answer[T] { return &Answer[T]{body} }

// formBody is the form in /openapi.json.
func formBody() *huma.RequestBody {
	purposes := []any{string(campus.DocumentUpload), string(campus.CertificateUpload), string(campus.FrameUpload),
		string(campus.ResidenceUpload), string(campus.LetterUpload)}
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {
		Schema: &huma.Schema{Type: huma.TypeObject, Required: []string{"purpose", "file"},
			Properties: map[string]*huma.Schema{
				"purpose": {Type: huma.TypeString, Enum: purposes},
				"file": {Type: huma.TypeString, Format: "binary",
					Description: "JPEG or PNG; for certificate, letter and registration PDF too"},
			}},
	}}}
}
