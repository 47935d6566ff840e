package work

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/casework"
)

type queueView struct {
	casework.QueueSummary
	KindText string `json:"kind_text"`
}

type queueList struct {
	Items []queueView `json:"items" nullable:"false"`
}

// summarizeWorkItems counts what waits, by kind and campus (C3).
func (s *Server) summarizeWorkItems(ctx context.Context, _ *struct{}) (*core.Answer[queueList], error) {
	queues, err := s.Store.Casework.WorkSummary(ctx, core.Member(ctx))
	return core.Answered(queueList{core.Each(queues, func(q casework.QueueSummary) queueView {
		return queueView{q, campus.Text(core.Language(ctx), "work."+string(q.Kind), nil)}
	})}), err
}

type assignmentInput struct {
	WorkItemInput
	Body struct {
		To uuid.UUID `json:"to" format:"uuid" doc:"A colleague who may decide the item, see /api/v1/staff/colleagues"`
	}
}

// assignWorkItem gives an item to a colleague, who hears of it by mail.
func (s *Server) assignWorkItem(ctx context.Context, in *assignmentInput) (*core.Answer[WorkItemView], error) {
	item, err := s.Store.Casework.AssignWorkItem(ctx, s.Request(ctx), core.Member(ctx), in.ID, in.Body.To,
		s.claimLife(ctx))
	return core.Answered(s.WorkItemOf(core.Language(ctx))(item)), err
}

func (s *Server) claimLife(ctx context.Context) time.Duration {
	return s.Policies.For(core.Member(ctx).University).Work.ClaimLife.Std()
}

type colleagueListInput struct {
	core.PageQuery
	Kind       campus.WorkItemKind `query:"kind" doc:"Who may decide items of this kind"`
	Permission campus.Permission   `query:"permission" maxLength:"40" doc:"Or, without kind: who has this permission"`
	Campus     string              `query:"campus" maxLength:"40" doc:"On this campus"`
}

// listColleagues returns those who could take an item.
func (s *Server) listColleagues(ctx context.Context,
	in *colleagueListInput) (*core.Answer[core.Page[casework.Assignee]], error) {
	wanted := in.Permission
	if in.Kind != "" {
		if in.Permission != "" {
			return nil, campus.FieldErrorf("permission", "field_misplaced", "the kind has a permission of its own")
		}
		wanted = in.Kind.Permission()
	}
	if wanted == "" {
		return nil, campus.FieldErrorf("kind", "colleagues_of_what", "colleagues who may do what?")
	}
	return core.Listed(in.PageQuery, func(after uuid.UUID, limit int) ([]casework.Assignee, error) {
		return s.Store.Casework.Colleagues(ctx, core.Member(ctx), wanted, in.Campus, after, limit)
	}, core.AsItIs, func(c casework.Assignee) uuid.UUID { return c.ID })
}

// setStaffLanguage changes the language in which a member of staff gets mail.
func (s *Server) setStaffLanguage(ctx context.Context, in *core.LanguageChoice) (*core.NoContent, error) {
	return &core.NoContent{}, s.Store.People.SetStaffLanguage(ctx, core.Member(ctx).ID, in.Body.Language)
}
