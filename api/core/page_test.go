package core

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// A cursor is opaque, and yet anybody may make one: a number that its column cannot hold is refused before Postgres
// does.
func TestNumbersInCursorsFitTheirColumns(t *testing.T) {
	t.Parallel()
	type generation struct {
		ID  uuid.UUID
		Gen int
		Seq int64
		At  *time.Time
	}
	now := time.Now()
	for _, key := range []any{int64(1) << 31, -int64(1)<<31 - 1} {
		_, err := ReadCursor[int](WriteCursor(key))
		require.Equal(t, "cursor_invalid", campus.ReasonOf(err), "%v", key)
		_, err = ReadCursor[*generation](WriteCursor(map[string]any{"Gen": key, "At": now}))
		require.Equal(t, "cursor_invalid", campus.ReasonOf(err), "%v", key)
		_, err = ReadCursor[generation](WriteCursor(map[string]any{"Seq": key, "At": now}))
		require.NoError(t, err)
	}
	last, err := ReadCursor[int](WriteCursor(1<<31 - 1))
	require.NoError(t, err)
	require.Equal(t, 1<<31-1, last)
	none, err := ReadCursor[*generation]("")
	require.NoError(t, err)
	require.Nil(t, none)
}
