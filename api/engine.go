package api

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
	s.engine = gin.New()
	s.engine.HandleMethodNotAllowed = true
	s.engine.RedirectTrailingSlash = false // one address for one thing
	if err := s.engine.SetTrustedProxies(s.cfg.TrustedProxies); err != nil {
		return fmt.Errorf("read the trusted proxies: %w", err)
	}
	s.engine.Use(
		s.begin, // request id, language, headers that every answer has
		// A span, below the caller's. Its metrics would have the caller's Host as a label.
		otelgin.Middleware("campuscard-api", otelgin.WithMeterProvider(noop.NewMeterProvider())),
		s.observe,      // one line in the log, one count in the metrics
		s.withinTime,   // all that follows, middlewares and handler, has one time limit
		s.recovered,    // a panic is an answer, too
		s.shareOut,     // requests at work, by address
		s.admit,        // only what routes.go declares, only clean text
		s.slowDown,     // sign-ins from one address
		s.authenticate, // who is it, and may they
		s.takeTurn,     // of files that are sent, before they are read
		s.takeBody,     // within the limit
		s.checkKiosk,   // signed over the body
		s.takeKey,      // Idempotency-Key
		s.checkQuery,   // each parameter once
	)
	s.engine.NoRoute(func(c *gin.Context) {
		s.refuse(c, campus.Errorf(campus.NotFound, "route_unknown", "no such address"))
	})
	s.engine.NoMethod(func(c *gin.Context) {
		s.refuse(c, campus.Errorf(campus.Invalid, "method_not_allowed", "no such method at this address"))
	})
	config := huma.DefaultConfig("campuscard", s.cfg.Version)
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
		"kiosk":   {Type: "apiKey", In: "header", Name: kioskSignature},
	}
	config.Components.Schemas.RegisterTypeAlias(reflect.TypeFor[campus.Date](), reflect.TypeFor[plausibleDay]())
	s.huma = humagin.New(s.engine, config)
	return nil
}

// raw declares a route that is not an operation of /openapi.json.
func (s *Server) raw(r route, handler gin.HandlerFunc) {
	s.declare(&r)
	s.engine.Handle(r.method, ginPath(r.path), handler)
}

// handle declares a typed operation: huma reads and checks the input, fn answers, errors become problems.
func handle[I, O any](s *Server, r route, fn func(context.Context, *I) (*O, error)) {
	s.declare(&r)
	huma.Register(s.huma, r.document(s.huma), func(ctx context.Context, in *I) (*O, error) {
		if err := s.checkBodiless(ctx); err != nil {
			return nil, s.problem(ctx, err)
		}
		if err := checkWords(in); err != nil {
			return nil, s.problem(ctx, err)
		}
		out, err := fn(ctx, in)
		if decided, ok := any(out).(*decisionAnswer); ok {
			decided, err = s.again(ctx, s.request(ctx), decided, err)
			out = any(decided).(*O) //nolint:forcetypeassert // it was one
		}
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
	op := operationOf(s.huma.OpenAPI().Paths[r.path], r.method)
	if r.has(form) { // told afterwards: before, huma would check the form against it as if it were JSON
		op.RequestBody = formBody()
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

// answerHeads takes HEAD wherever GET is taken (RFC 9110, 9.1). The server of the standard library leaves the content out.
func (s *Server) answerHeads() {
	for _, r := range s.engine.Routes() {
		if r.Method == http.MethodGet {
			s.engine.HEAD(r.Path, r.HandlerFunc)
		}
	}
}

func (s *Server) declare(r *route) {
	s.declared[r.method+" "+ginPath(r.path)] = r
}

// noContent is the answer without a body.
type noContent struct{}

// answer is a body with the status of its route.
type answer[T any] struct {
	Body T
}

func answered[T any](body T) *answer[T] { return &answer[T]{body} }

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
