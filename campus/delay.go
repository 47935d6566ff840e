package campus

import (
	"math"
	"time"
)

// DelayPolicy says how long the next entry has to wait after wrong ones. Nobody is locked out by it: the wait has an
// end, and what is wrong is forgotten by and by.
type DelayPolicy struct {
	Free   int      `yaml:"free"`   // so many wrong entries are looked at without a wait
	First  Duration `yaml:"first"`  // the wait after that; each further wrong entry doubles it
	Most   Duration `yaml:"most"`   // the longest wait
	Forget Duration `yaml:"forget"` // one wrong entry is forgotten each time this has passed
}

// EntryDelays are the delays by what an entry is counted on.
type EntryDelays struct {
	Pair    DelayPolicy `yaml:"pair"`    // an account from one address
	Account DelayPolicy `yaml:"account"` // an account from all addresses
	Address DelayPolicy `yaml:"address"` // an address, whatever the account
}

// Remaining returns how many wrong entries are left of a level after a time.
func (p DelayPolicy) Remaining(level float64, passed time.Duration) float64 {
	return max(0, level-max(0, passed.Seconds())/p.Forget.Std().Seconds())
}

// Add counts one more wrong entry. Beyond the longest wait nothing grows, so that what is left over is forgotten soon.
func (p DelayPolicy) Add(level float64) float64 {
	doublings := math.Ceil(math.Log2(p.Most.Std().Seconds() / p.First.Std().Seconds()))
	return min(level+1, float64(p.Free)+doublings)
}

// Wait returns how long the next entry waits after so many wrong ones. A part of one counts as a whole: otherwise those
// that come a moment after each other would never add up to the full number.
func (p DelayPolicy) Wait(level float64) time.Duration {
	over := int(math.Ceil(level)) - p.Free
	if over < 0 {
		return 0
	}
	return min(p.Most.Std(), p.First.Std()<<min(over, 12))
}

func (p DelayPolicy) check(name string) error {
	if p.Free < 1 || p.First < Duration(time.Second) || p.Most < p.First || p.Most > Duration(time.Hour) || p.Forget <= 0 {
		return Errorf(Invalid, "", "policy sign_in.%s: at least one free entry, a first wait of a second or more, "+
			"a longest of at most an hour, and a time to forget", name)
	}
	return nil
}
