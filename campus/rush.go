package campus

import "time"

// RushPolicy holds the numbers of the line in which applications wait for their workflow (C5).
type RushPolicy struct {
	StartsPerSecond float64  `yaml:"starts_per_second"`
	Pressing        int      `yaml:"pressing"` // 0: never
	PressedStarts   float64  `yaml:"pressed_starts_per_second"`
	Backlog         int      `yaml:"backlog"`
	Near            Duration `yaml:"near"`
	HeadStart       Duration `yaml:"head_start"`
}

func (p RushPolicy) check() error {
	switch {
	case p.StartsPerSecond <= 0:
		return Errorf(Invalid, "", "policy rush.starts_per_second must be more than nothing")
	case p.Pressing < 0:
		return Errorf(Invalid, "", "policy rush.pressing must not be negative")
	case p.Pressing > 0 && (p.PressedStarts <= 0 || p.PressedStarts > p.StartsPerSecond):
		return Errorf(Invalid, "",
			"policy rush.pressed_starts_per_second must be more than nothing and no more than starts_per_second")
	case p.Backlog < 1:
		return Errorf(Invalid, "", "policy rush.backlog must be at least 1")
	case p.Near < 0 || p.HeadStart < 0:
		return Errorf(Invalid, "", "policy rush.near and rush.head_start must not be negative")
	}
	return nil
}

// Place returns where an application that is accepted now stands: behind all that came before. An application whose
// deadline is near goes ahead of those that came at most a head start earlier, so that nobody who waits is overtaken
// for ever.
func (p RushPolicy) Place(now time.Time, deadline Date) time.Time {
	if deadline.IsZero() {
		return now
	}
	left := deadline.Start().Sub(now)
	if left < 0 || left > p.Near.Std() {
		return now
	}
	return now.Add(-p.HeadStart.Std())
}

// LinePlace is where an application stands in the line.
type LinePlace struct {
	Position  int       // in the line of its university; 1 is the next
	Estimated time.Time // when its workflow begins; zero while nobody can say
}
