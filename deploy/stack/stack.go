package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Options say which stack is meant. Two stacks run side by side when name (or DataDir) and PortBase differ.
type Options struct {
	Name     string // "dev" when empty; names the data and the log folder
	PortBase int    // the first of the stack's ports; 7200 when zero
	DataDir  string // see dataDir when empty; everything that outlives a process lives here
	Root     string // the working tree; when empty the module the current folder belongs to
	Policy   string // policy file, relative to Root; deploy/policy.demo.yaml when empty
	// trades durability for speed (no fsync) and lets the database role create databases: for tests
	Fast bool
	Env  map[string]string // what campuscard is told beside or instead of the stack's own, e.g. SIMULATOR_PEOPLE
	Log  io.Writer         // where progress goes; nil is nowhere
}

// TestOptions describe the stack that the tests share. TEST_PORT_BASE and TEST_DATA_DIR move it, so that `make test`
// and a plain `go test` agree on where it is.
func TestOptions(log io.Writer) (Options, error) {
	opts := Options{Name: "test", PortBase: 7300, DataDir: os.Getenv("TEST_DATA_DIR"), Fast: true, Log: log}
	if moved := os.Getenv("TEST_PORT_BASE"); moved != "" {
		base, err := parsePortBase(moved)
		if err != nil {
			return Options{}, fmt.Errorf("read TEST_PORT_BASE: %w", err)
		}
		opts.PortBase = base
	}
	return opts, nil
}

// Stack is one stack on this machine, running or not.
type Stack struct {
	opts     Options
	ports    ports
	external external
	secrets  secrets
	tools    *toolbox
	progress *progress
	users    *os.File // holds a shared lock from the first Up until the process ends
}

// Open finds the stack's folders and reads its secrets, which it makes on the first call. It starts nothing.
func Open(ctx context.Context, opts Options) (*Stack, error) {
	opts, err := opts.withDefaults(ctx)
	if err != nil {
		return nil, err
	}
	s := &Stack{opts: opts, ports: portsFrom(opts.PortBase), progress: newProgress(opts.Log)}
	if s.external, err = externalFromEnv(os.Getenv); err != nil {
		return nil, err
	}
	for _, dir := range []string{s.dataPath("run"), s.dataPath("bin"), s.logDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make the stack's folder: %w", err)
		}
	}
	if s.tools, err = newToolbox(s.logDir(), s.progress); err != nil {
		return nil, err
	}
	// A lock of its own: status and env must answer while a first `make up` holds the other one for minutes.
	unlock, err := lockFile(ctx, s.dataPath("secrets.lock"), func() {})
	if err != nil {
		return nil, err
	}
	defer unlock()
	if s.secrets, err = loadSecrets(s.dataPath("secrets.env")); err != nil {
		return nil, err
	}
	return s, nil
}

func (o Options) withDefaults(ctx context.Context) (Options, error) {
	if o.Name == "" {
		o.Name = "dev"
	}
	if strings.ContainsAny(o.Name, `/\ `) || strings.HasPrefix(o.Name, ".") {
		return o, fmt.Errorf("stack name %q: it names folders, so it has no spaces, slashes or leading dot", o.Name)
	}
	if o.PortBase == 0 {
		o.PortBase = defaultPortBase
	}
	if err := checkPortBase(o.PortBase); err != nil {
		return o, err
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	var err error
	if o.Root == "" {
		if o.Root, err = moduleRoot(ctx); err != nil {
			return o, err
		}
	}
	if o.DataDir == "" {
		if o.DataDir, err = dataDir(o.Name); err != nil {
			return o, err
		}
	}
	if o.DataDir, err = filepath.Abs(o.DataDir); err != nil {
		return o, fmt.Errorf("resolve data folder: %w", err)
	}
	if o.Policy == "" {
		o.Policy = filepath.Join("deploy", "policy.demo.yaml")
	}
	if !filepath.IsAbs(o.Policy) {
		o.Policy = filepath.Join(o.Root, o.Policy)
	}
	return o, nil
}

// dataDir is outside the working tree, so that removing a clone or `git clean` loses no data and no secret is ever
// near a commit. Root's is under /var/lib because Postgres, which refuses root, could not enter /root.
func dataDir(name string) (string, error) {
	if os.Geteuid() == 0 {
		return filepath.Join("/var/lib/campuscard", name), nil
	}
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the home folder for the stack's data: %w", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "campuscard", name), nil
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("ask go for the module's folder: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", errors.New("not inside the campuscard module: run this in its working tree")
	}
	return filepath.Dir(mod), nil
}

func (s *Stack) dataPath(parts ...string) string {
	return filepath.Join(append([]string{s.opts.DataDir}, parts...)...)
}

func (s *Stack) logDir() string { return filepath.Join(s.opts.Root, ".run", s.opts.Name, "logs") }

// DataDir returns where the stack keeps what outlives a process.
func (s *Stack) DataDir() string { return s.opts.DataDir }
