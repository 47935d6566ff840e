package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

const (
	defaultPortBase = 7200
	portCount       = 18
	highestPort     = 32767 // Temporal keeps its ports in a smallint
	loopback        = "127.0.0.1"
)

// ports are the stack's ports, each at a fixed distance from the base, so that one number moves all of them.
type ports struct {
	API, Worker, Simulator, SMTP int
	Postgres                     int

	// Temporal's four services have a gRPC port and a membership port each.
	Frontend, FrontendHTTP, History, Matching, Internal                            int
	FrontendMember, HistoryMember, MatchingMember, InternalMember, TemporalMetrics int

	UI, S3, Terminal int
}

func portsFrom(base int) ports {
	return ports{
		API: base, Worker: base + 1, Simulator: base + 2, SMTP: base + 3,
		Postgres: base + 4,
		Frontend: base + 5, FrontendHTTP: base + 6, History: base + 7, Matching: base + 8, Internal: base + 9,
		FrontendMember: base + 10, HistoryMember: base + 11, MatchingMember: base + 12, InternalMember: base + 13,
		TemporalMetrics: base + 14,
		UI:              base + 15, S3: base + 16, Terminal: base + 17,
	}
}

func parsePortBase(text string) (int, error) {
	base, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("port base %q is not a number", text)
	}
	return base, checkPortBase(base)
}

func checkPortBase(base int) error {
	if base < 1024 || base+portCount > highestPort {
		return fmt.Errorf("port base %d: the stack needs %d ports between 1024 and %d", base, portCount, highestPort)
	}
	return nil
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

func webAddress(port int) string { return "http://" + address(port) }

// awaitFree says which port is taken before a program dies of it with a message of its own. It allows a moment: a
// process that was killed is seen as dead shortly before the kernel has closed what it held.
func awaitFree(ctx context.Context, wanted []int) error {
	deadline := time.Now().Add(2 * time.Second)
	for {
		err := checkFree(ctx, wanted)
		if !errors.Is(err, errTaken) || time.Now().After(deadline) {
			return err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("wait for free ports: %w", err)
		}
	}
}

var errTaken = errors.New("taken by a process this stack did not start: stop it, or move the stack with PORT_BASE")

func checkFree(ctx context.Context, wanted []int) error {
	for _, port := range wanted {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address(port))
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("port %d: %w", port, errTaken)
		}
		if err != nil {
			return fmt.Errorf("try port %d: %w", port, err)
		}
		if err := listener.Close(); err != nil {
			return fmt.Errorf("close trial listener on port %d: %w", port, err)
		}
	}
	return nil
}
