package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/storage/storagetest"
)

// listening is a server on a port, as it runs, with a short time for bodies.
func listening(t *testing.T, change func(*Config)) (*storagetest.Env, string) {
	t.Helper()
	h := storagetest.New(t)
	h.University(storagetest.University)
	cfg := Config{Version: "test", Policies: h.Policies, BodyTime: time.Second}
	change(&cfg)
	s, err := New(cfg, h.Store, nil, h.Log)
	require.NoError(t, err)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-served)
	})
	return h, listener.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return conn
}

// head is the beginning of a request whose body is said to have a length; a negative one sends it in chunks.
func head(method, path string, length int, more ...string) string {
	size := fmt.Sprintf("Content-Length: %d", length)
	if length < 0 {
		size = "Transfer-Encoding: chunked"
	}
	lines := append([]string{method + " " + path + " HTTP/1.1", "Host: x", "Content-Type: application/json", size},
		more...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// nextAnswer reads an answer to its end: its status, and whether it is the last on its connection.
func nextAnswer(from *bufio.Reader) (status int, last bool, err error) {
	answer, err := http.ReadResponse(from, nil)
	if err != nil {
		return 0, true, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Close, errors.Join(err, answer.Body.Close())
}

// drip sends a byte again and again until the other side has closed.
func drip(conn net.Conn) {
	for range time.Tick(100 * time.Millisecond) {
		if _, err := conn.Write([]byte(" ")); err != nil {
			return
		}
	}
}

// A body that stalls or drips is answered in the time that the log tells of, and costs no connection afterwards.
func TestBodiesThatStallAreAnsweredAndCut(t *testing.T) {
	t.Parallel()
	h, address := listening(t, func(*Config) {})
	token := "Authorization: Bearer " + h.SignedIn(h.Person().ID)
	for name, line := range map[string]struct {
		sent   string
		drips  bool
		status int
	}{
		"stalls at sign-in":                    {head("POST", "/api/v1/sessions", 100) + `{"numb`, false, 408},
		"drips at sign-in":                     {head("POST", "/api/v1/sessions", 100) + `{"numb`, true, 408},
		"stalls in the middle of a chunk":      {head("POST", "/api/v1/sessions", -1) + "40\r\n{", false, 408},
		"stalls before the first byte":         {head("POST", "/api/v1/sessions", 100), false, 408},
		"stalls in a session":                  {head("PUT", "/api/v1/me/language", 100, token) + "{", false, 408},
		"stalls where nobody is let in":        {head("PUT", "/api/v1/me/language", 100) + "{", false, 401},
		"drips where nobody is let in":         {head("PUT", "/api/v1/me/language", 100) + "{", true, 401},
		"a file stalls where nobody is let in": {head("POST", "/api/v1/uploads", 9<<20) + "-", false, 401},
		"stalls at an address nobody has":      {head("POST", "/api/v1/nothing", 100) + "{", false, 404},
		"drips at a method nobody takes":       {head("PATCH", "/api/v1/me", 100) + "{", true, 405},
		"a body that is too large stalls":      {head("POST", "/api/v1/sessions", 2<<20) + "{", false, 413},
		"waits to be let in, and is not": {head("PUT", "/api/v1/me/language", 100, "Expect: 100-continue"), false,
			401},
		"stalls with a question that has a body": {head("GET", "/api/v1/universities", 100) + "{", false, 408},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, address)
			began := time.Now()
			_, err := io.WriteString(conn, line.sent)
			require.NoError(t, err)
			if line.drips {
				go drip(conn)
			}
			status, last, err := nextAnswer(bufio.NewReader(conn))
			require.NoError(t, err)
			require.Equal(t, line.status, status)
			require.True(t, last, "it is the last answer on this connection")
			_, _ = io.Copy(io.Discard, conn) // until it is closed
			require.Less(t, time.Since(began), 10*time.Second)
		})
	}
}

// Who writes all of a file before they read gets the answer to it, too.
func TestRefusedFilesAreAnsweredToWhoSendsThemWhole(t *testing.T) {
	t.Parallel()
	h, address := listening(t, func(*Config) {})
	token := "Authorization: Bearer " + h.SignedIn(h.Person().ID)
	for name, line := range map[string]struct {
		head   string
		size   int
		status int
	}{
		"where nobody is let in": {head("POST", "/api/v1/uploads", 9<<20), 9 << 20, 401},
		"a file that is too large": {head("POST", "/api/v1/uploads", 25<<20, token,
			"Content-Type: multipart/form-data; boundary=x"), 25 << 20, 413},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, address)
			_, err := io.WriteString(conn, line.head)
			require.NoError(t, err)
			_, err = conn.Write(make([]byte, line.size))
			require.NoError(t, err, "all of it is taken")
			status, _, err := nextAnswer(bufio.NewReader(conn))
			require.NoError(t, err)
			require.Equal(t, line.status, status)
		})
	}
}

// Who is slow but comes in time is served, and whoever is refused with a whole body keeps the connection.
func TestBodiesThatAreSlowAreTaken(t *testing.T) {
	t.Parallel()
	_, address := listening(t, func(c *Config) { c.BodyTime = 20 * time.Second })
	conn := dial(t, address)
	answers := bufio.NewReader(conn)
	body := `{"university":"lcu","number":"1","password":"not-this-1"}`
	for _, part := range []string{head("POST", "/api/v1/sessions", len(body)), body[:7], body[7:]} {
		_, err := io.WriteString(conn, part)
		require.NoError(t, err)
	}
	next := func(want int) {
		status, last, err := nextAnswer(answers)
		require.NoError(t, err)
		require.Equal(t, want, status)
		require.False(t, last)
	}
	next(401)
	_, err := io.WriteString(conn, head("PUT", "/api/v1/me/language", 17)+`{"language":"en"}`)
	require.NoError(t, err)
	next(401)
	_, err = io.WriteString(conn, head("GET", "/api/v1/universities", 0))
	require.NoError(t, err)
	next(200)
}

// One address holds so many connections and no more, and has another when it lets one go.
func TestOneAddressHoldsSoManyConnections(t *testing.T) {
	t.Parallel()
	_, address := listening(t, func(c *Config) { c.PerAddress = 3 })
	served := func(conn net.Conn) bool {
		if _, err := io.WriteString(conn, head("GET", "/healthz", 0)); err != nil {
			return false
		}
		status, _, err := nextAnswer(bufio.NewReader(conn))
		return err == nil && status == http.StatusOK
	}
	var held []net.Conn
	for range 3 {
		held = append(held, dial(t, address))
		require.True(t, served(held[len(held)-1]))
	}
	require.False(t, served(dial(t, address)), "a fourth")
	require.True(t, served(held[0]), "those that are there are served")
	elsewhere, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext(t.Context(), "tcp",
		address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = elsewhere.Close() })
	require.True(t, served(elsewhere), "another address has its own")
	require.NoError(t, held[0].Close())
	require.Eventually(t, func() bool { return served(dial(t, address)) }, time.Minute, 10*time.Millisecond)
}

// Behind a proxy the bound is on the requests at work, by the address that the proxy names.
func TestOneAddressBehindAProxyHasSoManyRequests(t *testing.T) {
	t.Parallel()
	_, address := listening(t, func(c *Config) {
		c.PerAddress, c.TrustedProxies, c.BodyTime = 2, []string{"127.0.0.1"}, 10*time.Second
	})
	stall := func(from string) {
		_, err := io.WriteString(dial(t, address), head("POST", "/api/v1/sessions", 100, "X-Forwarded-For: "+from))
		require.NoError(t, err)
	}
	asks := func(from string) int {
		conn := dial(t, address)
		_, err := io.WriteString(conn, head("GET", "/healthz", 0, "X-Forwarded-For: "+from))
		require.NoError(t, err)
		status, _, err := nextAnswer(bufio.NewReader(conn))
		require.NoError(t, err)
		return status
	}
	stall("2001:db8::1")
	stall("2001:db8::2") // of the same /64, so the same holder
	require.Eventually(t, func() bool { return asks("2001:db8::3") == http.StatusTooManyRequests }, time.Minute,
		10*time.Millisecond)
	require.Equal(t, http.StatusOK, asks("2001:db8:0:1::1"))
	require.Equal(t, http.StatusOK, asks("203.0.113.9"))
}
