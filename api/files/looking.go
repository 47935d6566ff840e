// Package files takes the files that people hand in, and looks at them within bounds of time, memory and places.
package files

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"campuscard/campus"
)

const (
	// looksAtOnce bounds the memory: a picture of the largest size takes up to 400 MB while it is decoded.
	looksAtOnce = 2
	// fileAfter is what who has too many files here is told to wait: one of them is looked at meanwhile.
	fileAfter = 5 * time.Second
	// shareAfter is what who has used up their share is told to wait: it comes back slowly.
	shareAfter = time.Minute
	// lookersKept is how many callers are remembered before those are forgotten who have all their share again.
	lookersKept = 1000
)

// Looking gives out the places where files are looked at. Each caller has one place at a time. A place that comes free
// goes to the caller who has used least, so that nobody waits behind those who keep the places busy, however many of
// them there are; and who has used a whole share is refused until some of it has come back.
type Looking struct {
	now       func() time.Time
	pdfReader []string // what InspectPDFCommand is given to; empty: this program
	log       *slog.Logger

	Mu      sync.Mutex
	atWork  int
	Room    int64 // for bodies: see inhand.go
	Bytes   int64 // of it, that are taken
	Callers map[campus.Actor]*looker
	waiting []*waitingLook // the first one has waited longest
}

// looker is a caller, with how long files of theirs were looked at lately.
type looker struct {
	share  lookShare
	InHand int   // files that arrive, wait or are looked at
	Bytes  int64 // that have arrived of them
	atWork bool
	used   time.Duration // at the moment below; it wears off
	at     time.Time
}

type waitingLook struct {
	whose   campus.Actor
	granted chan struct{}
}

// lookShare says for how long files of one caller may be looked at within a while.
type lookShare struct{ time, within time.Duration }

// NewLooking makes the places at which files are looked at. pdfReader is what InspectPDFCommand is given to; empty:
// this program.
func NewLooking(pdfReader []string, log *slog.Logger) *Looking {
	return &Looking{now: time.Now, pdfReader: pdfReader, log: log, Room: bytesOfAll, Callers: map[campus.Actor]*looker{}}
}

func shareOf(policy campus.UploadPolicy) lookShare {
	return lookShare{policy.LookShare.Std(), policy.LookWindow.Std()}
}

// shareIsUsed tells whether somebody has to wait until some of their share has come back. Members of staff hand in
// files for many people and have no share that could be used up. The lock is held.
func (l *Looking) shareIsUsed(whose campus.Actor, who *looker) bool {
	return whose.Kind != campus.StaffActor && l.used(who) >= who.share.time
}

func shareUsed() error {
	return campus.Errorf(campus.TooMany, "uploads_share",
		"the caller's files have taken too long lately").After(shareAfter)
}

func tooManyFiles() error {
	return campus.Errorf(campus.Unavailable, "uploads_busy", "too many files at once")
}

// while looks at a file of somebody, for as long as the policy says. The context of look ends with that limit or with
// the request, and the place is free again as soon as look has heeded it. TooMany: uploads_share. Unavailable:
// uploads_busy. Invalid: file_laborious.
func (l *Looking) while(ctx context.Context, whose campus.Actor, policy campus.UploadPolicy,
	look func(context.Context) error) error {
	if err := l.take(ctx, whose, shareOf(policy)); err != nil {
		return err
	}
	began := l.now()
	defer func() { l.giveBack(whose, l.now().Sub(began)) }()
	limited, cancel := context.WithTimeout(ctx, policy.LookTime.Std())
	defer cancel()
	err := look(limited)
	switch {
	case err == nil || limited.Err() == nil:
		return err
	case ctx.Err() != nil:
		return notLooked(ctx)
	}
	return tooLaborious()
}

// notLooked tells a sender who has left from one for whom no place came free in time.
func notLooked(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return tooManyFiles()
}

// take waits for a place.
func (l *Looking) take(ctx context.Context, whose campus.Actor, share lookShare) error {
	l.Mu.Lock()
	mine := l.caller(whose, share)
	if l.shareIsUsed(whose, mine) {
		l.Mu.Unlock()
		return shareUsed()
	}
	wait := &waitingLook{whose: whose, granted: make(chan struct{})}
	l.waiting = append(l.waiting, wait)
	l.grant()
	l.Mu.Unlock()
	select {
	case <-wait.granted:
		return nil
	case <-ctx.Done():
	}
	l.Mu.Lock()
	defer l.Mu.Unlock()
	select {
	case <-wait.granted: // at the last moment: somebody else can have it
		l.release(whose)
	default:
		l.waiting = slices.DeleteFunc(l.waiting, func(w *waitingLook) bool { return w == wait })
	}
	return notLooked(ctx)
}

// giveBack notes for how long a file was looked at, and gives the place to the next.
func (l *Looking) giveBack(whose campus.Actor, took time.Duration) {
	l.Mu.Lock()
	defer l.Mu.Unlock()
	mine := l.Callers[whose]
	mine.used, mine.at = l.used(mine)+took, l.now()
	l.release(whose)
}

// release frees the place of a caller. The lock is held.
func (l *Looking) release(whose campus.Actor) {
	l.Callers[whose].atWork = false
	l.atWork--
	l.grant()
}

// grant gives the places that are free to those who wait and have used least; of those alike to whoever came first. The
// lock is held.
func (l *Looking) grant() {
	for l.atWork < looksAtOnce {
		next := -1
		for i, w := range l.waiting {
			if l.Callers[w.whose].atWork {
				continue
			}
			if next < 0 || l.used(l.Callers[w.whose]) < l.used(l.Callers[l.waiting[next].whose]) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		chosen := l.waiting[next]
		l.waiting = slices.Delete(l.waiting, next, next+1)
		l.Callers[chosen.whose].atWork = true
		l.atWork++
		close(chosen.granted)
	}
}

// used returns how much of their share somebody has used by now. It comes back evenly, the whole share within its time.
func (l *Looking) used(who *looker) time.Duration {
	if who.used == 0 {
		return 0
	}
	back := float64(who.share.time) * float64(l.now().Sub(who.at)) / float64(who.share.within)
	return max(0, who.used-time.Duration(back))
}

// caller finds what is known of a caller. The lock is held.
func (l *Looking) caller(whose campus.Actor, share lookShare) *looker {
	if len(l.Callers) >= lookersKept {
		l.forget()
	}
	if _, found := l.Callers[whose]; !found {
		l.Callers[whose] = &looker{share: share}
	}
	return l.Callers[whose]
}

// forget drops callers who have no file here and have all their share again. The lock is held.
func (l *Looking) forget() {
	waits := map[campus.Actor]bool{}
	for _, w := range l.waiting {
		waits[w.whose] = true
	}
	for whose, known := range l.Callers {
		if !known.atWork && !waits[whose] && known.InHand == 0 && l.used(known) == 0 {
			delete(l.Callers, whose)
		}
	}
}

func tooLaborious() error {
	return fileError(campus.Invalid, "file_laborious", "the file takes too much work to read")
}

func fileError(code campus.Code, reason, message string) error {
	return &campus.Error{Code: code, Reason: reason, Field: "file", Message: message}
}
