package story

import (
	"fmt"
	"sync"
	"time"

	"campuscard/campus"
)

// narrator tells one line at a time, whoever it is about.
type narrator struct {
	language campus.Language
	tell     func(line string)
	began    time.Time
	mu       sync.Mutex
}

func newNarrator(language campus.Language, tell func(string)) *narrator {
	return &narrator{language: language, tell: tell, began: time.Now()}
}

// line says what happened to whom at a time, and how long it took from the moment before.
func (n *narrator) line(at, before time.Time, who, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	took := max(0, at.Sub(before)) // an event may be older than what was told while it happened
	n.tell(fmt.Sprintf("%6.1fs  %+5.1fs  %s  %s", at.Sub(n.began).Seconds(), took.Seconds(), who, text))
}

func (n *narrator) text(zh, en string) string {
	if n.language == campus.English {
		return en
	}
	return zh
}
