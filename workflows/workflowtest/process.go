package workflowtest

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"campuscard/campus"
	"campuscard/deploy"
	"campuscard/school"
	"campuscard/storage"
	"campuscard/worker"
)

// processVariable tells a test program that it is to be a worker.
const processVariable = "CAMPUSCARD_TEST_WORKER"

// process is what a worker in a process of its own needs to know.
type process struct {
	Storage            storage.Config
	School             school.Config
	Address, Namespace string
	Policy             string
}

// Process is a worker in a process of its own, which can be killed.
type Process struct {
	e   *Engine
	cmd *exec.Cmd
}

// Process starts this test program once more as a worker. Its TestMain must call RunProcess first.
func (e *Engine) Process() *Process {
	e.t.Helper()
	told, err := json.Marshal(process{
		Storage: e.Config, Address: e.Address, Namespace: e.Namespace, Policy: e.policy,
		School: school.Config{BaseURL: e.School.url, APIKey: apiKey, SMTPAddress: e.School.smtp,
			MailFrom: "card@campuscard.example", Timeout: patience},
	})
	require.NoError(e.t, err)
	program, err := os.Executable()
	require.NoError(e.t, err)
	p := &Process{e: e, cmd: exec.Command(program)}
	p.cmd.Env = append(os.Environ(), processVariable+"="+string(told))
	p.cmd.Stdout, p.cmd.Stderr = e.t.Output(), e.t.Output()
	require.NoError(e.t, p.cmd.Start())
	e.t.Cleanup(p.Kill)
	return p
}

// Kill ends the process without asking it; nothing it has in hand is finished.
func (p *Process) Kill() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have died by itself; then the case it worked on tells
	_ = p.cmd.Wait()
}

// RunProcess is a worker until it is killed, if this program was started to be one.
func RunProcess() {
	told, asked := os.LookupEnv(processVariable)
	if !asked {
		return
	}
	var p process
	err := json.Unmarshal([]byte(told), &p)
	if err == nil {
		err = p.run(context.Background())
	}
	if err != nil {
		slog.Error("the worker of a test has failed", "error", err)
	}
	os.Exit(1)
}

func (p process) run(ctx context.Context) error {
	quiet := slog.New(slog.DiscardHandler)
	policies, err := campus.LoadPolicies(policyFiles(p.Policy)...)
	if err != nil {
		return err
	}
	store, err := storage.Open(ctx, p.Storage, time.Now, quiet)
	if err != nil {
		return err
	}
	systems, err := school.New(p.School)
	if err != nil {
		return err
	}
	temporal, err := client.NewLazyClient(client.Options{HostPort: p.Address, Namespace: p.Namespace,
		Logger: sdklog.NewStructuredLogger(quiet)})
	if err != nil {
		return err
	}
	return worker.New(worker.Config{Unmanaged: true}, temporal, store, systems, policies, quiet).Run(ctx)
}

// patience keeps a busy machine from being taken for a school that does not answer.
const patience = 30 * time.Second

// policyFiles are the default policy with more patience, and what is laid over it.
func policyFiles(over string) [][]byte {
	files := [][]byte{deploy.Policy, []byte("steps: {call: " + patience.String() + "}")}
	if over != "" {
		files = append(files, []byte(over))
	}
	return files
}
