package core

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"campuscard/campus"
)

// The standard library takes the name of a field in any case, and the last of several. huma checks one of them, and the
// handler would get another that nobody has checked. So names count in their own case, and each may be there once.

func init() {
	huma.ValidateStrictCasing = true // it is a global, which servers of tests that begin at once would all write
}

// unmarshalStrictly is json.Unmarshal for bodies of which every object has each name once, at any depth, and whose
// texts are Unicode.
func unmarshalStrictly(body []byte, into any) error {
	if err := checkNames(body); err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

func checkNames(body []byte) error {
	_, err := jsontext.NewDecoder(bytes.NewReader(body)).ReadValue()
	return err
}

// checkNulls refuses null as the value of anything in a body. Go reads it as a field that was left out, and what is
// left out can mean more than whoever had no value has meant, such as all of an amount. Invalid: field_null.
func (s *Server) checkNulls(ctx context.Context) error {
	call := CallOf(ctx)
	if op := s.Operation(call.Route); op == nil || op.RequestBody == nil || call.Route.Has(Form) || call.Route.Access.Audience == Hook {
		return nil // no body of ours, or one whose reader knows what stands in it
	}
	if field, found := firstNull(call.body); found {
		return campus.FieldErrorf(field, "field_null", "a field is null")
	}
	return nil
}

// firstNull names the first value of a body that is null; the body itself has no name.
func firstNull(body []byte) (field string, found bool) {
	if !bytes.Contains(body, []byte("null")) {
		return "", false
	}
	for in := jsontext.NewDecoder(bytes.NewReader(body)); ; {
		token, err := in.ReadToken()
		if err != nil { // its end: huma has read the body before
			return "", false
		}
		if token.Kind() == 'n' {
			return fieldAt(in), true
		}
	}
}

// fieldAt names the value that was read last as problems do: "items[3].note".
func fieldAt(in *jsontext.Decoder) (field string) {
	depth := 0
	for name := range in.StackPointer().Tokens() {
		depth++
		kind, _ := in.StackIndex(depth)
		switch {
		case kind == '[':
			field += "[" + name + "]"
		case field == "":
			field = name
		default:
			field += "." + name
		}
	}
	return field
}

// whereBroken tells what is wrong with a body that cannot be read, and at which byte. The name itself is not repeated.
func whereBroken(body []byte) (reason, offset string) {
	reason = "json_malformed"
	err := checkNames(body)
	if errors.Is(err, jsontext.ErrDuplicateName) {
		reason = "json_duplicate"
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return reason, strconv.FormatInt(syntax.ByteOffset, 10)
	}
	var parsed any
	if syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(body, &parsed)); ok { // such as a second value
		return reason, strconv.FormatInt(syntax.Offset, 10)
	}
	return reason, ""
}

func brokenAt(language campus.Language, offset string) fieldProblem {
	return fieldProblem{Location: "body", Reason: "json_offset",
		Message: campus.Text(language, "problem.json_offset", map[string]string{"a": offset})}
}
