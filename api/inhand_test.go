package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/api/core"
	"campuscard/api/files"
	"campuscard/storage/storagetest"
)

// unread is a body that nobody may read.
type unread struct{}

func (unread) Read([]byte) (int, error) { return 0, errors.New("it was read") }

// sending is an upload by a student with this body.
func sending(t *testing.T, s *Server, who caller, body io.Reader, length int64) *httptest.ResponseRecorder {
	t.Helper()
	return sendingFor(t.Context(), s, who, body, length)
}

// sendingFor is an upload whose sender leaves with a context.
func sendingFor(ctx context.Context, s *Server, who caller, body io.Reader, length int64) *httptest.ResponseRecorder {
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/v1/uploads", body)
	request.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	request.Header.Set(core.KeyHeader, uuid.NewString())
	request.ContentLength = length
	who.authorize(request, "")
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, request)
	return answer
}

// One who sends many files at once is refused those that would only wait, before anything of them is kept. Another is
// not.
func TestFilesAreRefusedBeforeTheyAreRead(t *testing.T) {
	t.Parallel()
	p := newProber(t)
	who := p.callers["student"]
	var all sync.WaitGroup
	var stalled []*io.PipeWriter
	for range files.InHandOfOne {
		body, feed := io.Pipe()
		stalled = append(stalled, feed)
		all.Go(func() { sending(t, p.s, who, body, -1) })
	}
	p.inHand(files.InHandOfOne, 0)
	answer := sending(t, p.s, who, unread{}, 9<<20)
	require.Equal(t, http.StatusTooManyRequests, answer.Code, answer.Body)
	require.Contains(t, answer.Body.String(), `"uploads_waiting"`)
	require.Equal(t, "5", answer.Header().Get("Retry-After"))
	require.Contains(t, sending(t, p.s, p.student(), strings.NewReader("--x--"), 5).Body.String(), `"purpose_unknown"`)
	for _, feed := range stalled {
		require.NoError(t, feed.CloseWithError(io.ErrUnexpectedEOF))
	}
	all.Wait()
	p.inHand(0, 0)
	require.Contains(t, sending(t, p.s, who, strings.NewReader("--x--"), 5).Body.String(), `"purpose_unknown"`)
}

// inHand waits until so many files, and bytes of them, are in hand.
func (p *prober) inHand(files int, bytes int64) {
	p.Helper()
	l := p.s.Looking
	require.Eventually(p, func() bool {
		l.Mu.Lock()
		defer l.Mu.Unlock()
		found, of := 0, int64(0)
		for _, c := range l.Callers {
			found, of = found+c.InHand, of+c.Bytes
		}
		return found == files && of == bytes && l.Bytes == bytes
	}, 20*time.Second, time.Millisecond, "%d files of %d bytes", files, bytes)
}

// picture is an upload of a picture.
func picture() string {
	part := "--x\r\nContent-Disposition: form-data; name="
	return part + "\"purpose\"\r\n\r\nidentity_document\r\n" + part + "\"file\"; filename=\"a.jpg\"\r\n\r\n" +
		string(storagetest.JPEG(64, 48)) + "\r\n--x--\r\n"
}

// Many who send nothing, or slowly, keep nobody waiting, however many of their files there are.
func TestBodiesThatStallKeepNobodyWaiting(t *testing.T) {
	t.Parallel()
	p := newProber(t)
	const callers = 14
	var all sync.WaitGroup
	var stalled []*io.PipeWriter
	for range callers {
		who := p.student()
		for range files.InHandOfOne {
			body, feed := io.Pipe()
			stalled = append(stalled, feed)
			all.Go(func() { sending(t, p.s, who, body, 9<<20) })
		}
	}
	p.inHand(callers*files.InHandOfOne, 0)
	newcomer := func() *httptest.ResponseRecorder {
		return sending(t, p.s, p.student(), strings.NewReader(picture()), int64(len(picture())))
	}
	answer := newcomer()
	require.Equal(t, http.StatusCreated, answer.Code, answer.Body)
	for _, feed := range stalled {
		_, err := feed.Write([]byte("--"))
		require.NoError(t, err)
	}
	p.inHand(callers*files.InHandOfOne, callers*files.InHandOfOne*2)
	answer = newcomer()
	require.Equal(t, http.StatusCreated, answer.Code, answer.Body)
	for _, feed := range stalled {
		require.NoError(t, feed.CloseWithError(io.ErrUnexpectedEOF))
	}
	all.Wait()
	p.inHand(0, 0)
}

// Who asks for more than there is room for is refused, and has it back for others at once.
func TestBytesOverTheRoomAreRefused(t *testing.T) {
	t.Parallel()
	p := newProber(t)
	const held, over = 40 << 10, 30 << 10
	p.s.Looking.Room = 64 << 10
	var all sync.WaitGroup
	body, feed := io.Pipe()
	all.Go(func() { sending(t, p.s, p.callers["student"], body, -1) })
	_, err := feed.Write(make([]byte, held))
	require.NoError(t, err)
	p.inHand(1, held)
	many := func() *httptest.ResponseRecorder {
		return sending(t, p.s, p.student(), bytes.NewReader(make([]byte, over)), over)
	}
	for range 3 {
		answer := many()
		require.Equal(t, http.StatusServiceUnavailable, answer.Code, answer.Body)
		require.Contains(t, answer.Body.String(), `"uploads_busy"`)
		require.NotEmpty(t, answer.Header().Get("Retry-After"))
		p.inHand(1, held)
	}
	answer := sending(t, p.s, p.student(), strings.NewReader(picture()), int64(len(picture())))
	require.Equal(t, http.StatusCreated, answer.Code, "there is room for a small one: %s", answer.Body)
	require.NoError(t, feed.CloseWithError(io.ErrUnexpectedEOF))
	all.Wait()
	p.inHand(0, 0)
	require.Contains(t, many().Body.String(), `"form_broken"`, "there was room")
	p.inHand(0, 0)
}

// endingWith is the end of a body, at which something happens.
type endingWith func() error

// Read implements io.Reader.
func (end endingWith) Read([]byte) (int, error) { return 0, end() }

// Whatever becomes of a file, the room it took is there again.
func TestTheRoomOfAFileComesBack(t *testing.T) {
	t.Parallel()
	p := newProber(t)
	for name, c := range map[string]struct {
		end    func(leave func()) error
		status int
	}{
		"it is taken":       {func(func()) error { return io.EOF }, http.StatusCreated},
		"it breaks off":     {func(func()) error { return io.ErrUnexpectedEOF }, http.StatusBadRequest},
		"it comes too late": {func(func()) error { return os.ErrDeadlineExceeded }, http.StatusRequestTimeout},
		"its sender leaves": {func(leave func()) error {
			leave()
			return io.EOF
		}, 0},
		"reading it panics": {func(func()) error { panic("a fault of ours") }, http.StatusInternalServerError},
	} {
		ctx, leave := context.WithCancel(t.Context())
		ended := false
		body := io.MultiReader(strings.NewReader(picture()), endingWith(func() error {
			if ended { // a refusal reads on
				return io.EOF
			}
			ended = true
			p.inHand(1, int64(len(picture())))
			return c.end(leave)
		}))
		answer := sendingFor(ctx, p.s, p.student(), body, -1)
		leave()
		if c.status != 0 {
			require.Equal(t, c.status, answer.Code, "%s: %s", name, answer.Body)
		} else {
			require.NotEqual(t, http.StatusCreated, answer.Code, name)
		}
		p.inHand(0, 0)
	}
}

// An address that has its share of requests at work is refused, and has its share again when one of them ends.
func TestAnAddressHasItsShareOfRequestsBack(t *testing.T) {
	t.Parallel()
	p := newProber(t)
	var err error
	p.s.AtWork, err = core.NewShares(1, nil)
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
