package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// postgresBin returns the folder of a Postgres this stack can use: of the cluster's own major version once there is
// one, else the newest. It is installed if there is none.
func (s *Stack) postgresBin(ctx context.Context) (string, error) {
	major, err := s.clusterMajor()
	if err != nil {
		return "", err
	}
	if bin := findPostgres(ctx, major); bin != "" {
		return bin, nil
	}
	if major != 0 {
		return "", fmt.Errorf("the data in %s is of Postgres %d, which is not installed: install it, or `make reset`",
			s.clusterDir(), major)
	}
	if err := s.tools.install(ctx, Postgres, "postgresql"); err != nil {
		return "", err
	}
	if bin := findPostgres(ctx, 0); bin != "" {
		return bin, nil
	}
	return "", fmt.Errorf("Postgres %d or later: neither in PATH nor in /usr/lib/postgresql, also after installing it",
		oldestPostgres)
}

// clusterMajor returns the major version that made the cluster, 0 before there is one.
func (s *Stack) clusterMajor() (int, error) {
	content, err := os.ReadFile(filepath.Join(s.clusterDir(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the cluster's version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("read the cluster's version: %w", err)
	}
	return major, nil
}

func findPostgres(ctx context.Context, major int) string {
	var folders []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			folders = append(folders, filepath.Dir(path))
		}
	}
	packaged, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // fails only on a bad pattern
	folders = append(folders, packaged...)
	best, bestMajor := "", oldestPostgres-1
	for _, folder := range folders {
		found := postgresMajor(ctx, folder)
		if found == major && major != 0 {
			return folder
		}
		if found > bestMajor {
			best, bestMajor = folder, found
		}
	}
	if major != 0 {
		return ""
	}
	return best
}

// postgresMajor returns the version of a server, 0 when the folder has no whole server: initdb is missing where only
// the client is installed.
func postgresMajor(ctx context.Context, folder string) int {
	if _, err := os.Stat(filepath.Join(folder, "initdb")); err != nil {
		return 0
	}
	out, err := exec.CommandContext(ctx, filepath.Join(folder, "postgres"), "--version").Output()
	if err != nil {
		return 0
	}
	words := strings.Fields(string(bytes.TrimPrefix(out, []byte("postgres (PostgreSQL)"))))
	if len(words) == 0 {
		return 0
	}
	major, _, _ := strings.Cut(words[0], ".")
	number, err := strconv.Atoi(strings.TrimRight(major, "abcdefghijklmnopqrstuvwxyz")) // "17beta1"
	if err != nil {
		return 0
	}
	return number
}

// postgresAccount returns the account Postgres runs as: Postgres refuses root.
func postgresAccount() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("read the ids of user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("Postgres refuses to run as root, and there is neither a user postgres nor nobody to step down to")
}
