package portrait

import (
	"image"
	"image/color"
	"image/draw"
	"math"
)

// Certificate returns an upload that looks like an enrolment certificate: a JPEG of 600 x 840 pixels.
func Certificate(identity string) []byte { return Document("certificate", identity) }

// Document returns an upload that looks like a paper of that kind: lines, and a red seal. Nothing on it can be read.
func Document(kind, identity string) []byte {
	const width, height = 600, 840
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(img, img.Bounds(), image.NewUniform(color.RGBA{250, 248, 240, 255}), image.Point{}, draw.Src)
	rng := seeded(identity, "document/"+kind)
	ink := image.NewUniform(color.RGBA{40, 40, 48, 255})
	for y := 90; y < 600; y += 34 {
		for x := 60; x < width-80; {
			word := 20 + rng.IntN(70)
			draw.Draw(img, image.Rect(x, y, min(x+word, width-60), y+14), ink, image.Point{}, draw.Src)
			x += word + 14
		}
	}
	seal(img, 430+rng.IntN(40), 690+rng.IntN(40))
	return encode(img)
}

func seal(img *image.RGBA, x, y int) {
	for dy := -70; dy <= 70; dy++ {
		for dx := -70; dx <= 70; dx++ {
			if r := math.Hypot(float64(dx), float64(dy)); r > 60 && r < 67 || r < 22 {
				img.SetRGBA(x+dx, y+dy, color.RGBA{200, 30, 40, 255})
			}
		}
	}
}
