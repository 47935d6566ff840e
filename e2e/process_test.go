package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is one running service.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed at its end
	err  error         // how it ended, then
}

// startProcess starts a service that ends with the test at the latest. What it logs is shown if the test fails.
func startProcess(t *testing.T, name string, cmd *exec.Cmd) (*process, error) {
	log, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last lines of %s:\n%s", name, lastLines(log.Name(), 12))
		}
		log.Close() //nolint:errcheck,gosec // written by the child
	})
	return p, nil
}

func lastLines(path string, n int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// kill is kill -9, and waits for the end. One that has ended is left alone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// ended waits for the end and tells how it was.
func (p *process) ended() error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(patience):
		return fmt.Errorf("still there after %s", patience)
	}
}

// terminate asks for an end without waiting for it.
func (p *process) terminate() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
