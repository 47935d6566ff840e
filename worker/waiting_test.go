package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/worker"
)

// A case waits from the first activity that an outage of ours has ended until the last of them has ended otherwise. One
// that nobody looks after any more is forgotten.
func TestCasesThatWait(t *testing.T) {
	t.Parallel()
	away := func(reason string) error { return campus.Errorf(campus.Unavailable, reason, "away") }
	noFiles, no := away(campus.ObjectsDown), campus.Errorf(campus.Conflict, "", "no")
	type step struct {
		after    time.Duration
		workflow string
		activity string
		err      error
	}
	type seen struct {
		cases  int
		oldest time.Duration
	}
	for name, test := range map[string]struct {
		steps []step
		part  string
		later time.Duration
		want  seen
	}{
		"nobody":       {nil, "objects", 0, seen{}},
		"another part": {[]step{{0, "a", "look", noFiles}}, "postgres", 0, seen{}},
		"one, since its first look": {[]step{{0, "a", "look", noFiles}, {time.Minute, "a", "look", noFiles}},
			"objects", time.Second, seen{1, time.Minute + time.Second}},
		"two": {[]step{{0, "a", "look", noFiles}, {time.Minute, "b", "look", noFiles}}, "objects", 0,
			seen{2, time.Minute}},
		"one that goes on": {[]step{{0, "a", "look", noFiles}, {time.Minute, "a", "look", nil}}, "objects", 0, seen{}},
		"one whose other activity has gone well": {[]step{{0, "a", "look", noFiles}, {time.Minute, "a", "record", nil}},
			"objects", 0, seen{1, time.Minute}},
		"one that has an answer": {[]step{{0, "a", "look", noFiles}, {time.Minute, "a", "look", no}}, "objects", 0,
			seen{}},
		"an outage of the school's system": {[]step{{0, "a", "call", away("face_down")}}, "postgres", 0, seen{}},
		"Postgres": {[]step{{0, "a", "record", away(campus.DatabaseDown)}, {0, "b", "record", away(campus.DatabaseLate)}},
			"postgres", 0, seen{2, 0}},
		"a full disk": {[]step{{0, "a", "record", away(campus.WritesRefused)}}, "writes", 0, seen{1, 0}},
		"the part that is away by now": {[]step{{0, "a", "look", noFiles},
			{time.Minute, "a", "look", away(campus.DatabaseDown)}},
			"postgres", 0, seen{1, time.Minute}},
		"one that is looked after every two minutes": {[]step{{0, "a", "look", noFiles},
			{2 * time.Minute, "a", "look", noFiles}},
			"objects", 130 * time.Second, seen{1, 250 * time.Second}},
		"one that nobody looks after": {[]step{{0, "a", "look", noFiles}}, "objects", 4 * time.Minute, seen{}},
	} {
		saw, count := worker.Waiting()
		now := time.Date(2026, time.November, 17, 10, 0, 0, 0, time.UTC)
		for _, s := range test.steps {
			now = now.Add(s.after)
			saw(s.workflow, s.activity, s.err, now)
		}
		cases, oldest := count(test.part, now.Add(test.later))
		require.Equal(t, test.want, seen{cases, oldest}, name)
	}
}
