package e2e

import (
	"context"
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
)

// traces collects what the processes tell an OpenTelemetry collector: for each trace the names of its spans, with the
// service before them.
type traces struct {
	collector.UnimplementedTraceServiceServer
	address string
	mu      sync.Mutex
	spans   map[string][]string
}

func collectTraces(t *testing.T) *traces {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &traces{address: "http://" + listener.Addr().String(), spans: map[string][]string{}}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, c)
	go func() { _ = server.Serve(listener) }() // until Stop
	t.Cleanup(server.Stop)
	return c
}

// Export implements the collector.
func (c *traces) Export(_ context.Context,
	in *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range in.GetResourceSpans() {
		service := ""
		for _, attribute := range resource.GetResource().GetAttributes() {
			if attribute.GetKey() == "service.name" {
				service = attribute.GetValue().GetStringValue()
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				id := hex.EncodeToString(span.GetTraceId())
				c.spans[id] = append(c.spans[id], service+" "+span.GetName())
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// has tells whether one trace has a span for each of the wanted beginnings.
func (c *traces) has(wanted ...string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, spans := range c.spans {
		found := func(prefix string) bool {
			return slices.ContainsFunc(spans, func(s string) bool { return strings.HasPrefix(s, prefix) })
		}
		if !slices.ContainsFunc(wanted, func(prefix string) bool { return !found(prefix) }) {
			return true
		}
	}
	return false
}

// oneTrace: what a student's request sets going is one trace, through the outbox and the workflow to the school's
// system.
func oneTrace(t *testing.T, h *env) {
	require.Eventually(t, func() bool {
		return h.traces.has("campuscard-api POST /api/v1/applications", "campuscard-worker outbox start",
			"campuscard-worker RunWorkflow:application", "campuscard-worker RunActivity:CheckRegistry", "campuscard-worker GET academic")
	}, patience, 200*time.Millisecond)
}
