package till

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Kind 2: one till that cannot be read, and what is no till, leave the others at work; each is named in the log.
func TestBrokenTillsAreLeftOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, err := Open(filepath.Join(dir, "good"), "http://x", time.Now)
	require.NoError(t, err)
	_, err = good.Begin(100, Fault{})
	require.NoError(t, err)
	require.NoError(t, good.Close())
	for _, folder := range []string{"broken", "lost+found"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, folder), 0o700))
	}
	broken := filepath.Join(dir, "broken", "till.json")
	require.NoError(t, os.WriteFile(broken, []byte("{"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes"), nil, 0o600))

	var log bytes.Buffer
	s, err := NewServer(Config{StateDir: dir, CardURL: "http://x"}, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	for _, name := range []string{"broken", "lost+found", "notes"} {
		require.Contains(t, log.String(), "till="+name)
	}
	journal := func(till string) int {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/tills/"+till+"/journal", nil))
		return w.Code
	}
	require.Equal(t, http.StatusOK, journal("good"))
	require.Equal(t, http.StatusBadRequest, journal("broken"))
	text, err := os.ReadFile(broken)
	require.NoError(t, err)
	require.Equal(t, "{", string(text), "people look at it")
	require.Len(t, s.tills["good"].left, 1, "what was begun is taken back")
}
