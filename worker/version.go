package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"campuscard/workflows/engine"
)

// Deployment is the name of our workers' versioned deployment.
const Deployment = "campuscard"

// Version names a build: running cases move on to the current one, and operators see in the Temporal UI which it is.
type Version string

// ThisBuild is the version of the running program: a hash of its file, so that equal builds are equal.
func ThisBuild() (Version, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read this program: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("read this program: %w", err)
	}
	return Version(hex.EncodeToString(sum.Sum(nil)[:6])), nil
}

func (v Version) deployment() worker.WorkerDeploymentVersion {
	return worker.WorkerDeploymentVersion{DeploymentName: Deployment, BuildID: string(v)}
}

// Promote makes a build the current one as soon as its workers poll every queue, waiting until ctx ends.
func Promote(ctx context.Context, temporal client.Client, v Version) error {
	handle := temporal.WorkerDeploymentClient().GetHandle(Deployment)
	var last error // what Temporal said, not that our time is over
	for {
		err := promote(ctx, handle, v)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		if !notYet(err) && !engine.IsOutage(err) {
			return fmt.Errorf("make build %s current: %w", v, err)
		}
		if !sleep(ctx, 200*time.Millisecond) {
			return fmt.Errorf("make build %s current: its workers were not seen in time: %w", v, last)
		}
	}
}

func promote(ctx context.Context, handle client.WorkerDeploymentHandle, v Version) error {
	found, err := handle.Describe(ctx, client.WorkerDeploymentDescribeOptions{})
	if err != nil {
		return err
	}
	if current := found.Info.RoutingConfig.CurrentVersion; current != nil && current.BuildID == string(v) {
		return nil
	}
	_, err = handle.SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{
		BuildID: string(v), ConflictToken: found.ConflictToken,
	})
	return err
}

// notYet tells that the workers, or some of their queues, have not been seen yet.
func notYet(err error) bool {
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return true
	}
	if _, ok := errors.AsType[*serviceerror.FailedPrecondition](err); ok {
		return true
	}
	_, ok := errors.AsType[*serviceerror.Unavailable](err)
	return ok
}

// CurrentBuild is the build that new cases go to; none is empty.
func CurrentBuild(ctx context.Context, temporal client.Client) (Version, error) {
	found, err := temporal.WorkerDeploymentClient().GetHandle(Deployment).Describe(ctx,
		client.WorkerDeploymentDescribeOptions{})
	if err != nil {
		return "", fmt.Errorf("look for the current build: %w", err)
	}
	if found.Info.RoutingConfig.CurrentVersion == nil {
		return "", nil
	}
	return Version(found.Info.RoutingConfig.CurrentVersion.BuildID), nil
}
