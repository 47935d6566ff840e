package campus

import "time"

// Calendar knows the working days of China: Monday to Friday, without public holidays, with the weekends that are
// worked to make up for them (D2). It is part of the policy, because the State Council announces it year by year.
type Calendar struct {
	// Holidays are days off that would be working days.
	Holidays []Date `yaml:"holidays"`
	// MakeUpDays are weekend days that are worked.
	MakeUpDays []Date `yaml:"make_up_days"`
	// WorkingDay is set by the demo policy only: a working day is then this long, and every day is one.
	WorkingDay Duration `yaml:"working_day"`
}

// IsWorkingDay tells whether d is worked.
func (c Calendar) IsWorkingDay(d Date) bool {
	for _, day := range c.MakeUpDays {
		if day == d {
			return true
		}
	}
	for _, day := range c.Holidays {
		if day == d {
			return false
		}
	}
	return d.Weekday() != time.Saturday && d.Weekday() != time.Sunday
}

// AddWorkingDays is the end of the n-th working day after the day of t; the day of t itself does not count.
// D2: within 3 working days of the activation.
func (c Calendar) AddWorkingDays(t time.Time, n int) time.Time {
	if c.WorkingDay > 0 {
		return t.Add(time.Duration(n) * c.WorkingDay.Std())
	}
	return c.WorkingDayAfter(DateOf(t), n).End()
}

// WorkingDayAfter is the n-th working day after a day, which itself does not count. Always of the real calendar.
func (c Calendar) WorkingDayAfter(day Date, n int) Date {
	for n > 0 {
		day = day.AddDays(1)
		if c.IsWorkingDay(day) {
			n--
		}
	}
	return day
}
