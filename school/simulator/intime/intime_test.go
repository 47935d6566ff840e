package intime

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Kind 4: a body that stops on its way is answered and its connection closed; a slow answer is not cut off.
func TestBodiesThatStall(t *testing.T) {
	t.Parallel()
	const bodyTime = 100 * time.Millisecond
	server := Server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(5 * bodyTime):
		case <-r.Context().Done():
			return
		}
		_, _ = io.Copy(w, r.Body)
	}), bodyTime)
	server.ReadTimeout, server.ReadHeaderTimeout = bodyTime, bodyTime
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-ended, http.ErrServerClosed)
	})
	for name, test := range map[string]struct {
		body   string
		length int
		status int
	}{
		"half a body": {"{", 10, http.StatusRequestTimeout},
		"none of it":  {"", 10, http.StatusRequestTimeout},
		"a whole one": {"{}", 2, http.StatusOK},
		"no body":     {"", 0, http.StatusOK},
		"too long":    {"{}", mostBytes + 1, http.StatusRequestTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to, err := net.Dial("tcp", listener.Addr().String())
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, to.Close()) })
			require.NoError(t, to.SetDeadline(time.Now().Add(time.Minute)))
			_, err = fmt.Fprintf(to, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", test.length, test.body)
			require.NoError(t, err)
			read := bufio.NewReader(to)
			answer, err := http.ReadResponse(read, nil)
			require.NoError(t, err)
			require.Equal(t, test.status, answer.StatusCode)
			_, err = io.Copy(io.Discard, answer.Body)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			if test.status != http.StatusOK {
				_, err = read.ReadByte()
				require.ErrorIs(t, err, io.EOF, "the connection is closed")
			}
		})
	}
}
