package vision

import "math"

// same is the least likeness, 0 to 1, of two pictures of one person.
const same = 0.78

// The grid that faces are compared on, and the luminances of one on it. Eyes and mouth move and look alike on
// everybody, so the grid leaves them out.
const (
	gridRows, gridCols = 30, 24
	shifts             = 2     // how far one grid is moved over the other, in steps
	shift              = 0.035 // of one step, in half faces
)

// Why a live frame does not go with the photo on file.
const (
	Different    = "different"
	PhotoOfPhoto = "photo_of_photo" // it is that photo again, and nobody was in front of the camera
)

// Compare judges whether a live frame shows the person of the photo. An empty reason is that it does. The score is
// their likeness, 0 to 1.
func Compare(photo, live []byte) (reason string, score float64, err error) {
	a, err := decode(photo)
	if err != nil {
		return "", 0, err
	}
	b, err := decode(live)
	if err != nil {
		return "", 0, err
	}
	boxA, okA := a.find()
	boxB, okB := b.find()
	if !okA || !okB {
		return Different, 0, nil
	}
	score = likeness(a, boxA, b, boxB)
	switch {
	case closeness(a, boxA, b, boxB) >= copied:
		return PhotoOfPhoto, score, nil
	case score < same:
		return Different, score, nil
	}
	return "", score, nil
}

// likeness returns the best correlation over small shifts.
func likeness(a *picture, boxA box, b *picture, boxB box) float64 {
	reference := a.grid(boxA, 0, 0)
	return bestShift(func(du, dv float64) float64 { return correlation(reference, b.grid(boxB, du, dv)) })
}

// bestShift returns the highest score over small shifts: the boxes of two faces are some pixels off.
func bestShift(score func(du, dv float64) float64) float64 {
	best := 0.0
	for dy := -shifts; dy <= shifts; dy++ {
		for dx := -shifts; dx <= shifts; dx++ {
			best = max(best, score(float64(dx)*shift, float64(dy)*shift))
		}
	}
	return best
}

func (p *picture) grid(b box, du, dv float64) []float64 {
	g := make([]float64, 0, gridRows*gridCols)
	for row := range gridRows {
		v := -0.9 + 1.8*float64(row)/(gridRows-1)
		for col := range gridCols {
			u := -0.9 + 1.8*float64(col)/(gridCols-1)
			if telling(u, v) {
				g = append(g, p.at(b, u+du, v+dv))
			}
		}
	}
	return g
}

// telling leaves out what is beyond the face, the eyes with the brows, the nose and the mouth.
func telling(u, v float64) bool {
	eyes := v < -0.12 && math.Abs(u) > 0.12 && math.Abs(u) < 0.72
	nose := math.Abs(u) < 0.08 && v < 0.15
	mouth := math.Abs(u) < 0.42 && v > 0.22 && v < 0.68
	return u*u+max(v, 0)*v < 0.75 && !eyes && !nose && !mouth
}

// correlation is blind to brightness and contrast.
func correlation(a, b []float64) float64 {
	n := float64(len(a))
	var sumA, sumB, aa, bb, ab float64
	for i := range a {
		sumA, sumB = sumA+a[i], sumB+b[i]
		aa, bb, ab = aa+a[i]*a[i], bb+b[i]*b[i], ab+a[i]*b[i]
	}
	spread := (aa - sumA*sumA/n) * (bb - sumB*sumB/n)
	if spread <= 0 {
		return 0
	}
	return (ab - sumA*sumB/n) / math.Sqrt(spread)
}
