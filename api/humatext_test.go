package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/api/core"
)

// Nobody reads a regular expression: whoever gets a pattern wrong is told in words what is wanted, and what to do.
func TestEveryPatternHasWords(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	seen := 0
	for name, schema := range s.Huma.OpenAPI().Components.Schemas.Map() {
		for field, property := range schema.Properties {
			if property.Pattern != "" {
				seen++
				require.Contains(t, core.PatternReasons, property.Pattern, "%s.%s", name, field)
			}
		}
	}
	require.Positive(t, seen)
}
