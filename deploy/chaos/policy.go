package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"

	"campuscard/deploy"
)

// topUpWaits have the channel asked so soon and so often that the run sees what becomes of a payment that it never
// tells of: the last look comes before the end of the rest.
var topUpWaits = map[string]string{"order_life": orderLife.String(), "first_look": "2s", "look_for": lookFor.String(),
	"refund_try": "2s"}

// moneyWaits have appeals come to an end soon, some of them by two people, days close soon and at once when they are
// over, and the bank asked often, so that the run sees what becomes of each.
var moneyWaits = map[string]map[string]any{
	"appeals": {"objection": "10s", "two_people_above": 2000},
	"close":   {"after": "0s", "tills": "15s", "fees": map[string]int{"canteen": 60}},
	"payouts": {"look": "5s", "bounce_within": "20m"},
}

const (
	orderLife = 30 * time.Second
	lookFor   = time.Minute
)

// writePolicy keeps the demo's policy with other waits: a review, an activation and a pickup that nobody comes to end
// after so long, so that the run sees what the ends of its waits do.
func writePolicy(path string, wait time.Duration) error {
	var policy map[string]map[string]any
	if err := yaml.Unmarshal(deploy.DemoPolicy, &policy); err != nil {
		return fmt.Errorf("read the demo's policy: %w", err)
	}
	for _, number := range []struct {
		of, name string
		parts    time.Duration // of ten
	}{
		{"application", "review_limit", 10},
		{"activation", "wait", 10}, {"activation", "first_reminder", 3}, {"activation", "last_reminder", 8},
		{"plastic", "pickup_wait", 10}, {"plastic", "pickup_first_reminder", 3}, {"plastic", "pickup_last_reminder", 8},
	} {
		policy[number.of][number.name] = (wait / 10 * number.parts).String()
	}
	policy["money"]["top_up"] = topUpWaits
	for part, numbers := range moneyWaits {
		kept, _ := policy["money"][part].(map[string]any) // the demo's
		maps.Copy(kept, numbers)
	}
	content, err := yaml.Marshal(policy)
	if err != nil {
		return fmt.Errorf("write the policy: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write the policy: %w", err)
	}
	return os.WriteFile(path, content, 0o644)
}
