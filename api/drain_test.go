package api_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/api"
	"campuscard/storage/storagetest"
)

// Who sends requests here has to see that the server goes before it closes its port.
func TestServerSaysThatItDrainsBeforeItCloses(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	cfg := config(h)
	cfg.Address, cfg.DrainDelay = free.Addr().String(), 2*time.Second
	server, err := api.New(cfg, h.Store, nowhere(t), h.Log)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	answers := func(status int) func() bool {
		return func() bool {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+cfg.Address+"/readyz", http.NoBody)
			require.NoError(t, err)
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				return false
			}
			require.NoError(t, answer.Body.Close())
			return answer.StatusCode == status
		}
	}
	require.Eventually(t, answers(http.StatusOK), time.Minute, 10*time.Millisecond)
	told := time.Now()
	stop()
	require.Eventually(t, answers(http.StatusServiceUnavailable), cfg.DrainDelay, 10*time.Millisecond)
	require.NoError(t, <-ended)
	require.GreaterOrEqual(t, time.Since(told), cfg.DrainDelay)
	require.False(t, answers(http.StatusServiceUnavailable)(), "its port is closed")
}
