package core

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiterSize bounds the memory that strangers can make us use.
const limiterSize = 20_000

// limiter gives each key a rate of its own, and 10 seconds' worth of it at once.
type limiter struct {
	perSecond float64
	mu        sync.Mutex
	keys      map[string]*rate.Limiter
}

func newLimiter(perSecond float64) *limiter {
	return &limiter{perSecond: perSecond, keys: map[string]*rate.Limiter{}}
}

func (l *limiter) allow(key string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket, found := l.keys[key]
	if !found {
		if len(l.keys) >= limiterSize {
			l.forget(now)
		}
		bucket = rate.NewLimiter(rate.Limit(l.perSecond), max(1, int(10*l.perSecond)))
		l.keys[key] = bucket
	}
	return bucket.AllowN(now, 1)
}

// forget drops keys that have all their tokens again, for they are as good as new; if there are none, all of them.
func (l *limiter) forget(now time.Time) {
	for key, bucket := range l.keys {
		if bucket.TokensAt(now) >= float64(bucket.Burst()) {
			delete(l.keys, key)
		}
	}
	if len(l.keys) >= limiterSize {
		clear(l.keys)
	}
}
