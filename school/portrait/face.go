package portrait

import (
	"image"
	"math"
	"math/rand/v2"
)

// pose is how a face stands in a picture: pixels, and factors where 1 is normal.
type pose struct {
	width, height int
	x, y, size    float64 // centre and half width of the face
	eyes          float64 // how far open
	light         float64 // on the person
	backdrop      float64 // luminance behind
	noise         float64 // of the sensor, in luminance
}

// face is what makes an identity look like itself, in units of the half width and half height.
type face struct {
	skin, hair, cloth          float64 // luminance
	hairline, eyeGap, eyeLine  float64
	mouthLine, mouthWide, brow float64
	patches                    [patchRows][patchCols]float64 // lighter and darker places of the skin
}

const (
	patchRows, patchCols = 13, 11
	patchDepth           = 30 // luminance
	aspect               = 1.3
)

func newFace(identity string) face {
	r := seeded(identity, "face")
	between := func(low, high float64) float64 { return low + (high-low)*r.Float64() }
	f := face{
		skin: between(150, 180), hair: between(25, 60), cloth: between(60, 130),
		hairline: between(-0.72, -0.55), eyeGap: between(0.36, 0.46), eyeLine: between(-0.22, -0.12),
		mouthLine: between(0.5, 0.62), mouthWide: between(0.22, 0.36), brow: between(0.13, 0.18),
	}
	for row := range f.patches {
		for col := range f.patches[row] {
			f.patches[row][col] = between(-1, 1)
		}
	}
	return f
}

// colour is luminance and the two colour differences of a pixel, 128 being none.
type colour struct{ y, cb, cr float64 }

// at returns the colour of the person at a place, v downwards; false where the background shows.
func (f *face) at(u, v, eyes float64) (colour, bool) {
	inside := u*u + v*v
	switch {
	case inside <= 1 && v > f.hairline:
		return f.skinAt(u, v, eyes), true
	case v < 0.35 && u*u/1.3+(v+0.12)*(v+0.12)/1.15 <= 1:
		return colour{f.hair, 128, 129}, true
	case inside > 1 && v > 0.75 && math.Abs(u) < 0.5+1.6*(v-0.75):
		return colour{f.cloth, 140, 118}, true
	}
	return colour{}, false
}

func (f *face) skinAt(u, v, eyes float64) colour {
	eu, ev := math.Abs(u)-f.eyeGap, v-f.eyeLine
	open := 0.1 * eyes
	switch {
	case math.Hypot(eu, ev) < min(0.075, open+0.005):
		return colour{25, 128, 128} // pupil
	case eu*eu/(0.18*0.18)+ev*ev/(open*open) < 1:
		return colour{225, 128, 128}
	case math.Abs(eu) < 0.2 && math.Abs(v-f.eyeLine+f.brow) < 0.025:
		return colour{f.hair + 20, 125, 132}
	case math.Abs(u) < 0.03 && v > f.eyeLine+0.1 && v < 0.25:
		return colour{f.skin - 25, 110, 150}
	case u*u/(f.mouthWide*f.mouthWide)+(v-f.mouthLine)*(v-f.mouthLine)/0.0036 < 1:
		return colour{f.skin - 55, 112, 160}
	}
	return colour{f.skin + patchDepth*f.patch(u, v) - 12*(u*u+v*v), 108, 150}
}

// patch interpolates between the four nearest patches, from -1 to 1.
func (f *face) patch(u, v float64) float64 {
	col, row := (u+1)/2*(patchCols-1), (v+1)/2*(patchRows-1)
	c, r := min(int(col), patchCols-2), min(int(row), patchRows-2)
	dc, dr := col-float64(c), row-float64(r)
	top := f.patches[r][c]*(1-dc) + f.patches[r][c+1]*dc
	bottom := f.patches[r+1][c]*(1-dc) + f.patches[r+1][c+1]*dc
	return top*(1-dr) + bottom*dr
}

// paint goes straight into the planes that JPEG keeps, which saves the conversion.
func paint(identity string, p pose, rng *rand.Rand) image.Image {
	f := newFace(identity)
	img := image.NewYCbCr(image.Rect(0, 0, p.width, p.height), image.YCbCrSubsampleRatio420)
	grain := rng.Uint64()
	for y := range p.height {
		v := (float64(y) - p.y) / (p.size * aspect)
		reach := widest(v)
		for x := range p.width {
			u := (float64(x) - p.x) / p.size
			c := colour{p.backdrop + 10*v, 132, 124}
			if math.Abs(u) < reach {
				if on, person := f.at(u, v, p.eyes); person {
					c = colour{on.y * p.light, 128 + (on.cb-128)*p.light, 128 + (on.cr-128)*p.light}
				}
			}
			grain = grain*6364136223846793005 + 1442695040888963407 // a cheap generator: this is the innermost loop
			img.Y[y*img.YStride+x] = clamp(c.y + p.noise*(float64(grain>>40)/(1<<24)-0.5))
			if x%2 == 0 && y%2 == 0 {
				i := (y/2)*img.CStride + x/2
				img.Cb[i], img.Cr[i] = clamp(c.cb), clamp(c.cr)
			}
		}
	}
	return img
}

// widest returns how far from the middle the person reaches in a row.
func widest(v float64) float64 {
	switch {
	case v < -1.25:
		return 0
	case v < 0.75:
		return 1.15
	}
	return max(1, 0.5+1.6*(v-0.75))
}

func clamp(v float64) uint8 { return uint8(max(0, min(255, v))) }
