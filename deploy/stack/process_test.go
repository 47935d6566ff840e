package stack

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func listen(t *testing.T, port int) (stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", address(port))
	require.NoError(t, err)
	return func() { require.NoError(t, listener.Close()) }
}

// fakeCampuscard writes a module whose binary is a stand-in for ours: it serves, dies or changes as a test wants.
func fakeCampuscard(t *testing.T, extra string) (root string) {
	t.Helper()
	root = t.TempDir()
	writeFake(t, root, extra)
	for name, content := range map[string]string{"go.mod": "module fake\n\ngo 1.26\n",
		"deploy/policy.demo.yaml": "days: 1\n"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(content), 0o644))
	}
	return root
}

func writeFake(t *testing.T, root, extra string) {
	t.Helper()
	program := `package main

import (
	"net/http"
	"os"
)

func main() {
	` + extra + `
	http.HandleFunc("/healthz", func(w http.ResponseWriter, r *http.Request) {})
	println("serving", os.Args[1])
	println(http.ListenAndServe(os.Getenv("SIMULATOR_ADDRESS"), nil).Error())
}
`
	require.NoError(t, os.WriteFile(filepath.Join(root, "main.go"), []byte(program), 0o644))
}

func logHas(p *process, text string) func(context.Context) error {
	return func(context.Context) error {
		if !strings.Contains(tail(p.Log, p.LogOffset), text) {
			return errors.New("not yet")
		}
		return nil
	}
}

func pidOf(t *testing.T, s *Stack, part Part) int {
	t.Helper()
	p, err := s.recorded(part)
	require.NoError(t, err)
	require.True(t, p != nil && p.alive(), "%s does not run", part)
	return p.PID
}

func stateOf(t *testing.T, s *Stack, part Part) string {
	t.Helper()
	list, err := s.Status(t.Context(), part)
	require.NoError(t, err)
	require.Len(t, list, 1)
	return list[0].State
}

func TestUpStartsOnlyWhatIsDeadOrChanged(t *testing.T) {
	root := fakeCampuscard(t, "")
	s, _ := open(t, root)
	up := func() int {
		require.NoError(t, s.Up(t.Context(), Simulator))
		return pidOf(t, s, Simulator)
	}
	first := up()
	require.Equal(t, first, up(), "restarted without need")

	require.NoError(t, syscall.Kill(first, syscall.SIGKILL))
	require.Eventually(t, func() bool { return stateOf(t, s, Simulator) == "died" }, time.Minute, 5*time.Millisecond)
	second := up()
	require.NotEqual(t, first, second, "not restarted after kill -9")

	writeFake(t, root, `println("changed")`)
	third := up()
	require.NotEqual(t, second, third, "not restarted with the new binary")

	require.NoError(t, os.WriteFile(s.opts.Policy, []byte("days: 2\n"), 0o644))
	require.NotEqual(t, third, up(), "not restarted with the new policy")

	require.Equal(t, "up", stateOf(t, s, Simulator))
	require.NoError(t, s.Down(t.Context()))
	require.Equal(t, "down", stateOf(t, s, Simulator))
	require.NoError(t, awaitFree(t.Context(), []int{s.ports.Simulator}))
}

func TestWhatDiesIsNamedWithItsLog(t *testing.T) {
	s, _ := open(t, fakeCampuscard(t, `println("no room on the shelf"); os.Exit(3)`))
	err := s.Up(t.Context(), Simulator)
	require.ErrorIs(t, err, errDied)
	require.ErrorContains(t, err, "simulator: died")
	require.ErrorContains(t, err, "no room on the shelf")
}

func TestWhatDoesNotCompileIsShown(t *testing.T) {
	s, _ := open(t, fakeCampuscard(t, `undefined()`))
	require.ErrorContains(t, s.Up(t.Context(), Simulator), "undefined: undefined")
}

func TestAProcessThatIgnoresSIGTERMIsKilled(t *testing.T) {
	s, said := open(t, t.TempDir())
	p, err := s.spawn(Simulator, command{path: "/bin/sh",
		args: []string{"-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"}})
	require.NoError(t, err)
	require.NoError(t, await(t.Context(), p, 10*time.Second, logHas(p, "ready")))
	require.NoError(t, s.stop(t.Context(), p, syscall.SIGTERM, 100*time.Millisecond))
	require.False(t, p.alive())
	require.Contains(t, said.String(), "killed")
}

// The id of a process that is gone may by now be somebody else's.
func TestSomebodyElsesProcessIsLeftAlone(t *testing.T) {
	other := exec.CommandContext(t.Context(), "sleep", "60")
	require.NoError(t, other.Start())
	t.Cleanup(func() {
		require.NoError(t, other.Process.Kill())
		_ = other.Wait() // "killed", as wanted
	})
	s, _ := open(t, t.TempDir())
	stale := &process{Part: Simulator, PID: other.Process.Pid, Born: "1@another-boot"}
	require.NoError(t, s.record(stale))

	require.False(t, stale.alive())
	require.NoError(t, s.stop(t.Context(), stale, syscall.SIGKILL, time.Second))
	require.NotEmpty(t, birth(other.Process.Pid), "killed a process this stack did not start")
}

func TestAZombieIsDead(t *testing.T) {
	child := exec.CommandContext(t.Context(), "sleep", "60")
	require.NoError(t, child.Start())
	require.NotEmpty(t, birth(child.Process.Pid))
	require.NoError(t, child.Process.Kill())
	require.Eventually(t, func() bool { return birth(child.Process.Pid) == "" }, time.Minute, 5*time.Millisecond)
	_ = child.Wait() // only now is it reaped
}

func TestBackgroundProcessHoldsNothingOfItsStarter(t *testing.T) {
	s, _ := open(t, t.TempDir())
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	// A descriptor without close-on-exec, as a CI runner or make leaves them open.
	_, _, errno := syscall.Syscall(syscall.SYS_FCNTL, writer.Fd(), syscall.F_SETFD, 0)
	require.Zero(t, errno)
	p, err := s.spawn(Simulator, command{path: "/bin/sleep", args: []string{"60"}})
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	require.NoError(t, reader.SetReadDeadline(time.Now().Add(10*time.Second)))
	_, err = reader.Read(make([]byte, 1))
	require.ErrorContains(t, err, "EOF", "the child still holds the pipe")
	sid, _, errno := syscall.Syscall(syscall.SYS_GETSID, uintptr(p.PID), 0, 0)
	require.Zero(t, errno)
	require.Equal(t, p.PID, int(sid), "not a session of its own")
}
