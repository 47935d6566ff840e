package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// usage is the processor time of some programs, by their names.
type usage map[string]time.Duration

// tick is the unit of /proc: Linux counts in hundredths of a second, whatever its own clock does.
const tick = 10 * time.Millisecond

// measureCPU adds up what programs have used so far, each with the processes that it has begun.
func measureCPU(programs map[string]int) (usage, error) {
	sum := usage{}
	for name, pid := range programs {
		used, err := cpuOf(pid, true)
		if err != nil {
			return nil, err
		}
		children, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "task", strconv.Itoa(pid), "children"))
		if err != nil {
			return nil, fmt.Errorf("find what %s has begun: %w", name, err)
		}
		for _, child := range strings.Fields(string(children)) {
			if id, err := strconv.Atoi(child); err == nil && name == "postgres" {
				more, _ := cpuOf(id, false) // one that has ended is in its parent's count
				used += more
			}
		}
		sum[name] = used
	}
	return sum, nil
}

// cpuOf reads the time of a process, with that of its children that have ended if ended is set.
func cpuOf(pid int, ended bool) (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, fmt.Errorf("read the processor time: %w", err)
	}
	const user, endedUser, last = 11, 13, 14 // behind the name, which may have spaces
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) <= last {
		return 0, fmt.Errorf("the processor time of %d cannot be read", pid)
	}
	counted := fields[user:endedUser]
	if ended {
		counted = fields[user : last+1]
	}
	ticks := 0
	for _, field := range counted {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("read the processor time of %d: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// since is what was used after an earlier look.
func (u usage) since(before usage) usage {
	after := usage{}
	for name, used := range u {
		after[name] = used - before[name]
	}
	return after
}

// perRequest tells the time of each program for one request, over some rounds, and in all.
func perRequest(rounds []round) string {
	sum, done, whole := usage{}, 0, time.Duration(0)
	for _, r := range rounds {
		done += r.done
		for name, used := range r.cpu {
			sum[name] += used
			whole += used
		}
	}
	each := func(d time.Duration) string {
		return (d / time.Duration(max(done, 1))).Round(time.Microsecond).String()
	}
	parts := []string{each(whole)}
	for _, name := range slices.Sorted(maps.Keys(sum)) {
		parts = append(parts, name+" "+each(sum[name]))
	}
	return strings.Join(parts, ", ")
}
