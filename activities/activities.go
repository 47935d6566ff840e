// Package activities holds the steps that touch the world: each reads or writes one fact, or calls one of the school's
// systems. All are safe to run twice. They decide nothing; workflows do.
package activities

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage"
)

// Activities are all steps, registered under the names of their methods.
type Activities struct {
	store    *storage.Store
	school   *school.Systems
	policies *policyBook
	log      *slog.Logger
}

// New prepares the activities.
func New(store *storage.Store, systems *school.Systems, policies *campus.Policies, log *slog.Logger) *Activities {
	return &Activities{store: store, school: systems, policies: &policyBook{store: store, current: policies}, log: log}
}

// Record moves a case and nothing else.
func (a *Activities) Record(ctx context.Context, m campus.Move) (campus.Moved, error) {
	return a.store.Casework.Record(ctx, m)
}

// policyBook finds the policy a case began with.
type policyBook struct {
	store   *storage.Store
	current *campus.Policies
	older   sync.Map // version to *campus.Policies
}

func (b *policyBook) find(ctx context.Context, version, university string) (campus.Policy, error) {
	if version == b.current.Version() {
		return b.current.For(university), nil
	}
	if found, ok := b.older.Load(version); ok {
		return found.(*campus.Policies).For(university), nil
	}
	files, err := b.store.Casework.PolicyFiles(ctx, version)
	if err != nil {
		return campus.Policy{}, err
	}
	policies, err := b.current.Kept(files...)
	if err != nil {
		return campus.Policy{}, fmt.Errorf("policy %s: %w", version, err)
	}
	b.older.Store(version, policies)
	return policies.For(university), nil
}
