package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// Fault is how a system misbehaves.
type Fault struct {
	System     string  `json:"system"`
	University string  `json:"university,omitempty"` // empty: everywhere
	Mode       string  `json:"mode"`                 // outage, slow, flaky, malformed, none
	Rate       float64 `json:"rate"`                 // part of the calls, 0 to 1; zero: half of them if flaky, else all
	LatencyMS  int     `json:"latency_ms"`           // of slow
	Malformed  string  `json:"malformed,omitempty"`  // html, half, type, missing, large, lines
	// of slow and flaky, as seen from the effect: before, after; empty: either
	Moment string `json:"moment,omitempty"`
}

// fault is one throw of the dice for one call.
type fault struct {
	Fault
	hits bool
	late bool // goes wrong after the effect
}

func (s *Simulator) fault(system, university string) (f fault, err error) {
	err = s.store.view(func(tx *bbolt.Tx) error {
		for _, place := range []string{system + "/" + university, system + "/"} {
			set, found, err := get[Fault](tx, settingBucket, "fault/"+place)
			if err != nil || found {
				f.Fault = set
				return err
			}
		}
		return nil
	})
	rate := f.Rate
	if rate == 0 {
		rate = 1
		if f.Mode == "flaky" {
			rate = 0.5
		}
	}
	f.hits = f.Mode != "" && f.Mode != "none" && rand.Float64() < rate
	f.late = f.Moment == "after" || f.Moment == "" && rand.IntN(2) == 0
	return f, err
}

// before tells whether the call gets as far as the act. A slow system that nobody waits for does not act either.
func (f fault) before(ctx context.Context) bool {
	switch {
	case !f.hits:
		return true
	case f.Mode == "outage":
		return false
	case f.Mode == "flaky":
		return f.late
	case f.Mode == "slow" && !f.late:
		return f.wait(ctx)
	}
	return true
}

// after returns the answer that is sent once the act is done.
func (f fault) after(ctx context.Context, a answer) answer {
	if !f.hits {
		return a
	}
	switch f.Mode {
	case "flaky":
		return refuse(http.StatusInternalServerError, "internal")
	case "slow":
		if f.late {
			f.wait(ctx)
		}
	case "malformed":
		return f.garbled(a)
	}
	return a
}

func (f fault) wait(ctx context.Context) bool {
	timer := time.NewTimer(time.Duration(f.LatencyMS) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (f fault) garbled(a answer) answer {
	switch f.Malformed {
	case "half":
		a.Body = a.Body[:len(a.Body)/2]
	case "type":
		a.Body = []byte(`{"number":1,"match":"yes","passed":"yes","same":1,"order_id":7,"reference":7,"id":7,"students":{},"employees":{},"code":[]}`)
		a.ContentType = "application/json"
	case "missing":
		a.Body = []byte(`{}`)
		a.ContentType = "application/json"
	case "lines":
		a.Body = garbledLines(a.Body)
	case "large":
		a.Body = slices.Concat([]byte(`{"filler":"`), bytes.Repeat([]byte("x"), 6<<20), []byte(`"}`))
		a.ContentType = "application/json"
	default:
		a.Body = []byte("<!doctype html><title>Login</title>")
		a.ContentType = "text/html; charset=utf-8"
	}
	return a
}

// garbledLines spoils the first lines of an export, each in another way; the others stay as they are.
func garbledLines(body []byte) []byte {
	var page map[string]any
	if err := json.Unmarshal(body, &page); err != nil {
		return body
	}
	spoilt := []map[string]any{{"name": "a\x00"}, {"graduates_on": "0000-12-31"}, {"graduates_on": "2026-02-30"},
		{"name": ""},
		{"name": "\u3000\u200b"}, {"number": 7}, {"phone": "abc"}, {"phone": "+852 9123 4567"}}
	for _, list := range []string{"students", "employees"} {
		people, _ := page[list].([]any)
		for i, with := range spoilt[:min(len(spoilt), len(people))] {
			line, ok := people[i].(map[string]any)
			for name, value := range with {
				if ok {
					line[name] = value
				}
			}
		}
	}
	garbled, err := json.Marshal(page)
	if err != nil {
		return body
	}
	return garbled
}

// status returns what the log says was answered.
func (f fault) status(status int) int {
	if f.hits && f.Mode == "flaky" && f.late {
		return http.StatusInternalServerError
	}
	return status
}

func (f fault) shown() string {
	if !f.hits {
		return ""
	}
	return f.Mode
}

func (s *Simulator) setFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if err := json.NewDecoder(r.Body).Decode(&f); err != nil {
		refuse(http.StatusBadRequest, "unreadable").write(w)
		return
	}
	f.System = r.PathValue("system")
	known := f.System == "mail" || slices.ContainsFunc(s.routes(), func(r route) bool { return r.system == f.System })
	modes := []string{"outage", "slow", "flaky", "malformed", "none"}
	forms := []string{"", "html", "half", "type", "missing", "large", "lines"}
	moments := []string{"", "before", "after"}
	if !known || !slices.Contains(modes, f.Mode) || !slices.Contains(forms, f.Malformed) ||
		!slices.Contains(moments, f.Moment) || f.Rate < 0 || f.Rate > 1 || f.LatencyMS < 0 {
		refuse(http.StatusUnprocessableEntity, "unknown_fault").write(w)
		return
	}
	s.admit(w, f, func(tx *bbolt.Tx) error {
		return put(tx, settingBucket, "fault/"+f.System+"/"+f.University, f)
	})
}

func (s *Simulator) listFaults(w http.ResponseWriter, _ *http.Request) {
	faults := []Fault{}
	err := s.store.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(settingBucket)).Cursor()
		prefix := []byte("fault/")
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			var f Fault
			if err := json.Unmarshal(v, &f); err != nil {
				return err
			}
			faults = append(faults, f)
		}
		return nil
	})
	s.show(w, map[string]any{"faults": faults}, err)
}
