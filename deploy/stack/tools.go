package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// toolSource is where a Go program of others comes from, at the one version this project is tested with.
type toolSource struct {
	pkg, version string
}

func toolSources() map[string]toolSource {
	return map[string]toolSource{
		"temporal-server":   {"go.temporal.io/server/cmd/server", "v1.30.4"},
		"temporal-sql-tool": {"go.temporal.io/server/cmd/tools/sql", "v1.30.4"},
		"temporal-ui":       {"github.com/temporalio/ui-server/v2/cmd/server", "v2.54.0"},
		"versitygw":         {"github.com/versity/versitygw/cmd/versitygw", "v1.8.0"},
		"golangci-lint":     {"github.com/golangci/golangci-lint/v2/cmd/golangci-lint", "v2.5.0"},
		"workflowcheck":     {"go.temporal.io/sdk/contrib/tools/workflowcheck", "v0.6.0"},
	}
}

// toolbox builds such programs once per version and user, for all stacks and clones.
type toolbox struct {
	dir      string
	logDir   string
	progress *progress
	one      sync.Mutex // go build is parallel by itself: two at once only take each other's memory
}

func newToolbox(logDir string, progress *progress) (*toolbox, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("find the cache folder for built programs: %w", err)
	}
	dir := filepath.Join(cache, "campuscard", "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache for built programs: %w", err)
	}
	return &toolbox{dir: dir, logDir: logDir, progress: progress}, nil
}

// Tool returns the path of a build tool at the project's version, after getting it: a name of toolSources, or "gcc",
// which the race detector needs and apt has. It belongs to no stack.
func Tool(ctx context.Context, name string, log io.Writer) (string, error) {
	t, err := ownToolbox(ctx, log)
	if err != nil {
		return "", err
	}
	if name != "gcc" {
		return t.path(ctx, "tools", name)
	}
	if path, err := exec.LookPath("gcc"); err == nil {
		return path, nil
	}
	if err := t.install(ctx, "tools", "gcc", "libc6-dev"); err != nil {
		return "", err
	}
	return exec.LookPath("gcc")
}

// ownToolbox returns a toolbox that belongs to no stack.
func ownToolbox(ctx context.Context, log io.Writer) (*toolbox, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return nil, err
	}
	logDir := filepath.Join(root, ".run", "tools", "logs")
	if err := os.MkdirAll(logDir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of logs: %w", err)
	}
	return newToolbox(logDir, newProgress(log))
}

// ReceiptFonts gets the fonts that receipts are written with: api.DebianFonts, where Debian puts them.
func ReceiptFonts(ctx context.Context, log io.Writer) error {
	t, err := ownToolbox(ctx, log)
	if err != nil {
		return err
	}
	return t.receiptFonts(ctx, "tools")
}

// receiptFonts installs the packages of fonts that are missing.
func (t *toolbox) receiptFonts(ctx context.Context, part Part) error {
	const folder = "/usr/share/fonts/truetype/"
	var missing []string
	for name, file := range map[string]string{
		"fonts-noto-core":      "noto/NotoSans-Regular.ttf",
		"fonts-droid-fallback": "droid/DroidSansFallbackFull.ttf",
		"fonts-nanum":          "nanum/NanumGothic.ttf",
		"fonts-hanazono":       "hanazono/HanaMinB.ttf",
	} {
		found, err := exists(folder + file)
		if err != nil {
			return err
		}
		if !found {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return t.install(ctx, part, missing...)
}

// path returns where the tool is, after building it if it is not there.
func (t *toolbox) path(ctx context.Context, part Part, name string) (string, error) {
	source, ok := toolSources()[name]
	if !ok {
		return "", fmt.Errorf("no tool is called %q: there are %v", name, slices.Sorted(maps.Keys(toolSources())))
	}
	path := filepath.Join(t.dir, name+"-"+source.version)
	if ok, err := exists(path); ok || err != nil {
		return path, err
	}
	t.one.Lock()
	defer t.one.Unlock()
	unlock, err := lockFile(ctx, path+".lock", func() {
		t.progress.say(part, "another process is building %s; waiting for it", name)
	})
	if err != nil {
		return "", err
	}
	defer unlock()
	if ok, err := exists(path); ok || err != nil {
		return path, err
	}
	what := fmt.Sprintf("building %s %s (once per machine; may take minutes)", name, source.version)
	return path, t.progress.during(part, what, func() error { return t.build(ctx, name, source, path) })
}

func (t *toolbox) build(ctx context.Context, name string, source toolSource, path string) error {
	scratch, err := os.MkdirTemp(t.dir, "building-")
	if err != nil {
		return fmt.Errorf("build %s: %w", name, err)
	}
	defer os.RemoveAll(scratch) //nolint:errcheck // a leftover costs space and nothing else
	cmd := exec.CommandContext(ctx, "go", "install", source.pkg+"@"+source.version)
	cmd.Dir = scratch
	// Without cgo the programs need no C compiler here and no shared library later. The caller's flags stay out: they
	// are about this module.
	cmd.Env = append(os.Environ(), "GOBIN="+scratch, "GOFLAGS=-trimpath", "CGO_ENABLED=0", "GOWORK=off", "GOOS=",
		"GOARCH=")
	if err := runLogged(cmd, filepath.Join(t.logDir, "build-"+name+".log")); err != nil {
		return fmt.Errorf("build %s: %w", name, err)
	}
	built, err := filepath.Glob(filepath.Join(scratch, "*"))
	if err != nil || len(built) != 1 {
		return fmt.Errorf("build %s: want one program, got [%s] %w", name, strings.Join(built, " "), err)
	}
	if err := os.Rename(built[0], path); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return nil
}

// runLogged runs a command to its end with its output in a log, whose end is told when it fails.
func runLogged(cmd *exec.Cmd, logPath string) error {
	log, offset, err := openLog(logPath)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	err = cmd.Run()
	if err := errors.Join(err, log.Close()); err != nil {
		return &logError{fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err), logPath, offset}
	}
	return nil
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
