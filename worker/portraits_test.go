package worker

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/school"
	"campuscard/storage/storagetest"
)

// D5: the worker fetches the photo on file for a card. A register that is away is asked again soon, one that has none,
// or one that is too large, later.
func TestPortraitsAreFetched(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t).Activate()
	photo := storagetest.JPEG(60, 80)
	var mu sync.Mutex
	var answer func(http.ResponseWriter)
	var asked []string
	picture := func(content []byte) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "image/jpeg")
			w.Header().Set("Photo-Version", "1")
			_, _ = w.Write(content) // whoever asks finds out
		}
	}
	register := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		answer(w)
	}))
	t.Cleanup(register.Close)
	systems, err := school.New(school.Config{BaseURL: register.URL, APIKey: "a key of the tests", SMTPAddress: "127.0.0.1:1",
		MailFrom: "card@campus.example"})
	require.NoError(t, err)
	fetcher := &portraitFetcher{store: s.Store, systems: systems, policies: s.Policies, log: s.Log}
	times := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(asked)
	}
	again := s.Policy().Portrait.Again.Std()
	for _, step := range []struct {
		sentence string
		answer   func(http.ResponseWriter)
		wait     time.Duration // until it is asked again
	}{
		{"away", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, 2 * portraitAgain},
		{"away still", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, 4 * portraitAgain},
		{"no photo", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"code":"not_found"}`))
		}, again},
		{"no picture", picture([]byte("hello")), again},
		{"too large", picture(append(photo, make([]byte, s.Policy().Portrait.MostBytes)...)), again},
		{"a photo", picture(photo), 0},
	} {
		mu.Lock()
		answer = step.answer
		mu.Unlock()
		before := times()
		round(t, fetcher)
		require.Greater(t, times(), before, step.sentence)
		before = times()
		if step.wait > 0 {
			s.Clock.Advance(step.wait - time.Second)
		}
		round(t, fetcher)
		require.Equal(t, before, times(), "%s: not sooner", step.sentence)
		s.Clock.Advance(time.Second)
	}
	kept, err := s.Cards.Portrait(t.Context(), s.Card)
	require.NoError(t, err)
	require.Equal(t, photo, kept)
	s.Clock.Advance(365 * 24 * time.Hour)
	before := times()
	round(t, fetcher)
	require.Equal(t, before, times(), "it is kept")
	for _, path := range asked {
		require.True(t, strings.HasSuffix(path, "/students/"+s.Holder.Roster.Number+"/photo"), path)
	}
}

func round(t *testing.T, f *portraitFetcher) {
	t.Helper()
	pause, err := f.round(t.Context())
	require.NoError(t, err)
	require.Equal(t, portraitPause, pause)
}
