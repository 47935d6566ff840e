package vision

import "math"

// Why frames fail.
const (
	ActionNotAsAsked = "action_not_as_asked"
	TooDark          = "too_dark"
	AgainstTheLight  = "against_the_light"
	OutsideFrame     = "outside_frame"
)

// Luminances, of 255.
const (
	darkest  = 50.0  // a picture whose middle is below is too dark
	backlit  = 190.0 // a background above this ...
	contrast = 80.0  // ... and this much above the middle is a light from behind
)

// Movements, in parts of the face or of its brightness.
const (
	nodded = 0.10 // of the face's height, up or down
	closed = 0.5  // of the white that the eyes showed when open
	wink   = 0.01 // least white of open eyes
)

// again is the mean difference of luminance below which two pictures are one, encoded anew. The noise of a camera alone
// makes more: at least 0.58 between frames in one pose, while an encoding of good quality changes less than 0.35.
const again = 0.45

// Liveness judges frames in order: every one must be usable, and together they must show the action. An empty reason
// has passed. The score, 0 to 1, is how clear it was.
func Liveness(action string, frames [][]byte) (reason string, score float64, err error) {
	pictures := make([]*picture, len(frames))
	for i, f := range frames {
		if pictures[i], err = decode(f); err != nil {
			return "", 0, err
		}
	}
	boxes := make([]box, len(pictures))
	for i, p := range pictures {
		if boxes[i], reason = p.usable(); reason != "" {
			return reason, 0, nil
		}
	}
	score = movement(action, pictures, boxes)
	if repeated(pictures) || score < 0.5 {
		return ActionNotAsAsked, min(score, 0.49), nil
	}
	return "", score, nil
}

// repeated tells whether a picture was sent twice; a camera never takes the same one again.
func repeated(pictures []*picture) bool {
	for i, p := range pictures {
		for _, before := range pictures[:i] {
			if p.width == before.width && p.height == before.height && p.difference(before) < again {
				return true
			}
		}
	}
	return false
}

// difference returns the mean difference of luminance of two pictures of one size.
func (p *picture) difference(other *picture) float64 {
	sum := 0.0
	for i := range p.y {
		sum += math.Abs(float64(p.y[i] - other.y[i]))
	}
	return sum / float64(len(p.y))
}

// usable finds the face, or says why nothing can be judged. Light comes first: without it there is no finding a face.
func (p *picture) usable() (box, string) {
	w, h := p.width, p.height
	middle := p.mean(func(x, y int) bool { return x > w/3 && x < w*2/3 && y > h/4 && y < h*3/4 })
	around := p.mean(func(x, y int) bool { return y < h/2 && (x < w/8 || x > w-w/8) || y < h/16 })
	switch {
	case around > backlit && around-middle > contrast:
		return box{}, AgainstTheLight
	case middle < darkest:
		return box{}, TooDark
	}
	b, found := p.find()
	if !found || p.cut() {
		return box{}, OutsideFrame
	}
	return b, ""
}

// movement returns how clearly the frames show the action, 0.5 being just enough.
func movement(action string, pictures []*picture, boxes []box) float64 {
	switch action {
	case "nod":
		return nod(boxes)
	case "blink":
		return blink(pictures, boxes)
	}
	return 0
}

func nod(boxes []box) float64 {
	lowX, highX, lowY, highY := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, b := range boxes {
		x, y := b.centre()
		lowX, highX, lowY, highY = min(lowX, x), max(highX, x), min(lowY, y), max(highY, y)
	}
	if highX-lowX > highY-lowY {
		return 0 // shaken
	}
	return min(1, (highY-lowY)/boxes[0].height()/nodded/2)
}

// blink looks for eyes that were closed and then open.
func blink(pictures []*picture, boxes []box) float64 {
	open := make([]float64, len(pictures))
	widest := 0.0
	for i, p := range pictures {
		open[i] = p.eyes(boxes[i])
		widest = max(widest, open[i])
	}
	if widest < wink {
		return 0
	}
	best, lowest := 0.0, 1.0
	for _, o := range open {
		lowest = min(lowest, o/widest)
		if o/widest > 1-closed/2 { // open again
			best = max(best, 1-lowest)
		}
	}
	return min(1, best/closed/2)
}

// eyes returns how much white of the eyes there is, as a part of the place where eyes are: light, and without colour.
func (p *picture) eyes(b box) float64 {
	_, cy := b.centre()
	top, bottom := int(cy-0.8*b.height()/2), int(cy-0.1*b.height()/2)
	skin := p.mean(func(x, y int) bool {
		return y > top && y < bottom && float64(x) > b.left && float64(x) < b.right && p.skin(y*p.width+x)
	})
	white, all := 0, 0
	for y := max(0, top); y < min(bottom, p.height); y++ {
		for x := max(0, int(b.left+0.15*b.width())); x < min(int(b.right-0.15*b.width()), p.width); x++ {
			i := y*p.width + x
			all++
			if !p.skin(i) && float64(p.y[i]) > 0.8*skin {
				white++
			}
		}
	}
	return float64(white) / float64(max(all, 1))
}
