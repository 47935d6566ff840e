package vision_test

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/school/portrait"
	"campuscard/school/simulator/vision"
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
		"one frame encoded twice": {"blink", [][]byte{blink[0], blink[1], encoded(t, blink[0], image.Point{}, 80)}},
		"one nod encoded twice":   {"nod", [][]byte{nod[0], nod[1], encoded(t, nod[0], image.Point{}, 80)}},
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
		reason, score, err := vision.Compare(photo, b.Bytes())
		require.NoError(t, err)
		require.Empty(t, reason, "%s: %v", name, score)
	}
	var b bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&b, frame))
	reason, score, err := vision.Compare(photo, b.Bytes())
	require.NoError(t, err)
	require.Empty(t, reason, "as PNG: %v", score)
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
	reason, score, err := vision.Compare(photo, portrait.Certificate("lcu/1"))
	require.NoError(t, err)
	require.Equal(t, vision.Different, reason)
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

func TestBlankPicturesAreNobody(t *testing.T) {
	t.Parallel()
	photo, live := portrait.Photo("lcu/1"), portrait.Frames("lcu/1", portrait.Nod, 1)[0]
	for name, test := range map[string]struct {
		grey   uint8
		reason string
	}{
		"white": {255, vision.OutsideFrame},
		"grey":  {128, vision.OutsideFrame},
		"black": {0, vision.TooDark},
	} {
		blank := portrait.Blank(test.grey, 3)
		for _, action := range []string{portrait.Nod, portrait.Blink} {
			reason, score, err := vision.Liveness(action, blank)
			require.NoError(t, err, name)
			require.Equal(t, test.reason, reason, name)
			require.Zero(t, score, name)
			reason, _, err = vision.Liveness(action, [][]byte{live, blank[1], live})
			require.NoError(t, err, name)
			require.Equal(t, test.reason, reason, "%s between others", name)
		}
		for _, pair := range [][2][]byte{{photo, blank[0]}, {blank[0], live}, {blank[0], blank[1]},
			{portrait.Document("resident_card", "lcu/1"), blank[0]}} {
			reason, score, err := vision.Compare(pair[0], pair[1])
			require.NoError(t, err, name)
			require.Equal(t, vision.Different, reason, name)
			require.Zero(t, score, name)
		}
	}
}

// B1: what somebody can hand in who has nothing but pictures.
func TestPicturesOfPicturesAreNobody(t *testing.T) {
	t.Parallel()
	for n := range 4 {
		identity := fmt.Sprintf("lcu/%d", n)
		photo := portrait.Photo(identity)
		for _, still := range [][]byte{photo, portrait.Frames(identity, portrait.Nod, 3)[0]} {
			for _, action := range []string{portrait.Nod, portrait.Blink} {
				reason, _, err := vision.Liveness(action,
					[][]byte{still, encoded(t, still, image.Point{}, 80), encoded(t, still, image.Point{}, 45)})
				require.NoError(t, err)
				require.Equal(t, vision.ActionNotAsAsked, reason, "%s: one picture, encoded three times", action)
			}
		}
		moved := encoded(t, photo, image.Pt(0, 25), 80)
		reason, _, err := vision.Liveness(portrait.Nod, [][]byte{photo, moved})
		require.NoError(t, err)
		require.Empty(t, reason, "the frames alone look like a nod")
		for _, copied := range [][]byte{photo, moved, encoded(t, photo, image.Point{}, 45)} {
			reason, score, err := vision.Compare(photo, copied)
			require.NoError(t, err)
			require.Equal(t, vision.PhotoOfPhoto, reason)
			require.Greater(t, score, 0.9)
		}
	}
}

// encoded is a picture moved, and encoded anew.
func encoded(t *testing.T, content []byte, by image.Point, quality int) []byte {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(content))
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, redrawn(img, by, 1), &jpeg.Options{Quality: quality}))
	return b.Bytes()
}
