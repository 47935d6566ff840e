package doctor

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"
)

// waitsFor is how many cases wait for a part of our own, and for how long the first of them does.
type waitsFor struct {
	cases  int
	oldest time.Duration
}

// partChecks are the checks that say what is wrong with a part, by the name that the workers have for it.
var partChecks = map[string]string{
	"postgres": postgresCheck, "writes": postgresCheck, "objects": objectsCheck, "temporal": temporalCheck,
}

// lookAtWaiting says how many cases wait for a part of our own. The workers know it, also while Postgres is
// away: each of the cases in its memory, and all of them what waits to be sent to Temporal.
func (d *doctor) lookAtWaiting(ctx context.Context) []Finding {
	answers := make([]map[string]waitsFor, len(d.Worker))
	var group errgroup.Group
	for i, address := range d.Worker {
		group.Go(func() (err error) { answers[i], err = waitingAt(ctx, address); return err })
	}
	err := group.Wait()
	total, known := map[string]waitsFor{}, 0
	for _, answer := range answers {
		if answer != nil {
			known++
		}
		for part, found := range answer {
			sum := total[partChecks[part]]
			if sum.oldest = max(sum.oldest, found.oldest); part == "temporal" {
				sum.cases = max(sum.cases, found.cases)
			} else {
				sum.cases += found.cases
			}
			total[partChecks[part]] = sum
		}
	}
	var found []Finding
	for _, part := range slices.Sorted(maps.Keys(total)) {
		if total[part].cases > 0 {
			found = append(found, warn("waiting.cases", values{"part": part,
				"count": strconv.Itoa(total[part].cases), "time": span(total[part].oldest)})...)
		}
	}
	switch {
	case err != nil || known == 0:
		why := "no worker is named"
		if err != nil {
			why = oneLine(err)
		}
		return append(found, warn("waiting.unknown", values{"error": why})...)
	case len(found) == 0:
		return well("waiting.fine", nil)
	}
	return found
}

// waitingAt returns what a worker shows in its metrics.
func waitingAt(ctx context.Context, address string) (map[string]waitsFor, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	address = strings.TrimRight(address, "/") + "/metrics"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask a worker: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(io.LimitReader(answer.Body, metricsMost))
	if err != nil {
		return nil, fmt.Errorf("read the metrics of a worker: %w", err)
	}
	found := map[string]waitsFor{}
	for _, m := range families["campuscard_cases_waiting"].GetMetric() {
		part := m.GetLabel()[0].GetValue()
		found[part] = waitsFor{cases: int(m.GetGauge().GetValue()), oldest: found[part].oldest}
	}
	for _, m := range families["campuscard_cases_waiting_oldest_seconds"].GetMetric() {
		part := m.GetLabel()[0].GetValue()
		seconds := time.Duration(m.GetGauge().GetValue() * float64(time.Second))
		found[part] = waitsFor{cases: found[part].cases, oldest: seconds}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s shows no cases that wait: it is no worker, or of another build", address)
	}
	return found, nil
}

// metricsMost is far more than a worker shows.
const metricsMost = 16 << 20
