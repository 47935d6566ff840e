package worker

import (
	"runtime/debug"

	"go.temporal.io/sdk/worker"
)

const (
	// caseBytes is what an open case in the cache takes of its worker's memory: 2,083 of them took 590 MB of a process.
	// About 80,000 of it are live (BenchmarkCachedCase); the rest is garbage that our collector lets grow (collectAt in
	// main.go). docs/operations.md says how to measure it again.
	caseBytes = 290_000
	// fewestCases is about as many as one worker has in hand at once. With fewer in the cache it would read a case's
	// history again for each of its steps.
	fewestCases = 100
)

// cacheSize is how many cases may stay in memory. memory is what the cache may take, and limit what the whole process
// may take, both in bytes; the cache gets no more than half of it.
func cacheSize(memory, limit int64) int {
	return max(fewestCases, int(min(memory, limit/2)/caseBytes))
}

// boundCache sets how many cases all workers of this process keep in memory, and answers it. One that is left out is
// rebuilt from its history when something happens to it. The SDK wants it before the first worker starts.
func boundCache(memory int64) int {
	unchanged := int64(-1)
	cases := cacheSize(memory, debug.SetMemoryLimit(unchanged)) // of GOMEMLIMIT
	worker.SetStickyWorkflowCacheSize(cases)
	return cases
}
