package portrait_test

import (
	"bytes"
	"image"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/school/portrait"
)

func TestSameArgumentsSamePictures(t *testing.T) {
	t.Parallel()
	require.Equal(t, portrait.Photo("lcu/1"), portrait.Photo("lcu/1"))
	require.NotEqual(t, portrait.Photo("lcu/1"), portrait.Photo("lcu/2"))
	require.Equal(t, portrait.Frames("lcu/1", portrait.Nod, 2), portrait.Frames("lcu/1", portrait.Nod, 2))
	require.Equal(t, portrait.Certificate("lcu/1"), portrait.Certificate("lcu/1"))
	require.NotEqual(t, portrait.Document("passport", "lcu/1"), portrait.Certificate("lcu/1"))
}

func TestFramesAreDifferentUnlessStill(t *testing.T) {
	t.Parallel()
	frames := portrait.Frames("lcu/1", portrait.Blink, 3)
	require.NotEqual(t, frames[0], frames[2])
	still := portrait.FlawedFrames("lcu/1", portrait.Blink, 3, portrait.Still)
	require.Equal(t, still[0], still[2])
}

func TestPicturesAreJPEGsOfTheirSize(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		content       []byte
		width, height int
	}{
		"photo":       {portrait.Photo("lcu/1"), 240, 320},
		"frame":       {portrait.Frames("lcu/1", portrait.Nod, 1)[0], 640, 480},
		"certificate": {portrait.Certificate("lcu/1"), 600, 840},
	} {
		cfg, format, err := image.DecodeConfig(bytes.NewReader(test.content))
		require.NoError(t, err, name)
		require.Equal(t, "jpeg", format, name)
		require.Equal(t, []int{test.width, test.height}, []int{cfg.Width, cfg.Height}, name)
	}
}
