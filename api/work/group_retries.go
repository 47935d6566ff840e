package work

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/casework"
)

type parkedGroupView struct {
	casework.ParkedGroup
	StepText  string `json:"step_text"`
	CauseText string `json:"cause_text"`
}

type parkedGroupList struct {
	Items []parkedGroupView `json:"items" nullable:"false"`
}

// listParkedGroups returns the parked steps one may settle, by step and cause: what an outage has left (K3).
func (s *Server) listParkedGroups(ctx context.Context, _ *struct{}) (*core.Answer[parkedGroupList], error) {
	groups, err := s.Store.Casework.ParkedGroups(ctx, core.Member(ctx))
	return core.Answered(parkedGroupList{core.Each(groups, func(g casework.ParkedGroup) parkedGroupView {
		return parkedGroupView{g, campus.StepText(core.Language(ctx), g.Step), campus.CauseText(core.Language(ctx), g.Cause)}
	})}), err
}

type groupRetryInput struct {
	Body struct {
		Step  string      `json:"step" minLength:"1" maxLength:"60"`
		Cause campus.Code `json:"cause" minLength:"1" maxLength:"40"`
	}
}

// groupRetryAnswer is 202 with the address where the progress is.
type groupRetryAnswer struct {
	Status   int
	Location string `header:"Location"`
	Body     casework.GroupRetry
}

// Describe tells /openapi.json of its one answer.
func (*groupRetryAnswer) Describe(op *huma.Operation) {
	op.Responses["202"] = core.StillRunning(op.Responses["200"])
	delete(op.Responses, "200")
}

// retryGroup has all steps of a group retried, by a loop of the worker and at the rate of the policy. Each is a retry
// decision of the member, with an outcome of its own.
func (s *Server) retryGroup(ctx context.Context, in *groupRetryInput) (*groupRetryAnswer, error) {
	retry, err := s.Store.Casework.OpenGroupRetry(ctx, s.Request(ctx), core.Member(ctx), in.Body.Step, in.Body.Cause)
	if err != nil {
		return nil, err
	}
	return &groupRetryAnswer{http.StatusAccepted, "/api/v1/staff/group-retries/" + retry.ID.String(), retry}, nil
}

// GroupRetryInput names a group retry in the path.
type GroupRetryInput struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

func (s *Server) getGroupRetry(ctx context.Context, in *GroupRetryInput) (*core.Answer[casework.GroupRetry], error) {
	retry, err := s.Store.Casework.GroupRetry(ctx, core.Member(ctx), in.ID)
	return core.Answered(retry), err
}

type groupRetryItemsInput struct {
	GroupRetryInput
	core.PageQuery
}

// listGroupRetryItems returns the steps of a group retry with what became of each.
func (s *Server) listGroupRetryItems(ctx context.Context,
	in *groupRetryItemsInput) (*core.Answer[core.Page[casework.GroupRetryItem]], error) {
	if _, err := s.Store.Casework.GroupRetry(ctx, core.Member(ctx), in.ID); err != nil {
		return nil, err
	}
	return core.Listed(in.PageQuery, func(after uuid.UUID, limit int) ([]casework.GroupRetryItem, error) {
		return s.Store.Casework.GroupRetryItems(ctx, core.Member(ctx), in.ID, after, limit)
	}, core.AsItIs, func(i casework.GroupRetryItem) uuid.UUID { return i.ID })
}
