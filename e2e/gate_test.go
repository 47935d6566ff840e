package e2e

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// gate passes connections on to Temporal while it is open. Shut, it breaks those that are there and takes no others:
// so Temporal is away for one house, and stays for all the other tests.
type gate struct {
	address string
	behind  string

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
}

func openGate(t *testing.T, behind string) *gate {
	t.Helper()
	g := &gate{address: "127.0.0.1:0", behind: behind, conns: map[net.Conn]bool{}}
	require.NoError(t, g.Start(t.Context()))
	g.address = g.listener.Addr().String()
	t.Cleanup(func() { _ = g.Stop(context.WithoutCancel(t.Context())) })
	return g
}

// Start opens the gate.
func (g *gate) Start(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", g.address)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listener = listener
	go g.serve(listener)
	return nil
}

// Stop shuts the gate.
func (g *gate) Stop(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := g.listener.Close()
	for conn := range g.conns {
		_ = conn.Close() // it is to break
	}
	return err
}

func (g *gate) serve(listener net.Listener) {
	for {
		front, err := listener.Accept()
		if err != nil {
			return // shut
		}
		go g.pass(front)
	}
}

func (g *gate) pass(front net.Conn) {
	defer g.drop(front)
	back, err := net.Dial("tcp", g.behind)
	if err != nil {
		return
	}
	defer g.drop(back)
	g.mu.Lock()
	g.conns[front], g.conns[back] = true, true
	g.mu.Unlock()
	go func() {
		_, _ = io.Copy(back, front) // ends when either side breaks
		_ = back.Close()
	}()
	_, _ = io.Copy(front, back)
}

func (g *gate) drop(conn net.Conn) {
	_ = conn.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, conn)
}
