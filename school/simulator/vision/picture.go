// Package vision judges pictures of faces, for the simulated face service: is it alive, and is it the same person.
//
// It looks at pixels only and knows nothing of who is asking; good enough for drawn faces, and for nothing else.
package vision

import (
	"bytes"
	"errors"
	"image"
	"image/draw"
	_ "image/jpeg" // the two formats that are taken
	_ "image/png"
)

// ErrPicture is the error of bytes that are not a picture of a size that is taken.
var ErrPicture = errors.New("not a JPEG or PNG of 64 to 4096 pixels a side")

const (
	maxBytes         = 8 << 20
	minSide, maxSide = 64, 4096
	scaled           = 160 // pixels of the longer side that are left to look at
)

// picture is a scaled-down picture in luminance and colour differences.
type picture struct {
	width, height int
	y, cb, cr     []float32
}

func decode(content []byte) (*picture, error) {
	cfg, _, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil || len(content) > maxBytes || min(cfg.Width, cfg.Height) < minSide ||
		max(cfg.Width, cfg.Height) > maxSide {
		return nil, ErrPicture
	}
	img, _, err := image.Decode(bytes.NewReader(content))
	if err != nil {
		return nil, ErrPicture
	}
	return scale(planes(img)), nil
}

// planes gives the picture as JPEG keeps it; decoded JPEGs are that already.
func planes(img image.Image) *image.YCbCr {
	if p, ok := img.(*image.YCbCr); ok {
		return p
	}
	b := img.Bounds()
	rgba := image.NewRGBA(b)
	draw.Draw(rgba, b, img, b.Min, draw.Src)
	return fromRGBA(rgba)
}

// scale averages blocks of pixels, which also takes most of the noise out.
func scale(img *image.YCbCr) *picture {
	b := img.Bounds()
	longer := max(b.Dx(), b.Dy())
	p := &picture{width: b.Dx() * scaled / longer, height: b.Dy() * scaled / longer}
	n := p.width * p.height
	p.y, p.cb, p.cr = make([]float32, n), make([]float32, n), make([]float32, n)
	for row := range p.height {
		y0, y1 := span(row, p.height, b.Min.Y, b.Dy())
		for col := range p.width {
			x0, x1 := span(col, p.width, b.Min.X, b.Dx())
			i := row*p.width + col
			p.y[i] = average(img, x0, y0, x1, y1)
			// The colours of one pixel are enough: they are smooth, and kept at half the size anyway.
			c := img.COffset((x0+x1)/2, (y0+y1)/2)
			p.cb[i], p.cr[i] = float32(img.Cb[c]), float32(img.Cr[c])
		}
	}
	return p
}

// span returns which of size pixels, from first on, fall on place i of n.
func span(i, n, first, size int) (from, to int) {
	from = i * size / n
	return first + from, first + max(from+1, (i+1)*size/n)
}

func average(img *image.YCbCr, x0, y0, x1, y1 int) float32 {
	var sum uint32
	for y := y0; y < y1; y++ {
		o := img.YOffset(x0, y)
		for _, v := range img.Y[o : o+x1-x0] {
			sum += uint32(v)
		}
	}
	return float32(sum) / float32((x1-x0)*(y1-y0))
}

// mean returns the average luminance of the places that belong.
func (p *picture) mean(belongs func(x, y int) bool) float64 {
	var sum, n float64
	for y := range p.height {
		for x := range p.width {
			if belongs(x, y) {
				sum += float64(p.y[y*p.width+x])
				n++
			}
		}
	}
	return sum / max(n, 1)
}
