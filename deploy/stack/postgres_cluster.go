package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// preparePostgres makes the cluster, or clears away what an earlier postmaster that was killed has left.
func (s *Stack) preparePostgres(ctx context.Context) error {
	made, err := exists(filepath.Join(s.clusterDir(), "PG_VERSION"))
	if err != nil {
		return err
	}
	if made {
		return s.clearPostmaster(ctx)
	}
	return s.progress.during(Postgres, "making the database cluster", func() error { return s.initdb(ctx) })
}

// initdb works in a folder that is renamed at the end, so that a cluster is there as a whole or not at all.
func (s *Stack) initdb(ctx context.Context) error {
	cmd, err := s.postgresCommand(ctx)
	if err != nil {
		return err
	}
	parent, scratch := s.dataPath("postgres"), s.dataPath("postgres", "cluster.new")
	if err := os.RemoveAll(scratch); err != nil {
		return fmt.Errorf("clear a half-made cluster: %w", err)
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return fmt.Errorf("make the cluster's folder: %w", err)
	}
	passwordFile := filepath.Join(parent, "password")
	if err := writeFile(passwordFile, []byte(s.secrets["POSTGRES_PASSWORD"]), 0o600); err != nil {
		return err
	}
	defer os.Remove(passwordFile) //nolint:errcheck // in a folder nobody else enters, and replaced the next time
	if cmd.user != nil {
		if err := s.handOver(cmd.user, parent, passwordFile); err != nil {
			return err
		}
	}
	args := []string{
		"-D", scratch, "--username=postgres", "--pwfile=" + passwordFile, "--auth=" + s.passwordMethod(),
		"--encoding=UTF8", "--locale=C.UTF-8",
	}
	if s.opts.Fast {
		args = append(args, "--no-sync")
	}
	initdb := exec.CommandContext(ctx, filepath.Join(filepath.Dir(cmd.path), "initdb"), args...)
	initdb.Dir = "/"
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: cmd.user}
	if err := runLogged(initdb, filepath.Join(s.logDir(), "initdb.log")); err != nil {
		return err
	}
	return os.Rename(scratch, s.clusterDir())
}

// passwordMethod is how sessions prove their password. Tests open thousands of sessions, and SCRAM hashes thousands of
// times for each.
func (s *Stack) passwordMethod() string {
	if s.opts.Fast {
		return "md5"
	}
	return "scram-sha-256"
}

// handOver gives files to the account Postgres runs as, and says so when it could not reach them all the same.
func (s *Stack) handOver(account *syscall.Credential, paths ...string) error {
	for _, path := range paths {
		if err := os.Chown(path, int(account.Uid), int(account.Gid)); err != nil {
			return fmt.Errorf("hand %s to the Postgres user: %w", path, err)
		}
	}
	for dir := s.opts.DataDir; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("look whether Postgres can reach its folder: %w", err)
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("%s is closed to the user Postgres runs as: choose another DATA_DIR", dir)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// clearPostmaster waits until the sessions of a killed postmaster have noticed, kills those that have not, and removes
// its lock file: the process id in it may by now be somebody else's, which Postgres would take for a living postmaster.
// This is safe under the stack's lock, when no process works in the cluster's folder.
func (s *Stack) clearPostmaster(ctx context.Context) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		left, err := workingIn(s.clusterDir())
		if err != nil {
			return err
		}
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			s.progress.say(Postgres, "killing %d sessions of a postmaster that is gone", len(left))
			for _, pid := range left {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
					return fmt.Errorf("kill an orphaned Postgres session: %w", err)
				}
			}
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("wait for the old Postgres sessions: %w", err)
		}
	}
	err := os.Remove(filepath.Join(s.clusterDir(), "postmaster.pid"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("clear Postgres's lock file: %w", err)
	}
	return nil
}

// workingIn lists the processes whose current folder is dir. All of a cluster's processes stay in its folder.
func workingIn(dir string) ([]int, error) {
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var found []int
	for _, link := range links {
		// Processes come and go, and those of others cannot be looked at: neither is one of ours.
		if cwd, err := os.Readlink(link); err != nil || cwd != dir {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
			found = append(found, pid)
		}
	}
	return found, nil
}
