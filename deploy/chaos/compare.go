package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"campuscard/e2e/client"
)

// What became of a request, by its key.
const (
	whatBecame = `select r.id, r.state, coalesce(c.id::text, r.workflow), coalesce(c.stage, ''),
			coalesce(c.outcome, ''), coalesce(c.reason, ''),
			coalesce((select k.state from cards k where k.application_id = c.id), ''),
			exists (select from moves m where m.decision = r.id)
		from requests r left join cases c on c.id = r.case_id where r.key = $1`
	// What is answered with the transaction that does it leaves its answer, and what it did.
	appliedBy = `select exists (select from requests r join applications a on a.id::text = r.response->>'id'
		join cases c on c.id = a.id where r.key = $1)`
	claimedBy = `select exists (select from requests r join work_items w on w.id::text = r.response->>'id'
		where r.key = $1 and w.claimed_by is not null)`
	topUpBy  = `select exists (select from requests r join topup_orders o on o.id = r.id where r.key = $1)`
	refundBy = `select exists (select from requests r join topup_refunds f on f.id = r.id where r.key = $1)`

	// The answers of these are kept as they were found.
	appealedBy = `select exists (select from requests r join appeals a on a.case_id::text = r.response->>'CaseID'
		where r.key = $1)`
	dayClosedBy = `select exists (select from requests r join closes l on l.id::text = r.response->>'ID' where r.key = $1)`
	paidOutBy   = `select exists (select from requests r join payout_files f on f.id::text = r.response->>'id' where r.key = $1)`

	pickedUpBy = `select exists (select from requests r join plastics p on p.id::text = r.response->>'plastic'
		where r.key = $1 and p.state = 'picked_up')`
)

const (
	askAtOnce = 4
	// endTime is how long the address of a decision may still answer that it is running, when all is at rest.
	endTime  = 20 * time.Second
	endPause = time.Second
)

// compare holds every answer against what became of it.
func (h *env) compare(ctx context.Context, r *report) error {
	var mu sync.Mutex
	deadline := time.Now().Add(endTime)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(askAtOnce)
	for _, sent := range h.witness.all() {
		group.Go(func() error {
			is, about, err := h.find(ctx, sent, deadline)
			if err != nil {
				return fmt.Errorf("compare %s with what became of it: %w", sent.Path, err)
			}
			mu.Lock()
			defer mu.Unlock()
			r.compared(sent, is, about)
			return nil
		})
	}
	return group.Wait()
}

// about says which case and which decision are meant; the latter is zero of what no workflow answers.
type about struct {
	Case     string
	Decision uuid.UUID
}

// find looks in the tables, and for a decision at its address, too.
func (h *env) find(
	ctx context.Context, s witnessed, deadline time.Time,
) (is found, a about, err error) {
	if is, a, err = h.lookUp(ctx, s.Key, s.Path, s.kind); err != nil || a.Decision == uuid.Nil {
		return is, a, err
	}
	is.Now, err = h.ends(ctx, s.Sent, a.Decision, deadline)
	return is, a, err
}

// lookUp returns what the tables say about a request.
func (h *env) lookUp(ctx context.Context, key, path string, k kind) (is found, a about, err error) {
	a.Case = path // where no better name is known
	if query, ok := map[kind]string{application: appliedBy, claim: claimedBy, pickup: pickedUpBy,
		topUpAsked: topUpBy, refundAsked: refundBy, appealAsked: appealedBy, dayClosed: dayClosedBy,
		payoutAsked: paidOutBy}[k]; ok {
		err := h.pool.QueryRow(ctx, query, key).Scan(&is.Carried)
		is.Kept = is.Carried
		return is, a, err
	}
	err = h.pool.QueryRow(ctx, whatBecame, key).
		Scan(&a.Decision, &is.State, &a.Case, &is.Stage, &is.Outcome, &is.Reason, &is.Card, &is.Carried)
	if errors.Is(err, pgx.ErrNoRows) {
		return is, a, nil
	}
	is.Kept = true
	return is, a, err
}

// ends asks the address of a decision until it has come to an end, or should have.
func (h *env) ends(ctx context.Context, s client.Sent, id uuid.UUID, deadline time.Time) (status int, err error) {
	for {
		status, err = s.Now(ctx, id)
		if err != nil || status != http.StatusAccepted || time.Now().After(deadline) {
			return status, err
		}
		if err := client.Sleep(ctx, endPause); err != nil {
			return status, err
		}
	}
}

// compared counts an answer, and keeps what was wrong with it.
func (r *report) compared(s witnessed, is found, a about) {
	k, heard := s.kind, hear(s.Status, s.Body, s.Problem)
	r.Answers++
	r.said[heard]++
	if heard == saidVague && is.Carried {
		r.vague++
	}
	wrong := untrue(k, heard, is)
	if wrong == "" {
		return
	}
	r.Untrue++
	told := string(heard)
	if s.Problem != nil {
		told += fmt.Sprintf(" (%d %s)", s.Problem.Status, s.Problem.Reason)
	}
	r.note("untrue: %s of %s at %s, decision %s: said %s, but %s; is %s", k, a.Case, s.Began.Format(time.TimeOnly),
		a.Decision, told, wrong, is)
}

// String says what is there, for people who look into it.
func (f found) String() string {
	var words []string
	add := func(name, value string) {
		if value != "" && value != "0" {
			words = append(words, name+" "+value)
		}
	}
	add("carried out", map[bool]string{true: "yes", false: "no"}[f.Carried])
	add("state", f.State)
	add("its address answers", fmt.Sprint(f.Now))
	add("stage", string(f.Stage))
	add("outcome", string(f.Outcome))
	add("reason", f.Reason)
	add("card", string(f.Card))
	return strings.Join(words, ", ")
}
