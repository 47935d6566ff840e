package core

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"campuscard/campus"
)

// A connection costs a descriptor for as long as it is open, whatever comes over it. Time limits end each of them; this
// is the bound on how many one address may hold at the same time. A campus behind one address needs many, so the bound
// is configuration. Our own proxies hold those of everybody: their connections are not counted, and of what they pass
// on the requests at work are, by the address that the proxy names.

// shares counts what each address holds.
type shares struct {
	most    int
	trusted []netip.Prefix
	mu      sync.Mutex
	held    map[netip.Prefix]int
}

// NewShares bounds what one client address may have at a time. The error says which proxy cannot be read.
func NewShares(most int, proxies []string) (*shares, error) {
	s := &shares{most: most, held: map[netip.Prefix]int{}}
	for _, proxy := range proxies {
		prefix, err := netip.ParsePrefix(proxy)
		if err != nil {
			var address netip.Addr
			if address, err = netip.ParseAddr(proxy); err != nil {
				return nil, fmt.Errorf("read the trusted proxies: %q is neither an address nor a network", proxy)
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		s.trusted = append(s.trusted, prefix.Masked())
	}
	return s, nil
}

// owner returns the network that an address belongs to: for IPv6 its /64, because one customer has all of it.
func owner(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := 32
	if address.Is6() {
		bits = 64
	}
	prefix, _ := address.Prefix(bits) // the bits fit
	return prefix
}

func (s *shares) trusts(address netip.Addr) bool {
	for _, proxy := range s.trusted {
		if proxy.Contains(address.Unmap()) {
			return true
		}
	}
	return false
}

// take counts one more for an address, unless it has its share. The returned function gives it back.
func (s *shares) take(address netip.Addr) (back func(), ok bool) {
	key := owner(address)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[key] >= s.most {
		return nil, false
	}
	s.held[key]++
	return sync.OnceFunc(func() { s.giveBack(key) }), true
}

func (s *shares) giveBack(key netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[key]--; s.held[key] <= 0 {
		delete(s.held, key)
	}
}

// boundedListener closes what one address opens beyond its share, unread: an answer would need a reader.
type boundedListener struct {
	net.Listener
	shares  *shares
	metrics *metrics
	log     *slog.Logger
	seldom  rate.Sometimes
}

func (s *Server) bounded(listener net.Listener) net.Listener {
	return &boundedListener{Listener: listener, shares: s.connections, metrics: s.Metrics, log: s.Log,
		seldom: rate.Sometimes{Interval: time.Minute}}
}

// Accept implements net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, err := netip.ParseAddrPort(conn.RemoteAddr().String())
		if err != nil || l.shares.trusts(from.Addr()) {
			return conn, nil
		}
		if back, ok := l.shares.take(from.Addr()); ok {
			return &sharedConn{conn, back}, nil
		}
		_ = conn.Close() // nobody is told more
		l.metrics.refused.Inc()
		l.seldom.Do(func() {
			l.log.Warn("connections are closed: one address has as many as it may", "most", l.shares.most)
		})
	}
}

// sharedConn gives its address the share back when it is closed.
type sharedConn struct {
	net.Conn
	back func()
}

// Close implements net.Conn.
func (c *sharedConn) Close() error {
	defer c.back()
	return c.Conn.Close()
}

// shareOut refuses a request of an address that has its share of requests at work. Without a proxy its connections have
// been counted before, and this never happens.
func (s *Server) shareOut(c *gin.Context) {
	address, err := netip.ParseAddr(c.ClientIP())
	if err != nil {
		return
	}
	callOfGin(c).Address = owner(address).String()
	back, ok := s.AtWork.take(address)
	if !ok {
		s.refuse(c, campus.Errorf(campus.TooMany, "address_busy",
			"one address has too many requests at work").After(retryAfter))
		return
	}
	defer back()
	c.Next()
}
