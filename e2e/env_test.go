package e2e

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	temporalclient "go.temporal.io/sdk/client"

	"campuscard/campus"
	"campuscard/deploy/stack"
	"campuscard/e2e/client"
	"campuscard/e2e/story"
	"campuscard/storage/storagetest"
)

const (
	people   = "2800"           // at the school: two rounds of newcomers, as the stories are played twice and take somebody of every kind
	patience = 60 * time.Second // of everything that waits for a process
)

// env is the real binary as processes of its own, on the servers that the tests share. Temporal is reached through a
// gate, so that it can be away for this house alone.
type env struct {
	t       *testing.T
	binary  string // of the product
	school  string // and of its neighbours
	env     map[string]string
	gate    *gate
	running map[string]*process
	traces  *traces
	world   *story.World
	told    func(line string) // called for each line a story tells
}

func newEnv(t *testing.T) *env {
	t.Helper()
	h := &env{t: t, binary: build(t, raceFlags()...), school: build(t), running: map[string]*process{},
		told: func(string) {}}
	h.gate = openGate(t, temporalAddress(t))
	h.env = environment(t, h.gate.address)
	h.traces = collectTraces(t)
	h.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = h.traces.address
	dropNamespace(t, h.gate.behind, h.env["TEMPORAL_NAMESPACE"])
	t.Cleanup(func() {
		for _, p := range h.running {
			p.kill()
		}
	})
	h.start("simulator")
	h.await(h.env["SCHOOL_URL"] + "/healthz")
	h.job("migrate")
	h.job("seed")
	h.start("worker")
	h.job("promote")
	h.start("api")
	h.await(h.api() + "/readyz")
	h.await(h.worker() + "/readyz")
	h.world = story.New(story.Config{
		API: h.api(), School: h.env["SCHOOL_URL"], StaffPassword: h.env["SEED_STAFF_PASSWORD"], KioskKey: h.env["SEED_KIOSK_KEY"],
		Language: campus.English, Patience: patience, Limit: patience,
		Tell: func(line string) {
			if testing.Verbose() { // hundreds of lines, which would hide what went wrong
				t.Log(line)
			}
			h.told(line)
		},
	})
	return h
}

// build compiles the program. What is under test has the race detector if the test has it; the school's systems are
// not, and look at pictures ten times slower under it.
func build(t *testing.T, flags ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "campuscard")
	args := append([]string{"build", "-buildvcs=false", "-o", path}, flags...)
	cmd := exec.CommandContext(t.Context(), "go", append(args, "campuscard")...)
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return path
}

// temporalAddress starts what does not run of the servers.
func temporalAddress(t *testing.T) string {
	t.Helper()
	opts, err := stack.TestOptions(nil)
	require.NoError(t, err)
	servers, err := stack.Open(t.Context(), opts)
	require.NoError(t, err)
	require.NoError(t, servers.Up(t.Context(), stack.Infra()...))
	return servers.Env()["TEMPORAL_ADDRESS"]
}

// environment is what the processes are told: a database, a bucket and a namespace of their own, free ports, and
// secrets that nobody else has.
func environment(t *testing.T, temporal string) map[string]string {
	t.Helper()
	empty := storagetest.Empty(t)
	ports := freeAddresses(t, 4)
	policy, err := filepath.Abs(filepath.Join("..", "deploy", "policy.demo.yaml"))
	require.NoError(t, err)
	return map[string]string{
		"DATABASE_URL": empty.DatabaseURL, "DATABASE_OWNER_URL": empty.OwnerURL,
		"S3_ENDPOINT": empty.Objects.Endpoint, "S3_BUCKET": empty.Objects.Bucket,
		"S3_ACCESS_KEY": empty.Objects.AccessKey, "S3_SECRET_KEY": empty.Objects.SecretKey,
		"DATA_KEY":         base64.StdEncoding.EncodeToString(empty.Keys.Data),
		"PEPPER":           base64.StdEncoding.EncodeToString(empty.Keys.Pepper),
		"TEMPORAL_ADDRESS": temporal, "TEMPORAL_NAMESPACE": "e2e-" + random(6),
		"API_ADDRESS": ports[0], "CALLBACK_URL": "http://" + ports[0] + "/api/v1/hooks", "WORKER_ADDRESS": ports[1],
		"SIMULATOR_ADDRESS": ports[2], "SCHOOL_URL": "http://" + ports[2], "SIMULATOR_SMTP_ADDRESS": ports[3], "SMTP_ADDRESS": ports[3],
		"SIMULATOR_STATE": t.TempDir(), "SIMULATOR_PEOPLE": people, "SCHOOL_API_KEY": random(16),
		"CALLBACK_SECRET":     newSecret(),
		"HR_CALLBACK_SECRETS": "lcu=" + newSecret() + ";lcvtc=" + newSecret(),
		"CHANNEL_SECRETS": "wallet/lcu=" + newSecret() + ";wallet/lcvtc=" + newSecret() +
			";bank/lcu=" + newSecret() + ";bank/lcvtc=" + newSecret(),
		"CHIP_KEYS":           "1=" + base64.StdEncoding.EncodeToString([]byte(random(8))),
		"SEED_STAFF_PASSWORD": random(8), "SEED_KIOSK_KEY": random(16), "POLICY_FILE": policy,
		"DRAIN_DELAY": "200ms",
		"GORACE":      "halt_on_error=1",
	}
}

// newSecret is one of Standard Webhooks.
func newSecret() string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(random(16))) }

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}

// freeAddresses are addresses on which nobody listened a moment ago.
func freeAddresses(t *testing.T, n int) []string {
	t.Helper()
	var addresses []string
	for range n {
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer listener.Close() //nolint:errcheck // all are held until the last is found
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses
}

// dropNamespace has Temporal forget this house when the test is over, and its open cases with it.
func dropNamespace(t *testing.T, temporal, namespace string) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		c, err := temporalclient.DialContext(ctx, temporalclient.Options{HostPort: temporal})
		if err != nil {
			t.Logf("namespace %s stays: %v", namespace, err)
			return
		}
		defer c.Close()
		_, err = c.OperatorService().DeleteNamespace(ctx, &operatorservice.DeleteNamespaceRequest{Namespace: namespace})
		if err != nil {
			t.Logf("namespace %s stays: %v", namespace, err)
		}
	})
}

func (h *env) api() string    { return "http://" + h.env["API_ADDRESS"] }
func (h *env) worker() string { return "http://" + h.env["WORKER_ADDRESS"] }

// command is the program with the house's environment and nothing of ours that matters.
func (h *env) command(job string) *exec.Cmd {
	binary := h.binary
	if job == "simulator" {
		binary = h.school
	}
	cmd := exec.Command(binary, job)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for _, name := range slices.Sorted(maps.Keys(h.env)) {
		if name == "DATABASE_OWNER_URL" && job != "migrate" { // the program works without it
			continue
		}
		cmd.Env = append(cmd.Env, name+"="+h.env[name])
	}
	return cmd
}

// job runs one of the program's jobs to its end and returns what it said.
func (h *env) job(name string) string {
	h.t.Helper()
	cmd := h.command(name)
	output, err := cmd.CombinedOutput()
	require.NoError(h.t, err, "%s: %s", name, output)
	return string(output)
}

// start starts services.
func (h *env) start(names ...string) {
	h.t.Helper()
	require.NoError(h.t, h.restart(names...))
}

// restart starts services, maybe again; also outside the test's goroutine.
func (h *env) restart(names ...string) error {
	for _, name := range names {
		p, err := startProcess(h.t, name, h.command(name))
		if err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
		h.running[name] = p
	}
	return nil
}

// await waits until an address answers well.
func (h *env) await(address string) []byte {
	h.t.Helper()
	body, err := client.New(address, campus.English, patience).Page(h.t.Context(), "")
	require.NoError(h.t, err)
	return body
}

// ask asks once and takes any answer.
func (h *env) ask(address string) (int, error) {
	request, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}
