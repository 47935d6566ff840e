package api

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// lookPolicy has a share of 30 seconds in 10 minutes, as the product has.
var lookPolicy = campus.UploadPolicy{
	LookTime:  campus.Duration(time.Minute),
	LookShare: campus.Duration(30 * time.Second), LookWindow: campus.Duration(10 * time.Minute),
}

// handClock is a clock that tests set.
type handClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *handClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *handClock) goes(on time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(on)
}

func lookingBy(clock *handClock) *looking {
	l := newLooking()
	l.now = clock.now
	return l
}

// held is a file of somebody: began is closed when it is being looked at, which it is until let is called.
type held struct {
	began chan struct{}
	let   func()
}

func sendFile(t *testing.T, l *looking, who campus.Actor) held {
	t.Helper()
	began, end, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- l.while(t.Context(), who, lookPolicy, func(context.Context) error {
			close(began)
			<-end
			return nil
		})
	}()
	return held{began, func() {
		close(end)
		require.NoError(t, <-done)
	}}
}

// begins waits until a file is being looked at.
func begins(t *testing.T, file held) {
	t.Helper()
	select {
	case <-file.began:
	case <-time.After(20 * time.Second):
		require.FailNow(t, "the file gets no place")
	}
}

// hold takes a place for somebody until let is called; it answers when the place is taken.
func hold(t *testing.T, l *looking, who campus.Actor) (let func()) {
	t.Helper()
	file := sendFile(t, l, who)
	begins(t, file)
	return file.let
}

// inLine sends a file of somebody for which no place is free, and answers when it waits.
func inLine(t *testing.T, l *looking, who campus.Actor) held {
	t.Helper()
	before := l.lineLength()
	file := sendFile(t, l, who)
	require.Eventually(t, func() bool { return l.lineLength() > before }, 10*time.Second, time.Millisecond)
	return file
}

func (l *looking) lineLength() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

func requireNoOneLooked(t *testing.T, l *looking) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Zero(t, l.atWork)
	require.Empty(t, l.waiting)
}

func TestOneSenderLeavesAPlaceToOthers(t *testing.T) {
	t.Parallel()
	l := newLooking()
	many, other := campus.Student(uuid.New()), campus.Student(uuid.New())
	let := hold(t, l, many)
	waited, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := l.while(waited, many, lookPolicy, func(context.Context) error { panic("the sender has a place already") })
	require.Equal(t, "uploads_busy", campus.ReasonOf(err))
	hold(t, l, other)()
	let()
	requireNoOneLooked(t, l)
}

// Two who keep both places busy with costly files do not come before somebody who has sent nothing yet, however long
// they have waited: that one waits for what is being looked at, and no longer.
func TestWhoHasUsedLeastIsNext(t *testing.T) {
	t.Parallel()
	clock := &handClock{at: time.Now()}
	l := lookingBy(clock)
	first, second, newcomer := campus.Student(uuid.New()), campus.Student(uuid.New()), campus.Student(uuid.New())
	a, b := hold(t, l, first), hold(t, l, second)
	againA, againB := inLine(t, l, first), inLine(t, l, second)
	clock.goes(10 * time.Second)
	a()
	begins(t, againA) // nobody else waits, so the places are theirs
	other := inLine(t, l, newcomer)
	lastA := inLine(t, l, first)
	clock.goes(5 * time.Second)
	b()
	begins(t, other)
	require.Equal(t, 2, l.lineLength(), "both of those who have used a place wait behind the newcomer")
	againA.let()
	begins(t, lastA) // 15 seconds each by now: whose wait is longer does not matter, whose file is at work does
	other.let()
	begins(t, againB)
	lastA.let()
	againB.let()
	requireNoOneLooked(t, l)
}

// Who has used a share is refused until some of it has come back. That is nobody else's loss, and not for staff, who
// hand in files for many people.
func TestAShareOfLookingIsUsedUpAndComesBack(t *testing.T) {
	t.Parallel()
	clock := &handClock{at: time.Now()}
	l := lookingBy(clock)
	student, other, staff := campus.Student(uuid.New()), campus.Student(uuid.New()), campus.Staff(uuid.New())
	use := func(who campus.Actor, long time.Duration) error {
		return l.while(t.Context(), who, lookPolicy, func(context.Context) error {
			clock.goes(long)
			return nil
		})
	}
	for range 3 {
		require.NoError(t, use(student, 11*time.Second))
		require.NoError(t, use(staff, 11*time.Second))
	}
	refused, ok := errors.AsType[*campus.Error](use(student, 0))
	require.True(t, ok)
	require.Equal(t, "uploads_share", refused.Reason)
	require.Equal(t, "60", (&problem{wait: refused.Wait}).GetHeaders().Get("Retry-After"))
	require.NoError(t, use(other, time.Second))
	require.NoError(t, use(staff, time.Second))
	clock.goes(2 * time.Minute)
	require.NoError(t, use(student, 0))

	clock.goes(time.Hour)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget()
	require.Empty(t, l.callers, "nothing is kept of who has all of their share again")
}

// However a look ends, it costs what it took: who sends files that cannot be read pays for them like anybody.
func TestEveryLookCostsItsShare(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(ctx context.Context, leave func()) error{
		"the file is good":   func(context.Context, func()) error { return nil },
		"the file is broken": func(context.Context, func()) error { return unreadable(io.ErrUnexpectedEOF) },
		"the time is over": func(ctx context.Context, _ func()) error {
			<-ctx.Done()
			return ctx.Err()
		},
		"the sender leaves": func(ctx context.Context, leave func()) error {
			leave()
			return ctx.Err()
		},
		"its reader panics": func(context.Context, func()) error { panic("a fault of ours") },
	} {
		clock, who := &handClock{at: time.Now()}, campus.Student(uuid.New())
		l, policy := lookingBy(clock), lookPolicy
		if name == "the time is over" {
			policy.LookTime = campus.Duration(time.Millisecond)
		}
		ctx, leave := context.WithCancel(t.Context())
		look := func() (err error) {
			defer func() { _ = recover() }()
			return l.while(ctx, who, policy, func(ctx context.Context) error {
				clock.goes(30 * time.Second)
				return end(ctx, leave)
			})
		}
		require.NotEqual(t, "uploads_share", campus.ReasonOf(look()), name)
		requireNoOneLooked(t, l)
		require.Equal(t, "uploads_share", campus.ReasonOf(l.while(t.Context(), who, policy, nil)), name)
		leave()
	}
}

// Files of every kind are read inside of the places, the time and the share of their sender.
func TestFilesOfEveryKindAreBounded(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]file{
		"a picture": {purpose: campus.CertificateUpload, content: storagetest.JPEG(64, 48)},
		"a PDF":     {purpose: campus.CertificateUpload, content: storagetest.PDF(t)},
	} {
		clock, nobody := &handClock{at: time.Now()}, campus.Actor{} // outside of a request
		s := &Server{looking: lookingBy(clock)}
		policy := lookPolicy
		policy.MaxBytes, policy.MaxPixels, policy.MaxScans, policy.MaxStreams = 1<<20, 1<<20, 50, 100
		policy.MaxCoefficients, policy.StreamBytes = 1<<20, 1<<20
		inspect := func(ctx context.Context) string {
			_, err := s.inspect(ctx, policy, sent)
			return campus.ReasonOf(err)
		}
		require.Empty(t, inspect(t.Context()), name)

		one, other := hold(t, s.looking, campus.Student(uuid.New())), hold(t, s.looking, campus.Student(uuid.New()))
		waited, leave := context.WithTimeout(t.Context(), time.Millisecond)
		require.Equal(t, "uploads_busy", inspect(waited), "%s waits for a place", name)
		leave()
		one()
		other()

		policy.LookTime = 1 // over before it begins
		require.Equal(t, "file_laborious", inspect(t.Context()), "%s ends with its time", name)
		policy.LookTime = lookPolicy.LookTime
		require.NoError(t, s.looking.while(t.Context(), nobody, policy, func(context.Context) error {
			clock.goes(policy.LookShare.Std())
			return nil
		}))
		require.Equal(t, "uploads_share", inspect(t.Context()), "%s has its sender's share", name)
	}
}

// Callers are remembered up to a number. Whoever waits, is at work, has a file here or has used some of their share is
// not forgotten; all others are.
func TestWhoHasNothingHereIsForgotten(t *testing.T) {
	t.Parallel()
	clock := &handClock{at: time.Now()}
	l := lookingBy(clock)
	worker, other, waiter := campus.Student(uuid.New()), campus.Student(uuid.New()), campus.Student(uuid.New())
	sender, user := campus.Student(uuid.New()), campus.Student(uuid.New())
	require.NoError(t, l.while(t.Context(), user, lookPolicy, func(context.Context) error {
		clock.goes(time.Second)
		return nil
	}))
	work, also := hold(t, l, worker), hold(t, l, other)
	waits := inLine(t, l, waiter)
	file, err := l.enter(sender, lookPolicy)
	require.NoError(t, err)
	remembered := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.callers)
	}
	for range lookersKept {
		passing, err := l.enter(campus.Student(uuid.New()), lookPolicy)
		require.NoError(t, err)
		passing.leave()
		require.LessOrEqual(t, remembered(), lookersKept)
	}
	l.mu.Lock()
	l.forget()
	for who, why := range map[campus.Actor]string{worker: "at work", other: "at work", waiter: "waits", sender: "has a file here",
		user: "has used something"} {
		require.Contains(t, l.callers, who, why)
	}
	require.Len(t, l.callers, 5)
	l.mu.Unlock()
	work()
	begins(t, waits)
	waits.let()
	also()
	file.leave()
	clock.goes(time.Hour)
	l.mu.Lock()
	l.forget()
	require.Empty(t, l.callers)
	l.mu.Unlock()
	requireNoOneLooked(t, l)
}

func TestALookEndsWithItsLimitAndItsSender(t *testing.T) {
	t.Parallel()
	l, who := newLooking(), campus.Student(uuid.New())
	endless := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	short := lookPolicy
	short.LookTime = campus.Duration(time.Millisecond)
	require.Equal(t, "file_laborious", campus.ReasonOf(l.while(t.Context(), who, short, endless)))
	gone, leave := context.WithCancel(t.Context())
	leave()
	require.ErrorIs(t, l.while(gone, who, lookPolicy, endless), context.Canceled)
	hold(t, l, who)()
	hold(t, l, campus.Student(uuid.New()))()
	requireNoOneLooked(t, l)
}

// A decoder comes back for more often enough to notice that nobody waits any more.
func TestDecodingHeedsItsContext(t *testing.T) {
	t.Parallel()
	s := &Server{looking: newLooking()}
	content := storagetest.LaboriousJPEG(4000, 4000, 10_000)
	began := time.Now()
	policy := lookPolicy
	policy.LookTime = campus.Duration(50 * time.Millisecond)
	err := s.decode(t.Context(), policy, formats()[0], content)
	require.Equal(t, "file_laborious", campus.ReasonOf(err), "it would take minutes")
	require.Less(t, time.Since(began), 5*time.Second)
	gone, leave := context.WithCancel(t.Context())
	leave()
	policy.LookTime = campus.Duration(time.Hour)
	require.ErrorIs(t, s.decode(gone, policy, formats()[0], content), context.Canceled)
	requireNoOneLooked(t, s.looking)
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
		require.Equal(t, c.want, jpegWork([]byte(c.content)).scans, name)
	}
}

func TestChunksAreCounted(t *testing.T) {
	t.Parallel()
	const head = "\x89PNG\r\n\x1a\n\x00\x00\x00\x01IHDR.sum."
	const text, pixels, end = "\x00\x00\x00\x03tEXta\x00bsum.", "\x00\x00\x00\x02IDATxxsum.", "\x00\x00\x00\x00IENDsum."
	for name, c := range map[string]struct {
		content string
		want    int
	}{
		"none":                  {"\x89PNG\r\n\x1a\n", 0},
		"the head":              {head + end, 1},
		"not those of pixels":   {head + pixels + pixels + end, 1},
		"texts on both sides":   {head + text + text + pixels + text + end, 4},
		"not behind the end":    {head + end + text, 1},
		"one that is cut off":   {head + text[:9], 2},
		"one beyond the end":    {head + "\xff\xff\xff\xfftEXt" + text, 2},
		"a head that is broken": {head + text[:7], 1},
	} {
		require.Equal(t, c.want, pngWork([]byte(c.content)).chunks, name)
	}
}

// What a progressive picture holds until its end is known from its header: whole blocks, as its components are sampled.
func TestCoefficientsAreCounted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		head []byte
		want int64
	}{
		"grey":                                {storagetest.JPEGHead(0xc2, 17, 9, 0x11), 3 * 2 * 64},
		"grey, whatever its sampling says":    {storagetest.JPEGHead(0xc2, 17, 9, 0x22), 3 * 2 * 64},
		"colours in full (4:4:4)":             {storagetest.JPEGHead(0xc2, 17, 9, 0x11, 0x11, 0x11), 3 * 3 * 2 * 64},
		"colours of a quarter (4:2:0)":        {storagetest.JPEGHead(0xc2, 17, 9, 0x22, 0x11, 0x11), 2 * 1 * 6 * 64},
		"with black":                          {storagetest.JPEGHead(0xc2, 17, 9, 0x22, 0x11, 0x11, 0x22), 2 * 1 * 10 * 64},
		"not progressive, so none is held":    {storagetest.JPEGHead(0xc0, 17, 9, 0x11, 0x11, 0x11), 0},
		"behind what is passed over":          {spoilt(storagetest.JPEGHead(0xc2, 8, 8, 0x11), "x\xff\x00\xff\xd0\xff\xfe\x00\x02\xff"), 64},
		"one in a comment is no frame":        {spoilt(storagetest.JPEGHead(0xc0, 8, 8, 0x11), "\xff\xfe\x00\x0f\xff\xc2\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00"), 0},
		"a header that is too short has none": {[]byte("\xff\xd8\xff\xc2\x00\x04\x08\x00\xff\xd9"), 0},
	} {
		require.Equal(t, c.want, jpegWork(c.head).coefficients, name)
	}
}

// spoilt is a picture with something between its beginning and its first segment.
func spoilt(head []byte, with string) []byte {
	return append(append([]byte("\xff\xd8"), with...), head[2:]...)
}
