package core

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
)

// The page is written by us, without a script: huma's own pages load a renderer from another company's server, which
// a campus network may not reach.

//go:embed docs.html
var docsPage string

//go:embed docs.css
var docsStyle string

type docsFamily struct {
	Name       string
	Operations []docsOperation
}

type docsOperation struct {
	Method, Path, Summary, Access string
	Fields                        []docsField
	Answers                       []docsAnswer
}

type docsAnswer struct {
	Status, Doc string
	Fields      []docsField
}

type docsField struct {
	In, Name, Type, Doc string
	Required            bool
}

// describeItself has /openapi.json and /docs written once, by the start of a process or the first who asks: neither
// changes while it lives.
func (s *Server) describeItself() {
	spec := s.Huma.OpenAPI()
	for _, name := range []string{"ErrorModel", "ErrorDetail"} {
		delete(spec.Components.Schemas.Map(), name) // huma registers its own errors, which nobody is ever sent
	}
	s.Spec = sync.OnceValues(func() ([]byte, error) { return json.MarshalIndent(spec, "", " ") })
	s.docsHTML = sync.OnceValues(func() ([]byte, error) { return renderDocs(spec) })
}

// checkDocuments writes both, so that a process whose documents cannot be written does not start. Tests make servers by
// the hundred that never listen: they do without.
func (s *Server) checkDocuments() error {
	for name, written := range map[string]func() ([]byte, error){"/openapi.json": s.Spec, "/docs": s.docsHTML} {
		if _, err := written(); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

func renderDocs(spec *huma.OpenAPI) ([]byte, error) {
	page, err := template.New("docs").Parse(docsPage)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = page.Execute(&out, map[string]any{
		"Title": spec.Info.Title, "Version": spec.Info.Version, "Style": template.CSS(docsStyle),
		"Families": docsFamilies(spec),
	})
	return out.Bytes(), err
}

func (s *Server) openAPI(c *gin.Context) {
	s.sendDocument(c, "application/openapi+json", s.Spec)
}

func (s *Server) docs(c *gin.Context) {
	sum := sha256.Sum256([]byte(docsStyle))
	c.Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; style-src 'sha256-"+
		base64.StdEncoding.EncodeToString(sum[:])+"'")
	s.sendDocument(c, "text/html; charset=utf-8", s.docsHTML)
}

func (s *Server) sendDocument(c *gin.Context, contentType string, written func() ([]byte, error)) {
	document, err := written()
	if err != nil {
		panic(fmt.Errorf("write %s: %w", c.FullPath(), err)) // recovered: logged, and answered as our own fault
	}
	c.Data(http.StatusOK, contentType, document)
}

func docsFamilies(spec *huma.OpenAPI) []docsFamily {
	byName := map[string][]docsOperation{}
	for _, path := range slices.Sorted(maps.Keys(spec.Paths)) {
		item := spec.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				byName[op.Tags[0]] = append(byName[op.Tags[0]], docsOperationOf(spec, op))
			}
		}
	}
	families := make([]docsFamily, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		families = append(families, docsFamily{name, byName[name]})
	}
	return families
}

func docsOperationOf(spec *huma.OpenAPI, op *huma.Operation) docsOperation {
	access, _ := op.Extensions["x-access"].(string)
	if permission, ok := op.Extensions["x-permission"].(string); ok {
		access += ": " + permission
	}
	doc := docsOperation{Method: op.Method, Path: op.Path, Summary: op.Summary, Access: access}
	for _, p := range op.Parameters {
		doc.Fields = append(doc.Fields, docsField{p.In, p.Name, typeName(p.Schema), p.Description, p.Required})
	}
	if op.RequestBody != nil {
		doc.Fields = append(doc.Fields, docsFields(spec, "body", op.RequestBody.Content)...)
	}
	for _, code := range slices.Sorted(maps.Keys(op.Responses)) {
		if code == "default" {
			continue // the same problem everywhere
		}
		answer := op.Responses[code]
		doc.Answers = append(doc.Answers, docsAnswer{code, answer.Description, docsFields(spec, "", answer.Content)})
	}
	return doc
}

// docsFields returns the fields of a body, one level deep; the rest is in /openapi.json.
func docsFields(spec *huma.OpenAPI, in string, content map[string]*huma.MediaType) []docsField {
	var fields []docsField
	for _, kind := range slices.Sorted(maps.Keys(content)) {
		schema := Resolve(spec, content[kind].Schema)
		if schema == nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
			property := schema.Properties[name]
			described := cmp.Or(Resolve(spec, property), property)
			fields = append(fields, docsField{in, name, typeName(property), cmp.Or(property.Description, described.Description),
				slices.Contains(schema.Required, name)})
		}
	}
	return fields
}

// Resolve follows a schema's reference.
func Resolve(spec *huma.OpenAPI, schema *huma.Schema) *huma.Schema {
	if schema != nil && schema.Ref != "" {
		return spec.Components.Schemas.SchemaFromRef(schema.Ref)
	}
	return schema
}

func typeName(schema *huma.Schema) string {
	switch {
	case schema == nil:
		return ""
	case schema.Ref != "":
		return schema.Ref[strings.LastIndexByte(schema.Ref, '/')+1:]
	case schema.Type == huma.TypeArray:
		return "list of " + typeName(schema.Items)
	case len(schema.Enum) > 0:
		return strings.Trim(fmt.Sprint(schema.Enum), "[]")
	}
	return strings.TrimSpace(schema.Type + " " + schema.Format)
}
