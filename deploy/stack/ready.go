package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// errDied ends waiting early: nothing more will come of that process.
var errDied = errors.New("died")

// await asks until the answer is yes, with growing pauses; it gives up when the process has died or patience is over.
func await(ctx context.Context, p *process, patience time.Duration, ask func(context.Context) error) error {
	deadline := time.Now().Add(patience)
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		err := askOnce(ctx, ask)
		switch {
		case err == nil:
			return nil
		case !p.alive():
			return errDied
		case time.Now().After(deadline):
			return fmt.Errorf("does not answer after %s: %w", patience, err)
		}
		if err := pause(ctx, wait); err != nil {
			return fmt.Errorf("wait for an answer: %w", err)
		}
	}
}

func askOnce(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return ask(ctx)
}

// answersHTTP is satisfied by any 2xx.
func answersHTTP(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		// Its own connection: an idle one of a server that was just replaced would answer with a reset.
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		if resp.StatusCode/100 != 2 {
			return fmt.Errorf("%s: %s: %s", url, resp.Status, body)
		}
		return nil
	}
}

// serves asks a gRPC server's standard health service about one of its services.
func serves(ctx context.Context, address, service string) error {
	return withConn(address, func(conn *grpc.ClientConn) error {
		resp, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
		if err != nil {
			return err
		}
		if resp.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			return fmt.Errorf("%s at %s is %s", service, address, resp.GetStatus())
		}
		return nil
	})
}

func withConn(address string, do func(*grpc.ClientConn) error) (err error) {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return do(conn)
}
