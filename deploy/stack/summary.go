package stack

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Summary tells people where things answer and how to sign in.
func (s *Stack) Summary(parts []Part) string {
	var text strings.Builder
	running := wanted(s.graph(func(Part) {}), parts)
	line := func(part Part, what, where string) {
		if slices.ContainsFunc(running, func(n node) bool { return n.part == part }) {
			fmt.Fprintf(&text, "  %-14s %s\n", what, where)
		}
	}
	env := s.Env()
	text.WriteString("\nstack " + s.opts.Name + " is up\n")
	line(API, "API", webAddress(s.ports.API)+"/api/v1")
	line(API, "API reference", webAddress(s.ports.API)+"/docs")
	line(UI, "Temporal UI", env["TEMPORAL_UI_URL"])
	line(Simulator, "school systems", env["SCHOOL_URL"]+"  (mail "+env["SMTP_ADDRESS"]+")")
	line(Temporal, "Temporal", env["TEMPORAL_ADDRESS"]+"  namespace "+env["TEMPORAL_NAMESPACE"])
	line(Postgres, "Postgres", withoutPassword(env["DATABASE_URL"]))
	line(S3, "S3", env["S3_ENDPOINT"]+"  bucket "+env["S3_BUCKET"])
	line(Worker, "worker", webAddress(s.ports.Worker)+"/metrics")
	line(seed, "staff", "password "+env["SEED_STAFF_PASSWORD"])
	line(seed, "kiosk", "key "+env["SEED_KIOSK_KEY"])
	fmt.Fprintf(&text, "  %-14s %s\n", "secrets", s.dataPath("secrets.env"))
	fmt.Fprintf(&text, "  %-14s %s\n", "logs", s.logDir())
	return text.String()
}

func withoutPassword(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Redacted()
}
