package core

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A field that is null was sent, and says nothing: it is found at any depth, and only where it is a value.
func TestNullsAreFound(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		field string
		found bool
	}{
		`{"amount_cents": null}`:                        {"amount_cents", true},
		`{"a": 1, "items": [{"n": 1}, {"note": null}]}`: {"items[1].note", true},
		`{"items": ["x", null]}`:                        {"items[1]", true},
		`{"a": {"b": {"c": null}}}`:                     {"a.b.c", true},
		`null`:                                          {"", true},
		`{"null": "null", "b": ["null"]}`:               {"", false},
		`{"a": "\"null"}`:                               {"", false},
		`{}`:                                            {"", false},
		``:                                              {"", false},
	} {
		field, found := firstNull([]byte(body))
		require.Equal(t, want.found, found, body)
		require.Equal(t, want.field, field, body)
	}
}
