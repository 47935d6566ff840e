package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"campuscard/e2e/client"
)

// Counts in the tables. Each must be zero.
const (
	// Cases that nobody will ever touch again: open, and neither a date nor a work item nor a person that they wait
	// for.
	stuckCases = `select count(*) from cases c where c.closed_at is null and c.due is null and c.waits_for <> 'student'
		and not exists (select 1 from work_items w where w.case_id = c.id and w.closed_at is null)`
	// People with more than one case of a kind; a batch is nobody's, and appeals are about a payment each.
	doubledCases = `select count(*) from (select person_id from cases where person_id is not null and kind <> 'appeal'
		group by person_id, kind having count(*) > 1) d`
	twoActive = `select count(*) from (
		select person_id from cards where state = 'active' group by person_id having count(*) > 1) d`
	// Dates that have passed and nobody was told: no reminder, no escalation, no end.
	lateCases = `select count(*) from cases c where c.closed_at is null and c.due < now() - interval '1 minute'
		and not exists (select 1 from work_items w where w.case_id = c.id and w.closed_at is null)`
	acceptedCases = `select count(*) from cases where kind = 'application' and id = any($1)`
	activeCards   = `select id from cards where state = 'active'`
	orders        = `select id from plastics where state <> 'ordered'`
)

// judge looks at the tables, and at what the school's systems have done.
func (h *env) judge(ctx context.Context, r *report) error {
	for query, into := range map[string]*int{
		stuckCases: &r.Stuck, doubledCases: &r.Doubled, twoActive: &r.TwoActive, lateCases: &r.Late,
	} {
		if err := h.pool.QueryRow(ctx, query).Scan(into); err != nil {
			return fmt.Errorf("judge: %w", err)
		}
		if *into > 0 {
			r.note("%d: %s", *into, query)
		}
	}
	var there int
	if err := h.pool.QueryRow(ctx, acceptedCases, r.accepted).Scan(&there); err != nil {
		return fmt.Errorf("judge: %w", err)
	}
	r.Lost = len(r.accepted) - there
	operations := map[string]string{"access": "grant", "library": "open_patron", "canteen": "open_account"}
	for system, operation := range operations {
		if err := h.once(ctx, r, activeCards, system, operation); err != nil {
			return err
		}
	}
	return h.once(ctx, r, orders, "bureau", "order")
}

// once counts what a system has done twice, or not at all, for these.
func (h *env) once(ctx context.Context, r *report, query, system, operation string) error {
	rows, err := h.pool.Query(ctx, query)
	if err != nil {
		return fmt.Errorf("judge: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("judge: %w", err)
	}
	for _, id := range ids {
		count, err := h.school.Effects(ctx, client.Done{System: system, Operation: operation, Reference: id.String()})
		switch {
		case err != nil:
			return err
		case count > 1:
			r.Doubled++
			r.note("%s has done %s for %s %d times", system, operation, id, count)
		case count == 0:
			r.Lost++
			r.note("%s has never done %s for %s", system, operation, id)
		}
	}
	return nil
}
