package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"campuscard/campus"
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

// once runs fn in one transaction and keeps what it returned under the request's key: the same request again gets
// the first answer, another one under the same key a conflict. Errors are not kept, so what was refused may be tried
// again. Two at once wait for each other at the key.
func once[T any](ctx context.Context, s *Store, what string, req Request, fn func(tx) (T, error)) (result T, err error) {
	err = s.inTx(ctx, what, func(t tx) error {
		first, err := openRequest(t, req)
		if err != nil {
			return err
		}
		if first.Response != nil {
			return json.Unmarshal(first.Response, &result)
		}
		if result, err = fn(t); err != nil {
			return err
		}
		return closeRequest(t, req.Key, 200, result)
	})
	return result, err
}

// openRequest keeps the request, or finds the one that had its key first.
func openRequest(t tx, req Request) (requestRow, error) {
	inserted := t.Exec(`insert into requests (key, id, actor, route, body_hash, created_at)
		values (?, ?, ?, ?, ?, ?) on conflict (key) do nothing`,
		req.Key, req.ID, req.Actor.String(), req.Route, req.BodyHash, t.now)
	if inserted.Error != nil {
		return requestRow{}, fmt.Errorf("keep the idempotency key: %w", inserted.Error)
	}
	if inserted.RowsAffected == 1 {
		return requestRow{ID: req.ID}, nil
	}
	return findRequest(t, req)
}

// findRequest is the request that has a key, nothing if none has; a conflict if it is another one.
func findRequest(t tx, req Request) (requestRow, error) {
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

// sameAs is a conflict when another request comes under the key of the first.
func (first requestRow) sameAs(req Request) error {
	if first.Actor == req.Actor.String() && first.Route == req.Route && bytes.Equal(first.BodyHash, req.BodyHash) {
		return nil
	}
	return campus.Errorf(campus.Conflict, "idempotency_key_reused", "the idempotency key was used for another request")
}

// closeRequest keeps the answer; the first one stays.
func closeRequest(t tx, key string, status int, response any) error {
	body, err := json.Marshal(response)
	if err != nil {
		return fmt.Errorf("keep the answer: %w", err)
	}
	return t.Exec(`update requests set status = ?, response = ? where key = ? and response is null`, status, string(body), key).Error
}

// Decision is a request whose answer comes from a workflow. Its id is the id of the update that is sent.
type Decision struct {
	ID       uuid.UUID
	Key      string
	Workflow string // id of the workflow that decides
	Answer   []byte // JSON of the first answer, nil while there is none
	Status   int
	Seen     int64 // version of its case at this moment
}

// OpenDecision keeps a request before its update is sent, with what it says: texts and codes of people stay here, and
// the workflow carries the id only. The same request again gets the same id, and the answer once there is one.
func (s *Store) OpenDecision(ctx context.Context, req Request, workflowID string, payload any) (Decision, error) {
	body, err := json.Marshal(payload)
	if err != nil {
		return Decision{}, fmt.Errorf("keep a decision: %w", err)
	}
	_, id, _ := strings.Cut(workflowID, "/")
	ofCase, _ := uuid.Parse(id) // none, of what is no case
	decision := Decision{ID: req.ID, Key: req.Key, Workflow: workflowID}
	var opened bool
	err = s.pool.QueryRow(ctx, `with opened as (
			insert into requests (key, id, actor, route, body_hash, created_at, workflow, payload)
			values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (key) do nothing returning id)
		select exists (select from opened), coalesce((select version from cases where id = $9), 0)`,
		req.Key, req.ID, req.Actor.String(), req.Route, req.BodyHash, s.Now(), workflowID, string(body), ofCase).
		Scan(&opened, &decision.Seen)
	if err != nil {
		return Decision{}, wrap("open a decision", err)
	}
	if opened {
		return decision, nil
	}
	first, err := findRequest(s.read(ctx), req)
	decision.ID, decision.Answer = first.ID, first.Response
	if first.Status != nil {
		decision.Status = *first.Status
	}
	return decision, wrap("open a decision", err)
}

// Recorded tells whether the same request has been made before and was recorded in its case.
func (s *Store) Recorded(ctx context.Context, req Request) (bool, error) {
	first, err := findRequest(s.read(ctx), req)
	if err != nil || first.ID == uuid.Nil {
		return false, wrap("find a decision", err)
	}
	return s.Decided(ctx, first.ID)
}

// FindDecision is a decision of an actor, with its answer if there is one; somebody else's is not found.
func (s *Store) FindDecision(ctx context.Context, actor campus.Actor, id uuid.UUID) (Decision, error) {
	var row struct {
		First    requestRow `gorm:"embedded"` // gorm passes over what is embedded without a name
		Key      string
		Workflow string
	}
	err := s.read(ctx).Raw(`select id, key, workflow, status, response from requests where id = ? and actor = ? and workflow <> ''`,
		id, actor.String()).Scan(&row).Error
	if err == nil && row.First.ID == uuid.Nil {
		return Decision{}, campus.Errorf(campus.NotFound, "", "no decision %s", id)
	}
	decision := Decision{ID: row.First.ID, Key: row.Key, Workflow: row.Workflow, Answer: row.First.Response}
	if row.First.Status != nil {
		decision.Status = *row.First.Status
	}
	return decision, wrap("read a decision", err)
}

// readDecision is what a decision says.
func readDecision[T any](t tx, id uuid.UUID) (payload T, err error) {
	var body []byte
	if err := t.Raw(`select payload from requests where id = ?`, id).Row().Scan(&body); err != nil {
		return payload, fmt.Errorf("read decision %s: %w", id, err)
	}
	return payload, json.Unmarshal(body, &payload)
}

// CloseDecision keeps the answer of a decision. Two that wait for the same one may both bring it: the first stays.
func (s *Store) CloseDecision(ctx context.Context, key string, status int, answer any) error {
	return wrap("close a decision", closeRequest(s.read(ctx), key, status, answer))
}
