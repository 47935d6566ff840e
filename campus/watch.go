package campus

// WatchPolicy holds the limits beyond which something waits too long or is too full: `campuscard doctor` reads them,
// and the alarms of deploy/alarms.yaml name them.
type WatchPolicy struct {
	OutboxAge      Duration `yaml:"outbox_age"`
	QueuedAge      Duration `yaml:"queued_age"`
	DecisionAge    Duration `yaml:"decision_age"`
	ParkedAge      Duration `yaml:"parked_age"`
	NoticeAge      Duration `yaml:"notice_age"`
	ForgottenAge   Duration `yaml:"forgotten_age"`
	TopUpAge       Duration `yaml:"topup_age"`
	CloseLate      Duration `yaml:"close_late"`
	SchoolFailures int      `yaml:"school_failures"` // percent of the calls of a system
	Connections    int      `yaml:"connections"`     // percent of what Postgres allows
	Disk           int      `yaml:"disk"`            // percent
	ClockSkew      Duration `yaml:"clock_skew"`
	CalendarAhead  Duration `yaml:"calendar_ahead"`
	Certificate    Duration `yaml:"certificate"`
	WrongEntries   int      `yaml:"wrong_entries"` // at sign-in, within ...
	WrongWindow    Duration `yaml:"wrong_window"`
}

func (p WatchPolicy) check() error {
	for name, value := range map[string]Duration{
		"outbox_age": p.OutboxAge, "queued_age": p.QueuedAge, "parked_age": p.ParkedAge, "notice_age": p.NoticeAge,
		"forgotten_age": p.ForgottenAge, "decision_age": p.DecisionAge, "topup_age": p.TopUpAge, "close_late": p.CloseLate,
		"clock_skew": p.ClockSkew, "calendar_ahead": p.CalendarAhead, "certificate": p.Certificate,
		"wrong_window": p.WrongWindow,
	} {
		if value <= 0 {
			return Errorf(Invalid, "", "policy watch.%s must be longer than nothing", name)
		}
	}
	if p.WrongEntries < 1 {
		return Errorf(Invalid, "", "policy watch.wrong_entries must be at least 1")
	}
	for name, value := range map[string]int{
		"school_failures": p.SchoolFailures, "connections": p.Connections, "disk": p.Disk,
	} {
		if value < 1 || value > 100 {
			return Errorf(Invalid, "", "policy watch.%s is a share from 1 to 100 percent", name)
		}
	}
	return nil
}
