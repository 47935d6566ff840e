package campus_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy"
)

// B1: what the face service would refuse is known when a frame is sent.
func TestFrameLimits(t *testing.T) {
	t.Parallel()
	policies, err := campus.LoadPolicies(deploy.Policy)
	require.NoError(t, err)
	frame := policies.For("lcu").Uploads.Frame
	for name, c := range map[string]struct {
		width, height, bytes int
		want                 string
	}{
		"a camera's picture":         {640, 480, 60_000, ""},
		"the smallest":               {64, 64, 900, ""},
		"the largest":                {4096, 4096, 8_000_000, ""},
		"a pixel too narrow":         {63, 480, 60_000, "frame_small"},
		"eight by eight":             {8, 8, 400, "frame_small"},
		"long and low, both at once": {20_000, 63, 60_000, "frame_small"},
		"long and low":               {20_000, 64, 60_000, "frame_large"},
		"a pixel too high":           {3600, 4097, 60_000, "frame_large"},
		"a byte too many":            {3600, 4000, 8_000_001, "frame_large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, campus.ReasonOf(frame.Check(c.width, c.height, c.bytes)))
		})
	}
}
