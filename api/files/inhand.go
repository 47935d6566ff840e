package files

import (
	"io"

	"campuscard/campus"
)

const (
	// InHandOfOne is how many files one caller may have here. An application has up to five, and may send them at once.
	InHandOfOne = 6
	// bytesOfAll is how much of bodies all callers together may have here: 40 files of the largest size (10 MiB). Each
	// byte is here up to two and a half times, as it was sent and in the file, so that this is 1 GB at most.
	bytesOfAll = 400 << 20
)

// Turn is one file of a caller: it arrives, waits, or is looked at. The room that others lose by it is what
// has arrived of it, so that a body that brings nothing takes nothing from them, and a slow one little.
type Turn struct {
	of    *Looking
	who   *looker
	whole int64 // the size of the largest file
	bytes int64
}

// Enter lets a file begin to arrive; leave ends that. TooMany: uploads_share, uploads_waiting.
func (l *Looking) Enter(whose campus.Actor, policy campus.UploadPolicy) (*Turn, error) {
	l.Mu.Lock()
	defer l.Mu.Unlock()
	mine := l.caller(whose, shareOf(policy))
	switch {
	case l.shareIsUsed(whose, mine):
		return nil, shareUsed()
	case mine.InHand >= InHandOfOne:
		return nil, campus.Errorf(campus.TooMany, "uploads_waiting", "the caller has %d files here", mine.InHand).
			After(fileAfter)
	}
	mine.InHand++
	return &Turn{of: l, who: mine, whole: policy.MaxBytes + FormSlack}, nil
}

// hold takes room for bytes that have arrived. The first half of the room is for whoever comes; in the second, nobody
// has more than one file, so that it takes many callers to fill it. Unavailable: uploads_busy.
func (t *Turn) hold(n int64) error {
	t.of.Mu.Lock()
	defer t.of.Mu.Unlock()
	all, own := t.of.Bytes+n, t.who.Bytes+n
	if all > t.of.Room || all > t.of.Room/2 && own > t.whole {
		return tooManyFiles()
	}
	t.bytes, t.who.Bytes, t.of.Bytes = t.bytes+n, own, all
	return nil
}

// Leave gives back all that a file has taken.
func (t *Turn) Leave() {
	t.of.Mu.Lock()
	defer t.of.Mu.Unlock()
	t.who.InHand--
	t.who.Bytes -= t.bytes
	t.of.Bytes -= t.bytes
}

// Counts makes a body take room as it comes; one without a turn is no file, and small.
func (t *Turn) Counts(body io.Reader) io.Reader {
	if t == nil {
		return body
	}
	return arriving{body, t}
}

type arriving struct {
	io.Reader
	turn *Turn
}

// Read implements io.Reader.
func (a arriving) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if n == 0 { // one that is at its end wants no more
		return 0, err
	}
	if full := a.turn.hold(int64(n)); full != nil {
		return 0, full
	}
	return n, err
}
