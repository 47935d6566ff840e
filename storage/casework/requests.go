package casework

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/db"
)

// Request is a POST that changes something, with its Idempotency-Key. ID is new for every try; the first one is kept.
type Request struct {
	ID       uuid.UUID
	Key      string
	Actor    campus.Actor
	Route    string // method and path
	BodyHash []byte // SHA-256 of the body
}

type requestRow struct {
	ID       uuid.UUID
	Actor    string
	Route    string
	BodyHash []byte
	Status   *int
	Response []byte
}

// Once runs fn in one transaction and keeps what it returned under the request's key: the same request again gets
// the first answer, another one under the same key a conflict. Errors are not kept, so what was refused may be tried
// again. Two at once wait for each other at the key.
func Once[T any](ctx context.Context, s *Store, what string, req Request, fn func(db.Tx) (T, error)) (result T,
	err error) {
	return onceOn(ctx, s.DB, what, req, fn)
}

// OnceAlone is Once for what may have to wait for an account that somebody else has locked.
func OnceAlone[T any](ctx context.Context, s *Store, what string, req Request, fn func(db.Tx) (T, error)) (result T,
	err error) {
	return onceOn(ctx, s.Alone, what, req, fn)
}

func onceOn[T any](ctx context.Context, d *db.DB, what string, req Request, fn func(db.Tx) (T, error)) (result T,
	err error) {
	err = d.InTx(ctx, what, func(t db.Tx) error {
		first, err := OpenRequest(t, req)
		if err != nil {
			return err
		}
		if first.Response != nil {
			return json.Unmarshal(first.Response, &result)
		}
		if result, err = fn(t); err != nil {
			return err
		}
		return CloseRequest(t, req.Key, 200, result)
	})
	return result, err
}

// OpenRequest keeps the request, or finds the one that had its key first.
func OpenRequest(t db.Tx, req Request) (requestRow, error) {
	inserted := t.Exec(`insert into requests (key, id, actor, route, body_hash, created_at)
		values (?, ?, ?, ?, ?, ?) on conflict (key) do nothing`,
		req.Key, req.ID, req.Actor.String(), req.Route, req.BodyHash, t.Now)
	if inserted.Error != nil {
		return requestRow{}, fmt.Errorf("keep the idempotency key: %w", inserted.Error)
	}
	if inserted.RowsAffected == 1 {
		return requestRow{ID: req.ID}, nil
	}
	return FindRequest(t, req)
}

// FindRequest is the request that has a key, nothing if none has; a conflict if it is another one.
func FindRequest(t db.Tx, req Request) (requestRow, error) {
	var first requestRow
	if err := t.Raw(`select id, actor, route, body_hash, status, response from requests where key = ?`, req.Key).
		Scan(&first).Error; err != nil {
		return requestRow{}, fmt.Errorf("read the idempotency key: %w", err)
	}
	if first.ID == uuid.Nil {
		return first, nil
	}
	return first, first.sameAs(req)
}

// sameAs returns a conflict when another request comes under the key of the first.
func (first requestRow) sameAs(req Request) error {
	if first.Actor == req.Actor.String() && first.Route == req.Route && bytes.Equal(first.BodyHash, req.BodyHash) {
		return nil
	}
	return campus.Errorf(campus.Conflict, "idempotency_key_reused", "the idempotency key was used for another request")
}

// CloseRequest keeps the answer; the first one stays.
func CloseRequest(t db.Tx, key string, status int, response any) error {
	body, err := json.Marshal(response)
	if err != nil {
		return fmt.Errorf("keep the answer: %w", err)
	}
	return t.Exec(`update requests set status = ?, response = ? where key = ? and response is null`, status, string(body),
		key).Error
}

// Answered is a request with the answer it gets.
type Answered struct {
	Request
	Answer any
}

// KeepAnswers keeps many requests with their answers, and tells by their ids which are new. Those whose keys are taken
// are left alone.
func KeepAnswers(t db.Tx, lot []Answered) (kept map[uuid.UUID]bool, err error) {
	var fresh []uuid.UUID
	err = t.Raw(`insert into requests (key, id, actor, route, body_hash, created_at, status, response)
		select v.key, v.id, v.actor, v.route, v.body_hash, ?, 200, v.response::jsonb
		from unnest(?::text[], ?::uuid[], ?::text[], ?::text[], ?::bytea[], ?::text[])
			v (key, id, actor, route, body_hash, response)
		on conflict (key) do nothing returning id`,
		t.Now,
		db.Column(lot, func(a Answered) string { return a.Key }),
		db.IDs(lot, func(a Answered) uuid.UUID { return a.ID }),
		db.Column(lot, func(a Answered) string { return a.Actor.String() }),
		db.Column(lot, func(a Answered) string { return a.Route }),
		db.Column(lot, func(a Answered) []byte { return a.BodyHash }),
		db.Column(lot, func(a Answered) string { return db.JSONText(a.Answer) })).Scan(&fresh).Error
	if err != nil {
		return nil, fmt.Errorf("keep the idempotency keys: %w", err)
	}
	kept = make(map[uuid.UUID]bool, len(fresh))
	for _, id := range fresh {
		kept[id] = true
	}
	return kept, nil
}

// ForgetRequests lets go of requests that were refused, so that they may be tried again under their keys.
func ForgetRequests(t db.Tx, ids ...uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	return t.Exec(`delete from requests where id in ?`, ids).Error
}

// KeepRequest keeps a request whose parts are requests of their own. Conflict: idempotency_key_reused.
func (s *Store) KeepRequest(ctx context.Context, req Request) error {
	_, err := OpenRequest(s.Read(ctx), req)
	return db.Wrap("keep a request", err)
}
