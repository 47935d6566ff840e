package core

import (
	"bytes"
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
