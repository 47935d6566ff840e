package money

import "sync"

// known is what this process has read lately of things that never change: the keys of phones, whose a chip is. Whether
// they still pay says the account's row, in the statement of the payment.
type known[K comparable, V any] struct {
	mu   sync.RWMutex
	rows map[K]V
}

// knownKept is how many are kept: those of all who eat lunch at a university.
const knownKept = 100_000

// find answers what is known, or reads it. What is not there is looked for again the next time.
func (k *known[K, V]) find(key K, read func() (V, error)) (V, error) {
	k.mu.RLock()
	row, found := k.rows[key]
	k.mu.RUnlock()
	if found {
		return row, nil
	}
	row, err := read()
	if err != nil {
		return row, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.rows == nil {
		k.rows = map[K]V{}
	}
	for old := range k.rows { // some go, in no order, to make room
		if len(k.rows) < knownKept {
			break
		}
		delete(k.rows, old)
	}
	k.rows[key] = row
	return row, nil
}
