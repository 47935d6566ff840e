package core

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"campuscard/campus"
)

// The sender of a field that nobody reads would take it for done. huma refuses fields and parameters that an
// operation does not know; here is what it passes over.

// Operation returns what /openapi.json says of a route; nothing for a raw one.
func (s *Server) Operation(r *Route) *huma.Operation {
	if r == nil {
		return nil
	}
	item := s.Huma.OpenAPI().Paths[r.Path]
	if item == nil {
		return nil
	}
	return operationOf(item, r.Method)
}

func (s *Server) parameters(r *Route) []*huma.Param {
	if op := s.Operation(r); op != nil {
		return op.Parameters
	}
	return nil
}

// checkQuery refuses a parameter that is there twice: only the first would be read. None is a list.
func (s *Server) checkQuery(c *gin.Context) {
	if c.Request.URL.RawQuery == "" {
		return
	}
	sent := c.Request.URL.Query()
	for _, parameter := range s.parameters(callOfGin(c).Route) {
		if parameter.In == "query" && len(sent[parameter.Name]) > 1 {
			s.refuse(c, campus.FieldErrorf(parameter.Name, "field_unique", "the parameter is there twice"))
			return
		}
	}
}

// checkBodiless refuses a body that says something to an operation that takes none. An empty object says nothing, and
// null, which clients write for no body, neither.
func (s *Server) checkBodiless(ctx context.Context) error {
	call := CallOf(ctx)
	body := bytes.TrimSpace(call.body)
	if op := s.Operation(call.Route); op == nil || op.RequestBody != nil || len(body) == 0 {
		return nil
	}
	var sent map[string]json.RawMessage
	if err := unmarshalStrictly(body, &sent); err != nil {
		return campus.Errorf(campus.Invalid, "body_not_taken", "the operation takes no body")
	}
	if len(sent) == 0 {
		return nil
	}
	p := s.newProblem(ctx, campus.Invalid, "fields", "")
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		p.Errors = append(p.Errors, fieldProblem{Location: "body." + name, Field: name, Reason: "field_unknown",
			Message: ProblemText(call.Language, campus.Invalid, "field_unknown")})
	}
	return p
}
