package core

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiterSize bounds the memory that strangers can make us use.
const limiterSize = 20_000

// Limiter gives each key a rate of its own. It is of this process: it keeps one caller from causing much work, and
// counts nothing that has to be exact.
type Limiter struct {
	mu   sync.Mutex
	keys map[string]*rate.Limiter
}

// NewLimiter has seen no key yet.
func NewLimiter() *Limiter { return &Limiter{keys: map[string]*rate.Limiter{}} }

// Allow tells whether a key may do something once more that it may do so often within a time, all at once or not.
func (l *Limiter) Allow(key string, times int, within time.Duration, now time.Time) bool {
	return l.allow(key, rate.Limit(float64(times)/within.Seconds()), times, now)
}

// allowPerSecond is the same by the second; 10 seconds' worth may come at once.
func (l *Limiter) allowPerSecond(key string, perSecond float64, now time.Time) bool {
	return l.allow(key, rate.Limit(perSecond), max(1, int(10*perSecond)), now)
}

func (l *Limiter) allow(key string, often rate.Limit, burst int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket, found := l.keys[key]
	if !found {
		if len(l.keys) >= limiterSize {
			l.forget(now)
		}
		bucket = rate.NewLimiter(often, burst)
		l.keys[key] = bucket
	}
	return bucket.AllowN(now, 1)
}

// forget drops keys that have all their tokens again, for they are as good as new; if there are none, all of them.
func (l *Limiter) forget(now time.Time) {
	for key, bucket := range l.keys {
		if bucket.TokensAt(now) >= float64(bucket.Burst()) {
			delete(l.keys, key)
		}
	}
	if len(l.keys) >= limiterSize {
		clear(l.keys)
	}
}
