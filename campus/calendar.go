package campus

import (
	"slices"
	"time"
)

// Calendar knows the working days of China: Monday to Friday, without public holidays, with the weekends that are
// worked to make up for them (D2). It is part of the policy, because the State Council announces it year by year.
type Calendar struct {
	// Holidays are days off that would be working days.
	Holidays []Date `yaml:"holidays"`
	// MakeUpDays are weekend days that are worked.
	MakeUpDays []Date `yaml:"make_up_days"`
	// Announced are the years whose days are all here, as the State Council has announced them. Of the others only
	// those are that the law fixes.
	Announced []int `yaml:"announced"`
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

// AddWorkingDays returns the end of the n-th working day after the day of t; the day of t itself does not count.
// D2: within 3 working days of the activation.
func (c Calendar) AddWorkingDays(t time.Time, n int) time.Time {
	if c.WorkingDay > 0 {
		return t.Add(time.Duration(n) * c.WorkingDay.Std())
	}
	return c.WorkingDayAfter(DateOf(t), n).End()
}

// WorkingDayAfter returns the n-th working day after a day, which itself does not count. Always of the real calendar.
func (c Calendar) WorkingDayAfter(day Date, n int) Date {
	for n > 0 {
		day = day.AddDays(1)
		if c.IsWorkingDay(day) {
			n--
		}
	}
	return day
}

// NotAnnounced returns the first year, of the days after one day up to another, whose holidays are not announced; 0
// when all are. A date that was counted over these days is an estimate.
func (c Calendar) NotAnnounced(after, until Date) int {
	for year := after.AddDays(1).Year; year <= until.Year; year++ {
		if !slices.Contains(c.Announced, year) {
			return year
		}
	}
	return 0
}

// Estimated returns the year whose holidays are not announced, so that a day promised by AddWorkingDays is an estimate;
// 0 when the day is certain.
func (c Calendar) Estimated(promised Date) int {
	if c.WorkingDay > 0 {
		return 0
	}
	return c.NotAnnounced(promised.AddDays(-1), promised)
}

// EstimatedDue is Estimated for a moment that was counted in working days; 0 also when there is no such moment.
func (c Calendar) EstimatedDue(due *time.Time) int {
	if due == nil {
		return 0
	}
	return c.Estimated(DateOf(due.Add(-time.Nanosecond)))
}

func (c Calendar) check() error {
	for _, day := range c.MakeUpDays {
		if slices.Contains(c.Holidays, day) {
			return Errorf(Invalid, "", "policy calendar: %s is a holiday and a make-up day", day)
		}
		if day.Weekday() != time.Saturday && day.Weekday() != time.Sunday {
			return Errorf(Invalid, "", "policy calendar: the make-up day %s is no day of a weekend", day)
		}
	}
	for _, year := range c.Announced { // National Day never is without
		if !slices.ContainsFunc(c.Holidays, func(day Date) bool { return day.Year == year }) {
			return Errorf(Invalid, "", "policy calendar: %d is announced, and has no holidays", year)
		}
	}
	return nil
}

// NotAnnounced returns the years of the next days whose holidays are not known, over all calendars that count real
// working days.
func (p *Policies) NotAnnounced(today Date, ahead time.Duration) []int {
	var years []int
	for _, calendar := range p.calendars() {
		for year := today.Year; year <= DateOf(today.Start().Add(ahead)).Year; year++ {
			if !slices.Contains(calendar.Announced, year) && calendar.WorkingDay == 0 && !slices.Contains(years, year) {
				years = append(years, year)
			}
		}
	}
	slices.Sort(years)
	return years
}

// CountRealDays tells whether the cards of any university are promised in real working days, so that it matters which
// holidays are known. Only under the demo policy they are not.
func (p *Policies) CountRealDays() bool {
	return slices.ContainsFunc(p.calendars(), func(c Calendar) bool { return c.WorkingDay == 0 })
}

func (p *Policies) calendars() []Calendar {
	all := []Calendar{p.common.Calendar}
	for _, special := range p.special {
		all = append(all, special.Calendar)
	}
	return all
}
