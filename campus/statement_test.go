package campus_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// What begins like a formula is marked as a text, also where a program drops what nobody sees in front of it.
func TestCellsAreNoFormulas(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"=1+1", "+1", "-1", "@x", "＝1", "\t=1", "\r=1", "\nx", " =1+1", "\u00a0=1", "\u3000＝1",
		"\u200b@x", "  \t-1"} {
		require.Equal(t, "'"+text, campus.CellText(text))
	}
	for _, text := range []string{"", " ", "第一食堂", " 第一食堂", "1-1", "a=b"} {
		require.Equal(t, text, campus.CellText(text))
	}
}
