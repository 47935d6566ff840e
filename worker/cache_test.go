package worker_test

import (
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	sdkworker "go.temporal.io/sdk/worker"

	"campuscard/campus"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

func TestCasesInMemoryAreBoundedByIt(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for name, test := range map[string]struct {
		memory, limit int64
		cases         int
	}{
		"without a limit of the process":       {1024 * mib, math.MaxInt64, 3702},
		"twice the memory":                     {2048 * mib, math.MaxInt64, 7405},
		"half of a process that is small":      {1024 * mib, 512 * mib, 925},
		"all of it where the process is large": {1024 * mib, 8192 * mib, 3702},
		"never too few to work with":           {1, math.MaxInt64, 100},
	} {
		require.Equal(t, test.cases, worker.CacheSize(test.memory, test.limit), name)
	}
}

// BenchmarkCachedCase tells how many bytes of live memory a case in the cache takes: applications that wait for their
// review. -benchtime 500x takes 500 of them.
func BenchmarkCachedCase(b *testing.B) {
	e := workflowtest.New(b, workflowtest.Quick).Engine()
	stop := e.Work(worker.Config{})
	for range b.N {
		e.AwaitStage(e.Apply(e.Student(), workflowtest.Good), campus.StageReview)
	}
	with := live()
	stop()
	sdkworker.PurgeStickyWorkflowCache()
	b.ReportMetric(float64(with-live())/float64(b.N), "B/case")
}

// live is the memory in use, heap and stacks, after what is garbage has been collected.
func live() int64 {
	runtime.GC()
	runtime.GC() // what the first one has only finalized
	var seen runtime.MemStats
	runtime.ReadMemStats(&seen)
	return int64(seen.HeapAlloc + seen.StackInuse)
}
