package people

import (
	"fmt"
	"slices"
	"sync"
)

// SeeHashing notes the work of every password that is hashed or compared from now on. taken answers what was noted
// since it was last called.
func (s *Store) SeeHashing() (taken func() []string) {
	var mu sync.Mutex
	var seen []string
	derive := s.passwords.derive
	s.passwords.derive = func(password, salt []byte, passes, memory uint32, lanes uint8, size uint32) []byte {
		mu.Lock()
		seen = append(seen, fmt.Sprintf("%d passes over %d KiB", passes, memory))
		mu.Unlock()
		return derive(password, salt, passes, memory, lanes, size)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		noted := slices.Clone(seen)
		seen = nil
		return noted
	}
}
