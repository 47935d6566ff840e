package api

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// unread is a body that nobody may read.
type unread struct{}

func (unread) Read([]byte) (int, error) { return 0, errors.New("it was read") }

// sending is an upload by a student with this body.
func sending(t *testing.T, s *Server, who caller, body io.Reader, length int64) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/uploads", body)
	request.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	request.Header.Set(keyHeader, uuid.NewString())
	request.ContentLength = length
	who.authorize(request, "")
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, request)
	return answer
}

// One who sends many files at once is refused those that would only wait, before anything of them is kept. Another is not.
func TestFilesAreRefusedBeforeTheyAreRead(t *testing.T) {
	t.Parallel()
	p := newProber(t)
	who := p.callers["student"]
	var all sync.WaitGroup
	var stalled []*io.PipeWriter
	for range inHandOfOne {
		body, feed := io.Pipe()
		stalled = append(stalled, feed)
		all.Go(func() { sending(t, p.s, who, body, -1) })
	}
	inHand := func() int {
		p.s.looking.mu.Lock()
		defer p.s.looking.mu.Unlock()
		return p.s.looking.inHand
	}
	require.Eventually(t, func() bool { return inHand() == inHandOfOne }, 20*time.Second, time.Millisecond)
	answer := sending(t, p.s, who, unread{}, 9<<20)
	require.Equal(t, http.StatusTooManyRequests, answer.Code, answer.Body)
	require.Contains(t, answer.Body.String(), `"uploads_waiting"`)
	require.Equal(t, "5", answer.Header().Get("Retry-After"))
	require.Contains(t, sending(t, p.s, p.student(), strings.NewReader("--x--"), 5).Body.String(), `"purpose_unknown"`)
	for _, feed := range stalled {
		require.NoError(t, feed.CloseWithError(io.ErrUnexpectedEOF))
	}
	all.Wait()
	require.Zero(t, inHand())
	require.Contains(t, sending(t, p.s, who, strings.NewReader("--x--"), 5).Body.String(), `"purpose_unknown"`)
}

// An address that has its share of requests at work is refused, and has its share again when one of them ends.
func TestAnAddressHasItsShareOfRequestsBack(t *testing.T) {
	t.Parallel()
	p := newProber(t)
	var err error
	p.s.atWork, err = newShares(1, nil)
	require.NoError(t, err)
	body, feed := io.Pipe()
	var all sync.WaitGroup
	all.Go(func() { sending(t, p.s, p.callers["student"], body, -1) })
	_, err = feed.Write([]byte("-")) // it is being read
	require.NoError(t, err)
	ask := func() string {
		return sending(t, p.s, p.callers["student"], strings.NewReader("--x--"), 5).Body.String()
	}
	require.Contains(t, ask(), `"address_busy"`)
	require.NoError(t, feed.CloseWithError(io.ErrUnexpectedEOF))
	all.Wait()
	require.Contains(t, ask(), `"purpose_unknown"`)
}
