package doctor

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// lookAtSchool knocks at the school's systems. They are others' systems, and everything waits for them by itself, so
// one that is away is a warning.
func (d *doctor) lookAtSchool(ctx context.Context) []Finding {
	var universities []string
	short, cancel := context.WithTimeout(ctx, d.Timeout/4)
	defer cancel()
	if seeds, err := d.store.Seeds(short); err == nil { // without them, the common addresses
		for _, s := range seeds {
			universities = append(universities, s.University)
		}
	}
	systems := d.systems.Reach(ctx, universities, d.policies.ServiceSystems(), d.policies.Channels())
	var found []Finding
	for _, system := range slices.Sorted(maps.Keys(systems)) {
		f := Finding{Check: "school." + system, Level: OK, Code: "school.fine"}
		if err := systems[system]; err != nil {
			f.Level, f.Code, f.Values = Warn, "school.away", values{"system": system, "error": oneLine(err)}
		}
		found = append(found, f)
	}
	return found
}

func (d *doctor) lookAtAPI(ctx context.Context) []Finding {
	return d.lookAtProcesses(ctx, "api", d.API)
}

func (d *doctor) lookAtWorkers(ctx context.Context) []Finding {
	return d.lookAtProcesses(ctx, "worker", d.Worker)
}

// lookAtProcesses asks processes of ours whether they are ready.
func (d *doctor) lookAtProcesses(ctx context.Context, job string, addresses []string) []Finding {
	var found []Finding
	for _, address := range addresses {
		found = append(found, readiness(ctx, job, address)...)
	}
	return found
}

func readiness(ctx context.Context, job, address string) []Finding {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	seen := values{"job": job, "address": address}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(address, "/")+"/readyz", http.NoBody)
	if err != nil {
		seen["error"] = "not an address"
		return fail("process.away", seen)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		seen["error"] = oneLine(err)
		return fail("process.away", seen)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	var state struct{ Status string }
	switch {
	case err != nil || answer.StatusCode != http.StatusOK:
		seen["said"] = oneLineText(string(body))
		return fail("process.unready", seen)
	case json.Unmarshal(body, &state) == nil && state.Status == "degraded", // the api
		state.Status == "" && strings.TrimSpace(string(body)) != "ok": // a worker, which has named what works less
		seen["said"] = oneLineText(string(body))
		return warn("process.degraded", seen)
	}
	return well("process.fine", seen)
}
