package files

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// lookPolicy has a share of 30 seconds in 10 minutes, as the product has.
var lookPolicy = campus.UploadPolicy{
	LookTime:  campus.Duration(time.Minute),
	PDFMemory: 64 << 30,
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

func lookingBy(clock *handClock) *Looking {
	l := NewLooking(nil, slog.New(slog.DiscardHandler))
	l.now = clock.now
	return l
}

// held is a file of somebody: began is closed when it is being looked at, which it is until let is called.
type held struct {
	began chan struct{}
	let   func()
}

func sendFile(t *testing.T, l *Looking, who campus.Actor) held {
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
func hold(t *testing.T, l *Looking, who campus.Actor) (let func()) {
	t.Helper()
	file := sendFile(t, l, who)
	begins(t, file)
	return file.let
}

// inLine sends a file of somebody for which no place is free, and answers when it waits.
func inLine(t *testing.T, l *Looking, who campus.Actor) held {
	t.Helper()
	before := l.lineLength()
	file := sendFile(t, l, who)
	require.Eventually(t, func() bool { return l.lineLength() > before }, time.Minute, time.Millisecond)
	return file
}

func (l *Looking) lineLength() int {
	l.Mu.Lock()
	defer l.Mu.Unlock()
	return len(l.waiting)
}

func requireNoOneLooked(t *testing.T, l *Looking) {
	t.Helper()
	l.Mu.Lock()
	defer l.Mu.Unlock()
	require.Zero(t, l.atWork)
	require.Empty(t, l.waiting)
}

func TestOneSenderLeavesAPlaceToOthers(t *testing.T) {
	t.Parallel()
	l := NewLooking(nil, slog.New(slog.DiscardHandler))
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
	require.Equal(t, time.Minute, refused.Wait)
	require.NoError(t, use(other, time.Second))
	require.NoError(t, use(staff, time.Second))
	clock.goes(2 * time.Minute)
	require.NoError(t, use(student, 0))

	clock.goes(time.Hour)
	l.Mu.Lock()
	defer l.Mu.Unlock()
	l.forget()
	require.Empty(t, l.Callers, "nothing is kept of who has all of their share again")
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
	file, err := l.Enter(sender, lookPolicy)
	require.NoError(t, err)
	remembered := func() int {
		l.Mu.Lock()
		defer l.Mu.Unlock()
		return len(l.Callers)
	}
	for range lookersKept {
		passing, err := l.Enter(campus.Student(uuid.New()), lookPolicy)
		require.NoError(t, err)
		passing.Leave()
		require.LessOrEqual(t, remembered(), lookersKept)
	}
	l.Mu.Lock()
	l.forget()
	for who, why := range map[campus.Actor]string{worker: "at work", other: "at work", waiter: "waits",
		sender: "has a file here",
		user:   "has used something"} {
		require.Contains(t, l.Callers, who, why)
	}
	require.Len(t, l.Callers, 5)
	l.Mu.Unlock()
	work()
	begins(t, waits)
	waits.let()
	also()
	file.Leave()
	clock.goes(time.Hour)
	l.Mu.Lock()
	l.forget()
	require.Empty(t, l.Callers)
	l.Mu.Unlock()
	requireNoOneLooked(t, l)
}

func TestALookEndsWithItsLimitAndItsSender(t *testing.T) {
	t.Parallel()
	l, who := NewLooking(nil, slog.New(slog.DiscardHandler)), campus.Student(uuid.New())
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
