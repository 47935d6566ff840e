package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func (s *Stack) s3() service {
	return service{
		part:     S3,
		url:      webAddress(s.ports.S3),
		ports:    []int{s.ports.S3},
		command:  s.s3Command,
		ready:    answersHTTP(webAddress(s.ports.S3) + "/health"),
		patience: 30 * time.Second,
		ask:      syscall.SIGTERM,
		grace:    10 * time.Second,
	}
}

func (s *Stack) s3Command(ctx context.Context) (command, error) {
	path, err := s.tools.path(ctx, S3, "versitygw")
	if err != nil {
		return command{}, err
	}
	objects, sidecar := s.dataPath("s3", "objects"), s.dataPath("s3", "metadata")
	if err := os.MkdirAll(objects, 0o700); err != nil {
		return command{}, fmt.Errorf("make the folder of objects: %w", err)
	}
	args := []string{"--port", address(s.ports.S3), "--health", "/health", "--quiet", "--keep-alive", "posix"}
	if ok, err := keepsAttributes(objects); err != nil {
		return command{}, err
	} else if !ok {
		if err := os.MkdirAll(sidecar, 0o700); err != nil {
			return command{}, fmt.Errorf("make the folder of object metadata: %w", err)
		}
		args = append(args, "--sidecar", sidecar)
	}
	return command{
		path: path,
		args: append(args, objects),
		env:  map[string]string{"ROOT_ACCESS_KEY": s.secrets["S3_ACCESS_KEY"], "ROOT_SECRET_KEY": s.secrets["S3_SECRET_KEY"]},
	}, nil
}

// keepsAttributes reports whether files there can have user attributes, in which the gateway keeps an object's
// metadata. Not all file systems of containers have them; it then uses a folder beside the objects.
func keepsAttributes(dir string) (ok bool, err error) {
	probe := filepath.Join(filepath.Dir(dir), "probe")
	if err := os.WriteFile(probe, nil, 0o600); err != nil {
		return false, fmt.Errorf("try for file attributes: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(probe)) }()
	err = unix.Setxattr(probe, "user.campuscard", []byte("probe"), 0)
	if errors.Is(err, unix.ENOTSUP) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("try for file attributes: %w", err)
	}
	return true, nil
}
