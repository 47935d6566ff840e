package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// result is one figure. Reference and ratio are null for a figure that is compared with nothing.
type result struct {
	Name      string   `json:"name"`
	Value     float64  `json:"value"`
	Unit      string   `json:"unit"`
	Reference *float64 `json:"reference"`
	Ratio     *float64 `json:"ratio"`
	spread    string   // of the ratios of pairs
}

// compare takes ours between two looks at the reference, so that what the machine does beside it weighs on both.
func compare(name, unit string, reference, ours func() (float64, error)) (result, error) {
	before, err := reference()
	if err != nil {
		return result{}, fmt.Errorf("reference: %w", err)
	}
	value, err := ours()
	if err != nil {
		return result{}, err
	}
	after, err := reference()
	if err != nil {
		return result{}, fmt.Errorf("reference: %w", err)
	}
	middle := median([]float64{before, after})
	ratio := value / middle
	return result{Name: name, Value: value, Unit: unit, Reference: &middle, Ratio: &ratio}, nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[half-1] + sorted[half]) / 2
	}
	return sorted[half]
}

// bar is what a figure must reach.
type bar struct {
	least float64 // of the value; 0 asks for none
	most  float64 // of the value; 0 asks for none
	ratio float64 // at least; 0 asks for none
	upTo  float64 // of the ratio; 0 asks for none
}

// bars returns the bars of docs/bench.md.
func bars() map[string]bar {
	return map[string]bar{
		"accept_up":    {least: 1000, ratio: 0.45},
		"accept_down":  {least: 1000, ratio: 0.45},
		"applications": {ratio: 0.7},
		"history":      {most: 100},

		"payments_c1":      {upTo: 1.5},
		"payments_c64":     {ratio: 1},
		"payments_c64_p99": {upTo: 2},
		"payments_open":    {upTo: 2},
		"repeats":          {ratio: 1},
		"declines":         {ratio: 1},
		"offline_upload":   {ratio: 1},
		"settle":           {upTo: 3},
		"payments_close":   {ratio: 0.9},
		"payments_1m":      {ratio: 0.9},
		"statement":        {upTo: 2},
	}
}

func (b bar) holds(r result) bool {
	return (b.least == 0 || r.Value >= b.least) && (b.most == 0 || r.Value <= b.most) &&
		(b.ratio == 0 || r.Ratio != nil && *r.Ratio >= b.ratio) && (b.upTo == 0 || r.Ratio != nil && *r.Ratio <= b.upTo)
}

func (b bar) String() string {
	var parts []string
	if b.least > 0 {
		parts = append(parts, fmt.Sprintf("at least %g", b.least))
	}
	if b.most > 0 {
		parts = append(parts, fmt.Sprintf("at most %g", b.most))
	}
	if b.ratio > 0 {
		parts = append(parts, fmt.Sprintf("ratio %g", b.ratio))
	}
	if b.upTo > 0 {
		parts = append(parts, fmt.Sprintf("ratio at most %g", b.upTo))
	}
	return strings.Join(parts, ", ")
}

// show prints the table and answers the names of the figures that missed their bar.
func show(w io.Writer, results []result) (missed []string) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(columns ...string) { fmt.Fprintln(table, strings.Join(columns, "\t")) } //nolint:errcheck // a terminal
	line("FIGURE", "VALUE", "UNIT", "REFERENCE", "RATIO", "BAR", "")
	for _, r := range results {
		reference, ratio, verdict := "-", "-", "ok"
		if r.Reference != nil {
			reference, ratio = number(*r.Reference), strings.TrimSpace(fmt.Sprintf("%.2f %s", *r.Ratio, r.spread))
		}
		limit := bars()[r.Name]
		if !limit.holds(r) {
			verdict, missed = "MISSED", append(missed, r.Name)
		}
		line(r.Name, number(r.Value), r.Unit, reference, ratio, limit.String(), verdict)
	}
	_ = table.Flush() // a terminal too
	return missed
}

// number writes small values, such as milliseconds, with more digits.
func number(value float64) string {
	if value < 10 {
		return fmt.Sprintf("%.2f", value)
	}
	return fmt.Sprintf("%.1f", value)
}

// write keeps the results where scripts look for them.
func write(path string, results []result) error {
	content, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}
