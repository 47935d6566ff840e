package db

import (
	"context"
	"fmt"
)

// PutSealed keeps a file of somebody, sealed for its key so that it cannot be passed off as another.
func (s *DB) PutSealed(ctx context.Context, key string, content []byte) error {
	return s.Objects.Put(ctx, key, s.Keys.File.Seal(nil, nil, content, []byte(key)))
}

// GetSealed opens what PutSealed has kept; what says whose it is, for the error.
func (s *DB) GetSealed(ctx context.Context, key, what string) ([]byte, error) {
	sealed, err := s.Objects.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	content, err := s.Keys.File.Open(nil, nil, sealed, []byte(key))
	if err != nil {
		return nil, fmt.Errorf("open %s: wrong key or damaged", what)
	}
	return content, nil
}
