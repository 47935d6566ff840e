package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// Promise is what /openapi.json says of an answer, for the tests to hold the server to.
type Promise struct {
	spec     *huma.OpenAPI
	patterns map[*regexp.Regexp]string
}

// Promised reads it.
func (s *Server) Promised() *Promise {
	p := &Promise{s.huma.OpenAPI(), map[*regexp.Regexp]string{}}
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
