package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// line is a connection of a till. It is written to and read from by the one who uses it, without the goroutines and the
// pool of http.Client: the measured and those who measure share the machine.
type line struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
	out     bytes.Buffer
}

// lineTime is the longest that an answer may take.
const lineTime = 30 * time.Second

func dial(address string) (*line, error) {
	conn, err := (&net.Dialer{Timeout: lineTime}).Dial("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", address, err)
	}
	return &line{address: address, conn: conn, in: bufio.NewReader(conn)}, nil
}

func (l *line) close() { _ = l.conn.Close() }

// ask sends a request and returns the body of the answer, which must be a good one. header has a name and a value by
// turns.
func (l *line) ask(method, path string, body []byte, header ...string) ([]byte, error) {
	l.out.Reset()
	fmt.Fprintf(&l.out, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, l.address)
	for i := 0; i < len(header); i += 2 {
		fmt.Fprintf(&l.out, "%s: %s\r\n", header[i], header[i+1])
	}
	if body != nil {
		fmt.Fprintf(&l.out, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	l.out.WriteString("\r\n")
	l.out.Write(body)
	if err := l.conn.SetDeadline(time.Now().Add(lineTime)); err != nil {
		return nil, err
	}
	if _, err := l.conn.Write(l.out.Bytes()); err != nil {
		return nil, fmt.Errorf("send to %s: %w", path, err)
	}
	answer, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return nil, fmt.Errorf("hear of %s: %w", path, err)
	}
	text, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close() // it is read to its end
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d: %s", path, answer.StatusCode, text)
	}
	return text, err
}
