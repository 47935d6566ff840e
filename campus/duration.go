package campus

import (
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration written in the policy as "36h", "90s" or "30d"; a day is 24 hours.
type Duration time.Duration

// Std returns the duration as the standard library's.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// UnmarshalText reads a duration; "d" stands for 24 hours.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if days, found := strings.CutSuffix(s, "d"); found {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil {
			return Errorf(Invalid, "", "%q is not a number of days", s)
		}
		*d = Duration(n * 24 * float64(time.Hour))
		return nil
	}
	std, err := time.ParseDuration(s)
	if err != nil {
		return Errorf(Invalid, "", "%q is not a duration", s)
	}
	*d = Duration(std)
	return nil
}

// MarshalText writes the duration so that UnmarshalText reads it back.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.Std().String()), nil }
