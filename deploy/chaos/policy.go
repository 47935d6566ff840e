package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"

	"campuscard/deploy"
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
	content, err := yaml.Marshal(policy)
	if err != nil {
		return fmt.Errorf("write the policy: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write the policy: %w", err)
	}
	return os.WriteFile(path, content, 0o644)
}
