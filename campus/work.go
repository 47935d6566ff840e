package campus

import "time"

// WorkPolicy holds the numbers of the queues of staff (C3).
type WorkPolicy struct {
	ClaimLife Duration `yaml:"claim_life"`
	MailEvery Duration `yaml:"mail_every"`

	RetryPause Duration `yaml:"retry_pause"`
}

func (p WorkPolicy) check() error {
	for name, value := range map[string]Duration{"claim_life": p.ClaimLife, "mail_every": p.MailEvery,
		"retry_pause": p.RetryPause} {
		if value <= 0 {
			return Errorf(Invalid, "", "policy work.%s must be longer than nothing", name)
		}
	}
	return nil
}

// ClaimStands tells whether a claim that is good until then still keeps colleagues away. At its last instant it does
// not any more: the item is free, although it may still name who had it.
func ClaimStands(until *time.Time, now time.Time) bool { return until != nil && now.Before(*until) }

// Proposal is a skip or an abort that waits for a second person (K3).
type Proposal struct {
	Step   string     `json:"step"`
	Action Settlement `json:"action"`
	By     Actor      `json:"by"`
}
