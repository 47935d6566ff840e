package files

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// What is in hand is bounded: the files of one caller, and the bytes of all. What has left makes room for more.
func TestFilesInHandAreBounded(t *testing.T) {
	t.Parallel()
	clock := &handClock{at: time.Now()}
	l := lookingBy(clock)
	const whole = FormSlack // of a policy that has no number
	l.Room = 2 * (InHandOfOne + 1) * whole
	many := campus.Student(uuid.New())
	enter := func(who campus.Actor) (*Turn, string) {
		turn, err := l.Enter(who, lookPolicy)
		return turn, campus.ReasonOf(err)
	}
	hold := func(turn *Turn, bytes int64) string { return campus.ReasonOf(turn.hold(bytes)) }
	var mine []*Turn
	for range InHandOfOne {
		turn, reason := enter(many)
		require.Empty(t, reason)
		require.Empty(t, hold(turn, whole))
		mine = append(mine, turn)
	}
	_, reason := enter(many)
	require.Equal(t, "uploads_waiting", reason)
	mine[0].Leave()
	again, reason := enter(many)
	require.Empty(t, reason)
	require.Empty(t, hold(again, whole))

	var others []*Turn
	for range InHandOfOne + 2 {
		turn, reason := enter(campus.Student(uuid.New()))
		require.Empty(t, reason)
		require.Empty(t, hold(turn, whole))
		others = append(others, turn)
	}
	last, reason := enter(campus.Student(uuid.New()))
	require.Empty(t, reason, "a file that has brought nothing")
	require.Equal(t, "uploads_busy", hold(last, 1))
	others[0].Leave()
	require.Equal(t, "uploads_busy", hold(again, 1), "more than one file of one caller, in the second half")
	_, err := io.ReadAll(again.Counts(strings.NewReader("")))
	require.NoError(t, err, "what is here already may end")
	require.Empty(t, hold(last, whole), "as much as one file")
	require.Equal(t, "uploads_busy", hold(last, 1))
	for _, turn := range slices.Concat(mine[1:], others[1:], []*Turn{again, last}) {
		turn.Leave()
	}
	require.Zero(t, l.Bytes)
	require.NoError(t, l.while(t.Context(), many, lookPolicy, func(context.Context) error {
		clock.goes(time.Minute)
		return nil
	}))
	_, reason = enter(many)
	require.Equal(t, "uploads_share", reason, "it is told before the file is read")
}
