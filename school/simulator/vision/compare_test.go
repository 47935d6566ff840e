package vision

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/school/portrait"
)

// seen is a decoded picture with its face.
type seen struct {
	*picture
	box
}

func look(t *testing.T, content []byte) seen {
	t.Helper()
	p, err := decode(content)
	require.NoError(t, err)
	b, found := p.find()
	require.True(t, found)
	return seen{p, b}
}

const people, strangers = 15, 60

const margin = 0.012 // between pictures and copies

// A photo and six frames of each: 315 pairs of one person, and 360 of two. The bounds keep both sides well away from
// the threshold.
func TestPeopleAreToldApart(t *testing.T) {
	t.Parallel()
	var photos []seen
	for i := range people + strangers {
		photos = append(photos, look(t, portrait.Photo(fmt.Sprintf("lcu/%d", i))))
	}
	for i := range people {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			requireToldApart(t, i, photos)
		})
	}
}

func requireToldApart(t *testing.T, i int, photos []seen) {
	t.Helper()
	mine := []seen{photos[i]}
	for k, frame := range portrait.Frames(fmt.Sprintf("lcu/%d", i), []string{portrait.Nod, portrait.Blink}[i%2], 6) {
		live := look(t, frame)
		for _, before := range mine {
			require.Greater(t, likeness(before.picture, before.box, live.picture, live.box), same+0.1)
			if before.picture == photos[i].picture {
				require.Less(t, closeness(before.picture, before.box, live.picture, live.box), copied-margin, "it is no copy")
			}
		}
		mine = append(mine, live)
		for step := range 4 {
			other := (i + 1 + 12*k + 3*step) % (people + strangers) // never round to i again: at most 70 on
			score := likeness(photos[other].picture, photos[other].box, live.picture, live.box)
			require.Less(t, score, same-0.1, "like %d", other)
		}
	}
}

// The registry's photo is known again whatever is done to it.
func TestCopiesOfThePhotoAreKnown(t *testing.T) {
	t.Parallel()
	for i := range people {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			photo := portrait.Photo(fmt.Sprintf("lcu/%d", i))
			original := look(t, photo)
			for name, copy := range map[string]sheet{
				"as it is":      {width: 240, height: 320, scale: 1, light: 1, quality: 85},
				"encoded badly": {width: 240, height: 320, scale: 1, light: 1, quality: 35},
				"moved":         {width: 240, height: 320, scale: 1, light: 1, quality: 80, by: image.Pt(5, 25)},
				"enlarged on a camera's picture": {width: 640, height: 480, scale: 1.5, light: 1, quality: 80,
					by: image.Pt(20, 10)},
				"enlarged, darker, to the corner": {width: 640, height: 480, scale: 1.2, light: 0.8, quality: 60,
					by: image.Pt(-20, 30)},
				"made small": {width: 120, height: 160, scale: 0.5, light: 1, quality: 80},
			} {
				made := look(t, copy.of(t, photo))
				require.Greater(t, closeness(original.picture, original.box, made.picture, made.box), copied+margin, name)
			}
		})
	}
}

// sheet is a copy of a picture: scaled about its middle, moved, with its light changed, encoded anew.
type sheet struct {
	width, height int
	by            image.Point
	scale, light  float64
	quality       int
}

func (s sheet) of(t *testing.T, content []byte) []byte {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(content))
	require.NoError(t, err)
	original := image.NewRGBA(img.Bounds()) // in which colours are read off quickly
	draw.Draw(original, original.Rect, img, original.Rect.Min, draw.Src)
	out := image.NewRGBA(image.Rect(0, 0, s.width, s.height))
	const grain = 2 // samples along each side of a pixel
	for y := range s.height {
		for x := range s.width {
			var sum [3]float64
			for k := range grain * grain {
				fx, fy := float64(x)+float64(k%grain)/grain, float64(y)+float64(k/grain)/grain
				r, g, b := s.source(original, fx, fy)
				sum[0], sum[1], sum[2] = sum[0]+r, sum[1]+g, sum[2]+b
			}
			shade := func(v float64) uint8 { return uint8(min(255, v/grain/grain*s.light)) }
			out.SetRGBA(x, y, color.RGBA{shade(sum[0]), shade(sum[1]), shade(sum[2]), 255})
		}
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, out, &jpeg.Options{Quality: s.quality}))
	return b.Bytes()
}

// source is the colour that comes to a place of the sheet; what is beyond the picture has the colour of its corner.
func (s sheet) source(img *image.RGBA, x, y float64) (r, g, b float64) {
	bounds := img.Bounds()
	at := image.Pt(
		int((x-float64(s.width)/2-float64(s.by.X))/s.scale+float64(bounds.Dx())/2),
		int((y-float64(s.height)/2-float64(s.by.Y))/s.scale+float64(bounds.Dy())/2))
	if !at.In(bounds) {
		at = image.Pt(2, 2)
	}
	c := img.RGBAAt(at.X, at.Y)
	return float64(c.R), float64(c.G), float64(c.B)
}
