package school

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/text/cases"
)

// readStrictly reads JSON of another system as it was agreed on: names in their own case, each once, at any depth. The
// standard library takes a name in any case and the last of several, so that two readers of one message may see two
// things. Names that nobody has agreed on are passed over, unless two of one object differ in case only.
func readStrictly(body []byte, out any) error {
	if err := json.Unmarshal(body, out); err != nil {
		return err
	}
	return checkCases(body)
}

// checkCases refuses an object of which two names differ in case only. The body is well-formed.
func checkCases(body []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	names := []map[string]bool{nil} // by depth; a list has none
	for {
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch token.Kind() {
		case '{', '[':
			names = append(names, map[string]bool{})
		case '}', ']':
			names = names[:len(names)-1]
		case '"':
			kind, length := d.StackIndex(d.StackDepth())
			if kind != '{' || length%2 == 0 {
				continue // a value
			}
			name := cases.Fold().String(token.String())
			if names[len(names)-1][name] {
				return errors.New("two names differ in case only")
			}
			names[len(names)-1][name] = true
		}
	}
}
