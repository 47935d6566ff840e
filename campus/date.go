package campus

import (
	"database/sql/driver"
	"fmt"
	"time"
	_ "time/tzdata" // the zone must exist on every machine
)

// Shanghai is the time zone of every calendar day and every hour of the day in the product.
var Shanghai = mustZone("Asia/Shanghai")

func mustZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // the zone database is compiled in
	}
	return zone
}

// FirstYear and LastYear are the years in which a day of ours can lie: of a document, an enrolment, a campaign. What
// lies outside of them is a slip or an attack, and Postgres does not take all of what Go takes: its years begin with 1.
const (
	FirstYear = 1900
	LastYear  = 2199
)

// Date is a calendar day in Asia/Shanghai. The zero Date is no date at all.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf returns the day in Shanghai on which t falls.
func DateOf(t time.Time) Date {
	year, month, day := t.In(Shanghai).Date()
	return Date{year, month, day}
}

// ParseDate reads "2006-01-02". Invalid: date_invalid for days that do not exist, date_range for years that cannot be
// meant.
func ParseDate(s string) (Date, error) {
	t, err := time.ParseInLocation(time.DateOnly, s, Shanghai)
	if err != nil {
		return Date{}, Errorf(Invalid, "date_invalid", "not a date of the form 2006-01-02")
	}
	d := Date{t.Year(), t.Month(), t.Day()}
	if !d.Plausible() {
		return Date{}, Errorf(Invalid, "date_range", "not a day of the years %d to %d", FirstYear, LastYear)
	}
	return d, nil
}

// Plausible tells whether the day lies in a year that can be meant, or is no date.
func (d Date) Plausible() bool { return d.IsZero() || d.Year >= FirstYear && d.Year <= LastYear }

// PlausibleTime tells whether another system's instant is one that can be meant.
func PlausibleTime(t time.Time) bool { return DateOf(t).Plausible() && !t.IsZero() }

// IsZero tells whether d is no date.
func (d Date) IsZero() bool { return d == Date{} }

// Start returns the first instant of the day.
func (d Date) Start() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, Shanghai) }

// End returns the first instant after the day.
func (d Date) End() time.Time { return d.AddDays(1).Start() }

// AddDays returns the day n days later.
func (d Date) AddDays(n int) Date {
	return DateOf(time.Date(d.Year, d.Month, d.Day+n, 12, 0, 0, 0, Shanghai))
}

// Before tells whether d is an earlier day than other.
func (d Date) Before(other Date) bool { return d.Start().Before(other.Start()) }

// Weekday returns the day of the week.
func (d Date) Weekday() time.Weekday { return d.Start().Weekday() }

// String returns "2006-01-02", or empty for no date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day)
}

// MarshalText writes d for JSON and YAML.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote; empty is no date.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// Value implements driver.Valuer: a date column, NULL for no date.
func (d Date) Value() (driver.Value, error) {
	if d.IsZero() {
		return nil, nil
	}
	return d.String(), nil
}

// Scan implements sql.Scanner.
func (d *Date) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*d = Date{}
		return nil
	case time.Time: // a date column arrives as midnight UTC
		*d = Date{v.Year(), v.Month(), v.Day()}
		return nil
	case string:
		return d.UnmarshalText([]byte(v))
	default:
		return fmt.Errorf("scan %T into a date", src)
	}
}
