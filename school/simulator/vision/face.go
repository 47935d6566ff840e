package vision

// box is where a face is, in scaled pixels.
type box struct{ left, top, right, bottom float64 }

func (b box) width() float64  { return b.right - b.left }
func (b box) height() float64 { return b.bottom - b.top }
func (b box) centre() (x, y float64) {
	return (b.left + b.right) / 2, (b.top + b.bottom) / 2
}

// at returns the picture's luminance at a place of the face, -1 to 1 in both directions, between the nearest pixels.
func (p *picture) at(b box, u, v float64) float64 {
	cx, cy := b.centre()
	x := max(0, min(cx+u*b.width()/2, float64(p.width-1)-0.001))
	y := max(0, min(cy+v*b.height()/2, float64(p.height-1)-0.001))
	x0, y0 := int(x), int(y)
	dx, dy := x-float64(x0), y-float64(y0)
	i := y0*p.width + x0
	top := float64(p.y[i])*(1-dx) + float64(p.y[i+1])*dx
	bottom := float64(p.y[i+p.width])*(1-dx) + float64(p.y[i+p.width+1])*dx
	return top*(1-dy) + bottom*dy
}

// skin returns the usual range of skin in the colour differences; it holds for light and dark skin.
func (p *picture) skin(i int) bool {
	return p.cb[i] >= 77 && p.cb[i] <= 122 && p.cr[i] >= 136 && p.cr[i] <= 173
}

// find returns where the skin is: the box that leaves a fiftieth of it out on each side. False if there is next to
// none.
func (p *picture) find() (box, bool) {
	columns, rows := make([]int, p.width), make([]int, p.height)
	total := 0
	for y := range p.height {
		for x := range p.width {
			if p.skin(y*p.width + x) {
				columns[x]++
				rows[y]++
				total++
			}
		}
	}
	if total < p.width*p.height/50 {
		return box{}, false
	}
	left, right := middle(columns, total)
	top, bottom := middle(rows, total)
	return box{left, top, right, bottom}, true
}

// middle returns where a fiftieth of the total lies below, and above.
func middle(counts []int, total int) (from, to float64) {
	share := float64(total) / 50
	return quantile(counts, share), quantile(counts, float64(total)-share)
}

// quantile returns the place up to which the counts sum to want, between two pixels.
func quantile(counts []int, want float64) float64 {
	sum := 0.0
	for i, n := range counts {
		if n > 0 && sum+float64(n) >= want {
			return float64(i) + (want-sum)/float64(n) - 0.5
		}
		sum += float64(n)
	}
	return float64(len(counts) - 1)
}

// cut tells whether the face goes beyond the picture: skin along one of the sides.
func (p *picture) cut() bool {
	along := func(n int, at func(i int) int) bool {
		count := 0
		for i := range n {
			if p.skin(at(i)) {
				count++
			}
		}
		return count > n/20
	}
	last := p.width - 1
	return along(p.height, func(i int) int { return i * p.width }) ||
		along(p.height, func(i int) int { return i*p.width + last }) ||
		along(p.width, func(i int) int { return i }) ||
		along(p.width, func(i int) int { return (p.height-1)*p.width + i })
}
