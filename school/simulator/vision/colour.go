package vision

import (
	"image"
	"image/color"
)

func fromRGBA(img *image.RGBA) *image.YCbCr {
	b := img.Bounds()
	out := image.NewYCbCr(b, image.YCbCrSubsampleRatio444)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			s := img.Pix[img.PixOffset(x, y):]
			i := out.YOffset(x, y) // the same in all three planes
			out.Y[i], out.Cb[i], out.Cr[i] = color.RGBToYCbCr(s[0], s[1], s[2])
		}
	}
	return out
}
