package api

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// hold takes a place for somebody until let is called; it answers when the place is taken.
func hold(t *testing.T, l *looking, who campus.Actor) (let func()) {
	t.Helper()
	began, end, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- l.while(t.Context(), who, time.Minute, func(context.Context) error {
			close(began)
			<-end
			return nil
		})
	}()
	<-began
	return func() {
		close(end)
		require.NoError(t, <-done)
	}
}

func TestOneSenderLeavesAPlaceToOthers(t *testing.T) {
	t.Parallel()
	l := newLooking()
	many, other := campus.Student(uuid.New()), campus.Student(uuid.New())
	let := hold(t, l, many)
	waited, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := l.while(waited, many, time.Minute, func(context.Context) error { panic("the sender has a place already") })
	require.Equal(t, "uploads_busy", campus.ReasonOf(err))
	hold(t, l, other)()
	let()
	require.Empty(t, l.turns, "nothing is kept of who has no file here")
}

func TestALookEndsWithItsLimitAndItsSender(t *testing.T) {
	t.Parallel()
	l, who := newLooking(), campus.Student(uuid.New())
	endless := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	require.Equal(t, "file_laborious", campus.ReasonOf(l.while(t.Context(), who, time.Millisecond, endless)))
	gone, leave := context.WithCancel(t.Context())
	leave()
	require.ErrorIs(t, l.while(gone, who, time.Minute, endless), context.Canceled)
	hold(t, l, who)()
	hold(t, l, campus.Student(uuid.New()))()
	require.Empty(t, l.places, "the places are free again")
}

// A decoder comes back for more often enough to notice that nobody waits any more.
func TestDecodingHeedsItsContext(t *testing.T) {
	t.Parallel()
	s := &Server{looking: newLooking()}
	content := storagetest.LaboriousJPEG(4000, 4000, 10_000)
	began := time.Now()
	policy := campus.UploadPolicy{LookTime: campus.Duration(50 * time.Millisecond)}
	err := s.decode(t.Context(), policy, formats()[0], content)
	require.Equal(t, "file_laborious", campus.ReasonOf(err), "it would take minutes")
	require.Less(t, time.Since(began), 5*time.Second)
	gone, leave := context.WithCancel(t.Context())
	leave()
	policy.LookTime = campus.Duration(time.Hour)
	require.ErrorIs(t, s.decode(gone, policy, formats()[0], content), context.Canceled)
	require.Empty(t, s.looking.places)
}

func TestScansAreCounted(t *testing.T) {
	t.Parallel()
	const head, scan = "\xff\xd8", "\xff\xda\x00\x03\x00ab\xff\x00c"
	for name, c := range map[string]struct {
		content string
		want    int
	}{
		"none":                                {head + "\xff\xd9", 0},
		"one":                                 {head + scan + "\xff\xd9", 1},
		"three, with restarts in between":     {head + scan + "\xff\xd0ab\xff\xd7" + scan + "\xff\xff" + scan + "\xff\xd9", 3},
		"not those of a thumbnail":            {head + "\xff\xe1\x00\x0c" + scan + scan + "\xff\xd9", 1},
		"not those behind the end":            {head + scan + "\xff\xd9" + scan + scan, 1},
		"a segment that says it has no bytes": {head + "\xff\xe1\x00\x00" + scan + "\xff\xd9", 1},
		"cut off":                             {head + scan + "\xff\xda", 1},
	} {
		require.Equal(t, c.want, jpegScans([]byte(c.content)), name)
	}
}
