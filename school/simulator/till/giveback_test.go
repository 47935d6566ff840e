package till

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// backCard plays the campus card for voids and refunds: each request is answered with the next status.
type backCard struct {
	statuses []int
	keys     []string
	paths    []string
}

func (c *backCard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Key string }
	_ = json.NewDecoder(r.Body).Decode(&asked)
	c.keys, c.paths = append(c.keys, asked.Key), append(c.paths, r.URL.Path)
	status := http.StatusOK
	if len(c.statuses) > 0 {
		status, c.statuses = c.statuses[0], c.statuses[1:]
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"transfer": uuid.Nil, "reason": "partly_back"})
}

// steps are what the journal says of give-backs, each with its outcome.
func steps(lines []Line) (said []string) {
	for _, line := range lines {
		if line.Payment != uuid.Nil {
			said = append(said, line.Step+" "+line.Outcome)
		}
	}
	return said
}

// A void or a refund without an answer is asked for again under its key; a till that was killed meanwhile does so when
// it is opened.
func TestAGiveBackIsAskedForUntilItIsAnswered(t *testing.T) {
	t.Parallel()
	card := &backCard{statuses: []int{http.StatusServiceUnavailable, http.StatusOK, http.StatusConflict}}
	server := httptest.NewServer(card)
	t.Cleanup(server.Close)
	dir, payment := t.TempDir(), uuid.New()
	x, err := Open(dir, server.URL, time.Now)
	require.NoError(t, err)
	_, err = x.GiveBack(t.Context(), payment, 0)
	require.NoError(t, err)
	_, err = x.GiveBack(t.Context(), payment, 5)
	require.Equal(t, "partly_back", reasonOf(err))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = x.GiveBack(gone, payment, 5)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, x.Close())
	require.Equal(t, []string{"giving ", "given given_back", "giving ", "given partly_back", "giving "},
		steps(x.Journal()))

	x, err = Open(dir, server.URL, time.Now)
	require.NoError(t, err)
	require.NoError(t, x.Recover(t.Context()))
	require.NoError(t, x.Close())
	lines, err := ReadJournal(dir)
	require.NoError(t, err)
	require.Len(t, steps(lines), 6)
	require.Equal(t, "given given_back", steps(lines)[5])
	require.Equal(t, lines[4].Key, lines[5].Key)
	require.Equal(t, card.keys[0], card.keys[1])
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(card.keys))), 3)
	require.Equal(t, []string{"voids", "voids", "refunds", "refunds"}, ends(card.paths))

	x, err = Open(dir, server.URL, time.Now)
	require.NoError(t, err)
	require.Empty(t, x.owed)
	require.NoError(t, x.Close())
}

func ends(paths []string) (last []string) {
	for _, path := range paths {
		last = append(last, path[len("/api/v1/terminals/"):])
	}
	return last
}
