package stack

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed install.sh
var installScript string

// install gets packages with apt, through sudo when the caller is not root.
func (t *toolbox) install(ctx context.Context, part Part, packages ...string) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("install %s: there is no apt-get here; install it by hand", strings.Join(packages, " "))
	}
	argv := append([]string{"sh", "-c", installScript, "install"}, packages...)
	if os.Geteuid() != 0 {
		// Asked to never prompt: the stack has no terminal to be asked on. Run `sudo -v` first where a password is
		// needed.
		argv = append([]string{"sudo", "--non-interactive"}, argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	return t.progress.during(part, "installing "+strings.Join(packages, " ")+" with apt", func() error {
		return runLogged(cmd, filepath.Join(t.logDir, "apt.log"))
	})
}
