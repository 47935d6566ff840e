package storagetest

import (
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/storage"
)

// Proxy is a way to a real server that can be blocked, so that one test can have an outage while others have none.
type Proxy struct {
	listener net.Listener
	target   string

	mu     sync.Mutex
	moved  *sync.Cond // the state has changed
	state  proxyState
	opened map[net.Conn]bool
}

type proxyState int

const (
	passing  proxyState = iota
	hanging             // connections are accepted, and nothing is ever answered
	refusing            // connections are closed
	closed
)

// NewProxy opens a way to the server at target, a host and a port.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &Proxy{listener: listener, target: target, opened: map[net.Conn]bool{}}
	p.moved = sync.NewCond(&p.mu)
	go p.accept()
	t.Cleanup(func() { _ = listener.Close(); p.become(closed) })
	return p
}

// Address returns where the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Pass lets everything through, also what has been held back.
func (p *Proxy) Pass() { p.become(passing) }

// Hang holds everything back from now on, like a server that was stopped.
func (p *Proxy) Hang() { p.become(hanging) }

// Refuse ends every connection, and each new one at once.
func (p *Proxy) Refuse() { p.become(refusing) }

func (p *Proxy) become(state proxyState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = state
	if state == refusing || state == closed {
		for conn := range p.opened {
			_ = conn.Close() // both ends hear of it
		}
	}
	p.moved.Broadcast()
}

// open waits until something may pass, and tells whether it still can.
func (p *Proxy) open() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.state == hanging {
		p.moved.Wait()
	}
	return p.state == passing
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.carry(conn)
	}
}

// carry connects one caller with the server.
func (p *Proxy) carry(caller net.Conn) {
	if !p.keep(caller) {
		return
	}
	defer p.drop(caller)
	if !p.open() {
		return
	}
	server, err := net.Dial("tcp", p.target) //nolint:noctx // it lives as long as the caller's connection
	if err != nil {
		return
	}
	if !p.keep(server) {
		return
	}
	defer p.drop(server)
	go p.copy(server, caller)
	p.copy(caller, server)
}

func (p *Proxy) copy(to, from net.Conn) {
	defer to.Close() //nolint:errcheck // the other end is gone
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !p.open() {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *Proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == refusing || p.state == closed {
		_ = conn.Close()
		return false
	}
	p.opened[conn] = true
	return true
}

func (p *Proxy) drop(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.opened, conn)
	_ = conn.Close()
}

// Detour is the test's store once more, by ways that can be blocked.
type Detour struct {
	*storage.Store
	Postgres, Objects *Proxy
}

// Detour opens the test's database and bucket by proxies.
func (h *Env) Detour(t testing.TB) *Detour {
	t.Helper()
	d := &Detour{}
	cfg := h.Config
	cfg.DatabaseURL, d.Postgres = around(t, cfg.DatabaseURL)
	cfg.Objects.Endpoint, d.Objects = around(t, cfg.Objects.Endpoint)
	var err error
	d.Store, err = storage.Open(t.Context(), cfg, h.Clock.Now, h.Log)
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

// around returns an address by a proxy.
func around(t testing.TB, address string) (string, *Proxy) {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	p := NewProxy(t, u.Host)
	u.Host = p.Address()
	return u.String(), p
}
