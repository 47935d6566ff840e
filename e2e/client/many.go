package client

import (
	"context"
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/school/simulator"
	"campuscard/storage/casework"
)

// Resume returns a student whose session was opened elsewhere.
func (c *Client) Resume(university, number, token string) *Student {
	return &Student{session: session{c, token}, University: university, Number: number}
}

// WorkItems returns the oldest open items of a kind, at most limit.
func (s *Staff) WorkItems(ctx context.Context, kind campus.WorkItemKind, limit int) ([]casework.WorkItem, error) {
	var list struct {
		Items []casework.WorkItem `json:"items"`
	}
	query := url.Values{"kind": {string(kind)}, "limit": {strconv.Itoa(limit)}}
	err := s.client.do(ctx, get(s.token, "/api/v1/staff/work-items", query), &list)
	return list.Items, err
}

// Decided is what became of one of many items: a decision or a problem.
type Decided struct {
	ID       uuid.UUID `json:"id"`
	Decision *Decision `json:"decision"`
	Problem  *Problem  `json:"problem"`
}

// Approve approves many applications at once.
func (s *Staff) Approve(ctx context.Context, items []uuid.UUID) ([]Decided, error) {
	list := make([]map[string]any, len(items))
	for i, id := range items {
		list[i] = map[string]any{"id": id, "action": campus.Approve}
	}
	var results struct {
		Items []Decided `json:"items"`
	}
	err := s.client.post(ctx, s.token, "/api/v1/staff/work-items/decisions", map[string]any{"items": list}, &results)
	return results.Items, err
}

// SetBureau changes how the card bureau works.
func (s *School) SetBureau(ctx context.Context, settings simulator.BureauSettings) error {
	return s.client.put(ctx, "", "/admin/bureau", settings)
}

// SpoilCardOf has the next card of somebody come out spoilt.
func (s *School) SpoilCardOf(ctx context.Context, p Person) error {
	var settings simulator.BureauSettings
	if err := s.client.do(ctx, get("", "/admin/bureau", nil), &settings); err != nil {
		return err
	}
	settings.SpoilOf = p.University + "/" + p.Number
	return s.SetBureau(ctx, settings)
}
