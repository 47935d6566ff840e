package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"campuscard/api/core"
	"campuscard/campus"
)

// Promise is what /openapi.json says of an answer, for the tests to hold the server to.
type Promise struct {
	spec     *huma.OpenAPI
	patterns map[*regexp.Regexp]string
}

// Promised reads it.
func (s *Server) Promised() *Promise {
	p := &Promise{s.Huma.OpenAPI(), map[*regexp.Regexp]string{}}
	parameter := regexp.MustCompile(`\\\{[a-z]+\\\}`)
	for path := range p.spec.Paths {
		p.patterns[regexp.MustCompile("^"+parameter.ReplaceAllString(regexp.QuoteMeta(path), "[^/]+")+"$")] = path
	}
	return p
}

// Broken tells how an answer differs from what was promised, or nothing. Addresses that are not described may answer
// anything.
func (p *Promise) Broken(method, path string, status int, contentType string, body []byte) string {
	op := p.operation(method, path)
	if op == nil || status == http.StatusMethodNotAllowed {
		return ""
	}
	response, found := op.Responses[strconv.Itoa(status)]
	if !found && status >= 400 {
		response, found = op.Responses["default"], true
	}
	if !found {
		return fmt.Sprintf("status %d is not promised", status)
	}
	content, found := response.Content[contentType]
	if !found {
		if len(body) > 0 {
			return "content of type " + contentType + " is not promised"
		}
		return ""
	}
	if content.Schema.Format == "binary" {
		return ""
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return err.Error()
	}
	where, result := huma.NewPathBuffer([]byte{}, 0), &huma.ValidateResult{}
	huma.Validate(p.spec.Components.Schemas, content.Schema, where, huma.ModeReadFromServer, value, result)
	if len(result.Errors) > 0 {
		return fmt.Sprint(result.Errors)
	}
	return ""
}

// Unsent is the first location of a problem that is nothing of the request: a parameter, or a field, that neither the
// operation has nor the caller sent. Nothing when all are. A decision is told of the request that made it.
func (p *Promise) Unsent(method string, sent *url.URL, body, answer []byte) string {
	op := p.operation(method, sent.Path)
	if op == nil || strings.HasPrefix(sent.Path, "/api/v1/decisions/") {
		return ""
	}
	var answered, told any
	_ = json.Unmarshal(answer, &answered) // a receipt has no locations
	_ = json.Unmarshal(body, &told)
	for _, location := range locations(answered) {
		in, path, _ := strings.Cut(location, ".")
		found := in == "query" && sent.Query().Has(path) || in == "body" && p.has(bodySchema(op), told, path)
		for _, parameter := range op.Parameters {
			found = found || parameter.In == in && parameter.Name == path
		}
		if !found {
			return location
		}
	}
	return ""
}

// locations are those of all problems in an answer.
func locations(answer any) (all []string) {
	switch v := answer.(type) {
	case []any:
		for _, part := range v {
			all = append(all, locations(part)...)
		}
	case map[string]any:
		if location, found := v["location"].(string); found && v["reason"] != nil {
			all = append(all, location)
		}
		for _, part := range v {
			all = append(all, locations(part)...)
		}
	}
	return all
}

func bodySchema(op *huma.Operation) *huma.Schema {
	if op.RequestBody != nil {
		for _, content := range op.RequestBody.Content {
			return content.Schema
		}
	}
	return nil
}

// has tells whether a path such as "items[3].reason" leads anywhere, by the schema or in what was sent.
func (p *Promise) has(schema *huma.Schema, sent any, path string) bool {
	for path != "" {
		name, rest, _ := strings.Cut(path, ".")
		name, indexes, isItem := strings.Cut(name, "[")
		fields, _ := sent.(map[string]any)
		value, told := fields[name]
		schema = core.Resolve(p.spec, schema)
		if schema != nil {
			schema = core.Resolve(p.spec, schema.Properties[name])
		}
		if schema == nil && !told {
			return false
		}
		if sent = value; isItem {
			index, err := strconv.Atoi(strings.TrimSuffix(indexes, "]"))
			list, _ := value.([]any)
			if err != nil || index >= len(list) {
				return false
			}
			if sent = list[index]; schema != nil {
				schema = schema.Items
			}
		}
		path = rest
	}
	return true
}

func (p *Promise) operation(method, path string) *huma.Operation {
	var described *huma.PathItem
	for pattern, found := range p.patterns {
		if found == path || pattern.MatchString(path) && described == nil {
			described = p.spec.Paths[found]
			if found == path {
				break
			}
		}
	}
	if described == nil {
		return nil
	}
	return map[string]*huma.Operation{http.MethodGet: described.Get, http.MethodPost: described.Post,
		http.MethodPut: described.Put, http.MethodDelete: described.Delete}[method]
}

// ConflictText is what a caller is told of a conflict: a person about themselves, or staff about somebody.
func ConflictText(in campus.Language, staff bool, reason string) string {
	c := &core.Call{Language: in}
	if staff {
		c.Principal.Staff = &campus.StaffMember{}
	}
	return core.ProblemDetail(c, campus.Conflict, reason)
}
