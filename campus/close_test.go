package campus

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// L2: each difference of a day has a step that a decision may name, however many a file lacks.
func TestEveryDifferenceHasAStep(t *testing.T) {
	t.Parallel()
	for number, step := range map[int]string{1: "difference-1", 999: "difference-999", 1000: "difference-1.000",
		100_000: "difference-100.000", 1_002_003: "difference-1.002.003", math.MaxInt32: "difference-2.147.483.647"} {
		require.Equal(t, step, DifferenceStep(number))
		require.Equal(t, number, DifferenceNumber(step))
		require.NoError(t, checkCodes(step), "a decision says codes only")
	}
	for _, other := range []string{"", "photo", "difference-", "difference-01", "difference-1000", "difference-1.00", "difference-1.2.3", "difference--1"} {
		require.Zero(t, DifferenceNumber(other), other)
	}
}
