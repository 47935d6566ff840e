package vision

import (
	"fmt"
	"testing"

	"campuscard/school/portrait"

	"github.com/stretchr/testify/require"
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

// A photo and six frames of each: 315 pairs of one person, and 360 of two. The bounds keep both sides well away from the
// threshold.
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
		}
		mine = append(mine, live)
		for step := range 4 {
			other := (i + 1 + 12*k + 3*step) % (people + strangers) // never round to i again: at most 70 on
			score := likeness(photos[other].picture, photos[other].box, live.picture, live.box)
			require.Less(t, score, same-0.1, "like %d", other)
		}
	}
}
