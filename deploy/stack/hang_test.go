package stack

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// states are the letters of proc(5) of a process and all below it; T is stopped.
func states(t *testing.T, pid int) string {
	t.Helper()
	var letters strings.Builder
	for _, id := range append([]int{pid}, below(pid)...) {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(id), "stat"))
		require.NoError(t, err)
		letters.WriteString(strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))[0])
	}
	return letters.String()
}

func TestAPartHangsWithAllBelowIt(t *testing.T) {
	s, said := open(t, t.TempDir())
	p, err := s.spawn(Simulator, command{path: "/bin/bash", args: []string{"-c",
		`trap 'kill $(jobs -p); exit' TERM; (sleep 60 & wait) & sleep 60 & echo ready; wait`}})
	require.NoError(t, err)
	require.NoError(t, await(t.Context(), p, 10*time.Second, logHas(p, "ready")))
	require.Eventually(t, func() bool { return len(below(p.PID)) == 3 }, time.Minute, 5*time.Millisecond)

	count, err := s.Hang(Simulator)
	require.NoError(t, err)
	require.Equal(t, 4, count, "itself, two children and a grandchild")
	require.Eventually(t, func() bool { return states(t, p.PID) == "TTTT" }, time.Minute, 5*time.Millisecond)
	require.NoError(t, s.Resume(Simulator))
	require.Eventually(t, func() bool { return states(t, p.PID) == "SSSS" }, time.Minute, 5*time.Millisecond)

	_, err = s.Hang(Simulator)
	require.NoError(t, err)
	require.NoError(t, s.stop(t.Context(), p, syscall.SIGTERM, 5*time.Second))
	require.NotContains(t, said.String(), "killed", "it could not hear that it should stop")
	_, err = s.Hang(Simulator)
	require.ErrorContains(t, err, "hang simulator: it was not started")
}
