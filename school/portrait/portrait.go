// Package portrait draws synthetic pictures: faces that are nobody's, and papers that say nothing.
//
// Same arguments, same bytes. Nothing here reads a picture; other packages judge it.
package portrait

import (
	"bytes"
	"hash/fnv"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math/rand/v2"
)

// Flaw is something wrong with live frames.
type Flaw string

// The flaws; each but Still has a failure of the liveness check of its own. Still is one picture, repeated.
const (
	NoFlaw          Flaw = ""
	TooDark         Flaw = "too_dark"
	AgainstTheLight Flaw = "against_the_light"
	OutsideFrame    Flaw = "outside_frame"
	Still           Flaw = "still"
)

// The movements of live frames.
const (
	Nod   = "nod"
	Blink = "blink"
)

// Photo returns the registry photo of an identity such as "lcu/2025010001": a JPEG of 240 x 320 pixels before an even
// background.
func Photo(identity string) []byte {
	p := pose{width: 240, height: 320, x: 120, y: 150, size: 62, eyes: 1, light: 1, backdrop: 185, noise: 2}
	return encode(paint(identity, p, seeded(identity, "photo")))
}

// Frames returns n frames (JPEG, 640 x 480) of the person in front of a camera, doing the action, Nod or Blink.
func Frames(identity, action string, n int) [][]byte {
	return FlawedFrames(identity, action, n, NoFlaw)
}

// FlawedFrames returns Frames with something wrong.
func FlawedFrames(identity, action string, n int, flaw Flaw) [][]byte {
	frames := make([][]byte, n)
	rng := seeded(identity, action+"/"+string(flaw))
	start := pose{
		width: 640, height: 480, eyes: 1, light: 0.85 + 0.25*rng.Float64(), backdrop: 120, noise: 6,
		x: 320 + 60*(rng.Float64()-0.5), y: 215 + 20*(rng.Float64()-0.5), size: 92 + 16*rng.Float64(),
	}
	for i := range frames {
		if flaw == Still && i > 0 {
			frames[i] = frames[0]
			continue
		}
		frames[i] = encode(paint(identity, flawed(moved(start, action, i, n), flaw), rng))
	}
	return frames
}

// moved returns the pose in frame i of n. The middle frames hold the end of the movement; of two frames, it is the
// first.
func moved(p pose, action string, i, n int) pose {
	p.x += float64(i%3) - 1 // nobody holds quite still
	there := i > 0 && i < n-1 || n == 2 && i == 0
	switch {
	case there && action == Nod:
		p.y += 0.45 * p.size
	case there && action == Blink:
		p.eyes = 0.06
	}
	return p
}

func flawed(p pose, flaw Flaw) pose {
	switch flaw {
	case TooDark:
		p.light, p.backdrop = 0.16, 20
	case AgainstTheLight:
		p.light, p.backdrop = 0.4, 248
	case OutsideFrame:
		p.x = 0.3 * p.size
	}
	return p
}

// Copies returns n frames that somebody makes of the photo on file who is not in front of the camera: each is the
// photo, a little further down, as in a nod.
func Copies(identity string, n int) [][]byte {
	// Reading what has just been written cannot fail.
	photo, _ := jpeg.Decode(bytes.NewReader(Photo(identity)))
	frames := make([][]byte, n)
	for i := range frames {
		frame := image.NewRGBA(photo.Bounds())
		draw.Draw(frame, frame.Bounds(), image.NewUniform(photo.At(2, 2)), image.Point{}, draw.Src)
		draw.Draw(frame, frame.Bounds().Add(image.Pt(0, i*25)), photo, image.Point{}, draw.Src)
		frames[i] = encode(frame)
	}
	return frames
}

// Encoded returns n frames that are one picture of the person, encoded anew each time.
func Encoded(identity string, n int) [][]byte {
	// Reading what has just been written cannot fail.
	picture, _ := jpeg.Decode(bytes.NewReader(Frames(identity, Nod, 1)[0]))
	frames := make([][]byte, n)
	for i := range frames {
		var b bytes.Buffer
		_ = jpeg.Encode(&b, picture, &jpeg.Options{Quality: 90 - i})
		frames[i] = b.Bytes()
	}
	return frames
}

// Blank returns n frames that show nothing but one shade of grey.
func Blank(grey uint8, n int) [][]byte {
	frames := make([][]byte, n)
	for i := range frames {
		frame := image.NewGray(image.Rect(0, 0, 640, 480+i)) // no two are the same bytes
		draw.Draw(frame, frame.Bounds(), image.NewUniform(color.Gray{Y: grey}), image.Point{}, draw.Src)
		frames[i] = encode(frame)
	}
	return frames
}

func seeded(identity, purpose string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(identity))
	seed := h.Sum64()
	h.Write([]byte("|" + purpose))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

func encode(img image.Image) []byte {
	var b bytes.Buffer
	// Writing into memory cannot fail, and the pictures are far below the format's largest size.
	_ = jpeg.Encode(&b, img, &jpeg.Options{Quality: 85})
	return b.Bytes()
}
