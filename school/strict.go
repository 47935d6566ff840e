package school

import (
	"reflect"

	"github.com/go-json-experiment/json"
)

// readStrictly reads JSON of another system as it was agreed on: names in their own case, each once, at any depth. The
// standard library takes a name in any case and the last of several, so that two readers of one message may see two
// things. Names that nobody has agreed on are passed over, unless they differ from one of ours in case only.
func readStrictly(body []byte, out any) error {
	if err := json.Unmarshal(body, out); err != nil {
		return err
	}
	folded := reflect.New(reflect.TypeOf(out).Elem()).Interface() // a second name in another case is a duplicate here
	return json.Unmarshal(body, folded, json.MatchCaseInsensitiveNames(true))
}
