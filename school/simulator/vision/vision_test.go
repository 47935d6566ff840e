package vision_test

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"testing"

	"campuscard/school/portrait"
	"campuscard/school/simulator/vision"

	"github.com/stretchr/testify/require"
)

func TestLivenessTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := map[portrait.Flaw]string{
		portrait.NoFlaw:          "",
		portrait.TooDark:         vision.TooDark,
		portrait.AgainstTheLight: vision.AgainstTheLight,
		portrait.OutsideFrame:    vision.OutsideFrame,
		portrait.Still:           vision.ActionNotAsAsked,
	}
	for flaw, want := range tests {
		for _, action := range []string{portrait.Nod, portrait.Blink} {
			t.Run(fmt.Sprintf("%s %s", action, flaw), func(t *testing.T) {
				t.Parallel()
				for n := 2; n <= 3; n++ {
					identity := fmt.Sprintf("lcu/%d", n)
					got, _, err := vision.Liveness(action, portrait.FlawedFrames(identity, action, n, flaw))
					require.NoError(t, err)
					require.Equal(t, want, got, "%d frames", n)
				}
			})
		}
	}
}

func TestAnotherMovementIsNotTheOneAskedFor(t *testing.T) {
	t.Parallel()
	nod, blink := portrait.Frames("lcu/1", portrait.Nod, 3), portrait.Frames("lcu/1", portrait.Blink, 3)
	tests := map[string]struct {
		action string
		frames [][]byte
	}{
		"blinked, not nodded":     {"nod", blink},
		"nodded, not blinked":     {"blink", nod},
		"eyes closed at the end":  {"blink", blink[:2]},
		"one frame twice":         {"blink", [][]byte{blink[0], blink[1], blink[0]}},
		"a single frame":          {"nod", nod[:1]},
		"an action nobody offers": {"dance", nod},
	}
	for name, test := range tests {
		got, score, err := vision.Liveness(test.action, test.frames)
		require.NoError(t, err, name)
		require.Equal(t, vision.ActionNotAsAsked, got, name)
		require.Less(t, score, 0.5, name)
	}
}

func TestComparisonStandsWhatHappensToPictures(t *testing.T) {
	t.Parallel()
	photo := portrait.Photo("lcu/7")
	frame, err := jpeg.Decode(bytes.NewReader(portrait.Frames("lcu/7", portrait.Nod, 3)[0]))
	require.NoError(t, err)
	tests := map[string]image.Image{
		"as it is":         frame,
		"moved":            redrawn(frame, image.Pt(17, 9), 1),
		"darker":           redrawn(frame, image.Point{}, 0.75),
		"lighter":          redrawn(frame, image.Point{}, 1.15),
		"moved and darker": redrawn(frame, image.Pt(-13, 5), 0.8),
	}
	for name, img := range tests {
		var b bytes.Buffer
		require.NoError(t, jpeg.Encode(&b, img, &jpeg.Options{Quality: 35}))
		same, score, err := vision.Compare(photo, b.Bytes())
		require.NoError(t, err)
		require.True(t, same, "%s: %v", name, score)
	}
	var b bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&b, frame))
	same, score, err := vision.Compare(photo, b.Bytes())
	require.NoError(t, err)
	require.True(t, same, "as PNG: %v", score)
}

// redrawn is the picture moved, and with its light changed.
func redrawn(img image.Image, by image.Point, light float64) image.Image {
	out := image.NewRGBA(img.Bounds())
	draw.Draw(out, out.Bounds(), image.NewUniform(img.At(2, 2)), image.Point{}, draw.Src)
	draw.Draw(out, out.Bounds().Add(by), img, image.Point{}, draw.Src)
	for i := range out.Pix {
		if i%4 != 3 {
			out.Pix[i] = uint8(min(255, float64(out.Pix[i])*light))
		}
	}
	return out
}

func TestOnlyPicturesAreLookedAt(t *testing.T) {
	t.Parallel()
	photo := portrait.Photo("lcu/1")
	var tiny bytes.Buffer
	require.NoError(t, png.Encode(&tiny, image.NewGray(image.Rect(0, 0, 8, 8))))
	for name, content := range map[string][]byte{
		"nothing": nil, "text": []byte("hello"), "half a picture": photo[:len(photo)/2], "too small": tiny.Bytes(),
	} {
		_, _, err := vision.Compare(photo, content)
		require.ErrorIs(t, err, vision.ErrPicture, name)
		_, _, err = vision.Liveness("nod", [][]byte{content})
		require.ErrorIs(t, err, vision.ErrPicture, name)
	}
	same, score, err := vision.Compare(photo, portrait.Certificate("lcu/1"))
	require.NoError(t, err)
	require.False(t, same)
	require.Zero(t, score, "there is no face on it")
}

func BenchmarkCompare(b *testing.B) {
	photo, live := portrait.Photo("lcu/1"), portrait.Frames("lcu/1", portrait.Nod, 1)[0]
	for b.Loop() {
		if _, _, err := vision.Compare(photo, live); err != nil {
			b.Fatal(err)
		}
	}
}
