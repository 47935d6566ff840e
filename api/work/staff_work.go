package work

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/money"
	"campuscard/storage/people"
)

// WorkItemView is a work item as staff see it.
type WorkItemView struct {
	casework.WorkItem
	KindText   string `json:"kind_text"`
	StepText   string `json:"step_text,omitempty"`
	StageText  string `json:"stage_text"`
	CauseText  string `json:"cause_text,omitempty"`
	ReasonText string `json:"reason_text,omitempty"`
	MarkText   string `json:"mark_text,omitempty"`
	DueNote    string `json:"due_note,omitempty" doc:"That the date is an estimate"`

	Pending *core.PendingView `json:"pending,omitempty" doc:"A decision about it whose end is not known yet"`

	RejectReasons []reasonView `json:"reject_reasons,omitempty" doc:"Of a review: why this application may be rejected"`
	AskReasons    []reasonView `json:"ask_reasons,omitempty" doc:"Of a review: for what this applicant may be asked"`

	ActionReasons map[string][]reasonView `json:"action_reasons,omitempty" doc:"Of an appeal: the reasons that each action takes"`
}

// reasonView is a reason that a reviewer can choose.
type reasonView struct {
	Reason string `json:"reason"`
	Text   string `json:"text"`
}

// reasonsOf returns the reasons for an action on the application of an item.
func reasonsOf(in campus.Language, action campus.ReviewAction, w casework.WorkItem) []reasonView {
	return core.Each(campus.ReviewReasons(action, w.Route, w.Category), func(reason string) reasonView {
		return reasonView{reason, campus.ReasonText(in, reason)}
	})
}

// WorkItemOf shows work items in a language.
func (s *Server) WorkItemOf(in campus.Language) func(casework.WorkItem) WorkItemView {
	return func(w casework.WorkItem) WorkItemView {
		view := WorkItemView{WorkItem: w, KindText: campus.Text(in, "work."+string(w.Kind), nil),
			StepText: campus.StepText(in, w.Step), StageText: campus.Text(in, "stage."+string(w.Stage), nil)}
		if w.Pending != nil {
			pending := core.PendingOf(in)(*w.Pending)
			view.Pending = &pending
		}
		if w.Kind.DueInWorkingDays() {
			view.DueNote = s.DueNote(in, w.University, w.Due)
		}
		if w.Kind == campus.ReviewItem {
			if w.Mark != "" {
				view.MarkText = campus.Text(in, "mark."+w.Mark, nil)
			}
			view.RejectReasons, view.AskReasons = reasonsOf(in, campus.Reject, w), reasonsOf(in, campus.AskMore, w)
		}
		if isAppeal(w.Kind) {
			view.ActionReasons = appealReasons(in, w.Kind)
		}
		switch {
		case w.Kind == campus.IncidentItem && w.Reason != "":
			view.CauseText = causeText(in, w.Cause, w.Reason)
		case w.Cause != "":
			view.CauseText = campus.CauseText(in, w.Cause)
		default:
			view.ReasonText = campus.ReasonText(in, w.Reason)
		}
		return view
	}
}

// causeText returns why a step is parked: what is known of the reason, unless that is a word of another system.
func causeText(in campus.Language, cause campus.Code, reason string) string {
	if key := "problem." + reason; campus.HasText(key) {
		return campus.Text(in, key, nil)
	}
	return campus.CauseText(in, cause)
}

type workItemListInput struct {
	core.PageQuery
	Kind campus.WorkItemKind `query:"kind"`
	Mine bool                `query:"mine" doc:"Only those I have claimed"`
	Free bool                `query:"free" doc:"Only those nobody has claimed"`
	Late bool                `query:"late" doc:"Only those whose deadline nears or has passed"`

	Campus       string `query:"campus" maxLength:"40" doc:"Only those of this campus"`
	Overdue      bool   `query:"overdue" doc:"Only those whose deadline has passed"`
	SecondPerson bool   `query:"second_person" doc:"Only those with a skip or an abort that waits for a second person"`
	Order        string `query:"order" enum:"opened,due" default:"opened" doc:"opened: oldest first; due: the next deadline first"`
}

// listWorkItems returns the open items one may decide or give to others, oldest first or the next deadline first.
func (s *Server) listWorkItems(ctx context.Context, in *workItemListInput) (*core.Answer[core.Page[WorkItemView]],
	error) {
	after, err := core.ReadCursor[uuid.UUID](in.Cursor)
	if err != nil {
		return nil, err
	}
	items, err := s.Store.Casework.WorkItems(ctx, core.Member(ctx), casework.WorkItemFilter{
		Kind: in.Kind, Mine: in.Mine, Free: in.Free, Late: in.Late, After: after, Limit: in.Limit + 1,
		Campus: in.Campus, Overdue: in.Overdue, SecondPerson: in.SecondPerson, ByDue: in.Order == "due",
	})
	if err != nil {
		return nil, err
	}
	id := func(w casework.WorkItem) uuid.UUID { return w.ID }
	return core.Answered(core.NewPage(items, in.Limit, s.WorkItemOf(core.Language(ctx)), id)), nil
}

// WorkItemInput names a work item in the path.
type WorkItemInput struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

func (s *Server) getWorkItem(ctx context.Context, in *WorkItemInput) (*core.Answer[WorkItemView], error) {
	item, err := s.Store.Casework.WorkItem(ctx, core.Member(ctx), in.ID)
	return core.Answered(s.WorkItemOf(core.Language(ctx))(item)), err
}

func (s *Server) claimWorkItem(ctx context.Context, in *WorkItemInput) (*core.Answer[WorkItemView], error) {
	item, err := s.Store.Casework.ClaimWorkItem(ctx, s.Request(ctx), core.Member(ctx), in.ID, s.claimLife(ctx))
	return core.Answered(s.WorkItemOf(core.Language(ctx))(item)), err
}

func (s *Server) releaseWorkItem(ctx context.Context, in *WorkItemInput) (*core.Answer[WorkItemView], error) {
	item, err := s.Store.Casework.ReleaseWorkItem(ctx, s.Request(ctx), core.Member(ctx), in.ID)
	return core.Answered(s.WorkItemOf(core.Language(ctx))(item)), err
}

// ItemDecision is what a member of staff decides. Which actions fit depends on the kind of item.
type ItemDecision struct {
	Action  string `json:"action"`
	Reason  string `json:"reason,omitempty" required:"false" maxLength:"60" pattern:"^[a-z_]*$" doc:"Needed to reject or ask for more: one of the item's reject_reasons or ask_reasons; of an appeal one of its action_reasons"`
	Note    string `json:"note,omitempty" required:"false" maxLength:"1000" words:"lines" doc:"Of a review and of an appeal: to the student; else to colleagues. A skip, an abort and a difference need it"`
	Attempt int    `json:"attempt,omitempty" required:"false" minimum:"1" maximum:"2147483647" doc:"Of an incident: the attempt that was looked at"`

	AmountCents int64 `json:"amount_cents,omitempty" required:"false" minimum:"1" maximum:"2000000000" doc:"Of an appeal of which a part is given back: fen"`
}

// TransformSchema implements huma.SchemaTransformer: what can be decided is said by the kinds of items.
func (ItemDecision) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	var all, said []string
	for _, kind := range campus.WorkItemKinds() {
		all = append(all, kind.Rule().Actions...)
		said = append(said, string(kind)+": "+strings.Join(kind.Rule().Actions, ", "))
	}
	action := core.OneOf(all)
	action.Description = strings.Join(said, "; ")
	s.Properties["action"] = action
	return s
}

type workItemDecisionInput struct {
	WorkItemInput
	Body ItemDecision
}

func (s *Server) decideWorkItem(ctx context.Context, in *workItemDecisionInput) (*core.DecisionAnswer, error) {
	return s.decideItem(ctx, s.Request(ctx), in.ID, in.Body, false)
}

// decideItem has the workflow of an item's case decide. That the item is open and free is looked at here for a clear
// answer; that the decision still fits is the workflow's to say. Later has the worker send it, and nobody wait.
func (s *Server) decideItem(ctx context.Context, request casework.Request, id uuid.UUID, d ItemDecision,
	later bool) (*core.DecisionAnswer, error) {
	who := core.Member(ctx)
	item, err := s.Store.Casework.WorkItem(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if !who.May(item.Kind.Permission(), item.Campus) {
		return nil, campus.NotPermitted(item.Kind.Permission())
	}
	if err := CheckItemDecision(item, d); err != nil {
		return nil, err
	}
	if item.HeldByAnother(who.ID, s.Store.Now()) && item.ClosedAt == nil {
		return nil, campus.Errorf(campus.Conflict, "claimed_by_another", "work item %s is claimed by another", id)
	}
	rule := item.Kind.Rule()
	if rule.Update == "" {
		done, err := s.Store.Casework.AcknowledgeWorkItem(ctx, request, who, id)
		return &core.DecisionAnswer{Status: http.StatusOK,
			Body: core.DecisionView{ID: done.ID, Status: "done", Stage: done.Stage}}, err
	}
	if item.ClosedAt != nil && d.Action == string(campus.RetryStep) { // nobody need have decided that
		return nil, campus.Errorf(campus.Conflict, campus.StepOver, "step %s went well or was settled", item.Step)
	}
	if item.ClosedAt != nil {
		// The case may be before the reviewers once more, with other evidence, and this is not about that.
		return nil, campus.Errorf(campus.Conflict, "already_decided", "work item %s is closed", id)
	}
	u := ItemUpdate(campus.CaseRef{Kind: item.CaseKind, ID: item.CaseID}, item.Kind, item.Step, d)
	u.Later = later
	if rule.AtCounter {
		u.Act = &people.NewCounterAct{Kind: campus.CheckAct, Person: item.PersonID, Case: item.CaseID, Detail: d.Action,
			Policy: s.Policies.For(who.University).Counter}
	}
	return s.Decide(ctx, request, u)
}

// actionFields are the fields that belong to each action. A note goes where somebody reads it: to the student, or into
// the timeline of the case. Neither has the note of a retry or of an acknowledgement.
var actionFields = map[string][]string{
	string(campus.Approve):    {"note"},
	string(campus.Reject):     {"reason", "note"},
	string(campus.AskMore):    {"reason", "note"},
	string(campus.Pass):       {"note"},
	string(campus.Fail):       {"note"},
	string(campus.RetryStep):  {"attempt"},
	string(campus.SkipStep):   {"attempt", "note"},
	string(campus.AbortSteps): {"attempt", "note"},
	campus.Acknowledge:        {},
	campus.SettleDifference:   {"note"},

	string(campus.AgreeAppeal):      {"note"},
	string(campus.ContestAppeal):    {"reason", "note"},
	string(campus.RefundAll):        {"reason", "note"},
	string(campus.RefundPart):       {"reason", "note", "amount_cents"},
	string(campus.RefundNothing):    {"reason", "note"},
	string(campus.ConfirmVerdict):   {},
	string(campus.SendBack):         {},
	string(campus.ObjectRefund):     {"reason", "note"},
	string(campus.UpholdObjection):  {"reason"},
	string(campus.DismissObjection): {"reason"},
}

// CheckActions tells which actions of a kind of work item nobody can send: their fields are not listed.
func CheckActions(kind campus.WorkItemKind) error {
	var wrong []error
	for _, action := range kind.Rule().Actions {
		if _, found := actionFields[action]; !found {
			wrong = append(wrong, fmt.Errorf("work item kind %s: nothing says which fields its action %s has (actionFields)", kind,
				action))
		}
	}
	return errors.Join(wrong...)
}

// CheckItemDecision refuses a decision that does not fit its item. Invalid: the field that is wrong.
func CheckItemDecision(item casework.WorkItem, d ItemDecision) error {
	kind := item.Kind
	if !slices.Contains(kind.Rule().Actions, d.Action) {
		return campus.FieldErrorf("action", "action_unknown", "%s is nothing to do with an item of kind %s", d.Action, kind)
	}
	err := core.Misplaced(d.Action, actionFields[d.Action],
		core.SentIf("reason", d.Reason != ""), core.SentIf("attempt", d.Attempt != 0), core.SentIf("note", d.Note != ""),
		core.SentIf("amount_cents", d.AmountCents != 0))
	if err != nil {
		return err
	}
	switch {
	case kind == campus.ReviewItem:
		return checkReviewReason(item, d)
	case isAppeal(kind):
		return checkAppeal(d)
	case kind == campus.IncidentItem && d.Attempt == 0:
		return campus.FieldErrorf("attempt", "attempt_missing", "name the attempt that was looked at")
	case kind == campus.IncidentItem && campus.Settlement(d.Action).FourEyes() && d.Note == "":
		return campus.FieldErrorf("note", "note_missing", "a skip or an abort needs a reason")
	case kind == campus.DifferenceItem && d.Note == "":
		return campus.FieldErrorf("note", "note_missing", "nobody has said what the difference was")
	}
	return nil
}

// checkReviewReason refuses what this applicant could not answer (A4).
func checkReviewReason(item casework.WorkItem, d ItemDecision) error {
	action := campus.ReviewAction(d.Action)
	switch {
	case action == campus.Approve, slices.Contains(campus.ReviewReasons(action, item.Route, item.Category), d.Reason):
		return nil
	case campus.IsReviewReason(d.Reason):
		return campus.FieldErrorf("reason", "reason_does_not_fit", "%s is no reason to %s of a %s %s", d.Reason, action,
			item.Category, item.Route)
	}
	return campus.FieldErrorf("reason", "reason_unknown", "a review that does not approve needs a reason of the catalogue")
}

// ItemUpdate returns the update that carries a decision about an item.
func ItemUpdate(ref campus.CaseRef, kind campus.WorkItemKind, step string, d ItemDecision) core.Update {
	u := core.Update{NewDecision: casework.NewDecision{Case: ref, Update: kind.Rule().Update,
		Payload: cards.ReviewNote{Note: d.Note},
		Said:    campus.Said{Action: d.Action, Reason: d.Reason}}}
	if isAppeal(kind) {
		u.Payload = money.AppealNote{Note: d.Note, AmountCents: d.AmountCents}
	}
	switch u.Update {
	case campus.SettleStepUpdate:
		u.Said = campus.Said{Action: d.Action, Step: step, Attempt: d.Attempt}
	case campus.SettleDifferenceUpdate:
		u.Said = campus.Said{Action: d.Action, Step: step}
	}
	return u
}

type bulkInput struct {
	Body struct {
		Items []struct {
			ID uuid.UUID `json:"id" format:"uuid"`
			ItemDecision
		} `json:"items" minItems:"1" maxItems:"100"`
	}
}

// bulkResult is the outcome of one item: a decision, or a problem.
type bulkResult struct {
	ID       uuid.UUID          `json:"id" format:"uuid"`
	Decision *core.DecisionView `json:"decision,omitempty"`
	Problem  *core.Problem      `json:"problem,omitempty"`
}

type bulkAnswer struct {
	Items []bulkResult `json:"items"`
}

const bulkAtOnce = 8

// decideWorkItems decides many items, each for itself: what happens to one says nothing about another (C3). Each has
// an idempotency key of its own under the request's.
func (s *Server) decideWorkItems(ctx context.Context, in *bulkInput) (*core.Answer[bulkAnswer], error) {
	seen := map[uuid.UUID]bool{}
	for _, item := range in.Body.Items { // two decisions about one item would be one request to it
		if seen[item.ID] {
			return nil, campus.FieldErrorf("items", "field_unique", "item %s is there twice", item.ID)
		}
		seen[item.ID] = true
	}
	outer := s.Request(ctx)
	if err := s.Store.Casework.KeepRequest(ctx, outer); err != nil {
		return nil, err
	}
	results := make([]bulkResult, len(in.Body.Items))
	var slow atomic.Bool // one is not answered in time, so nobody waits for a hundred: the worker sends the others
	var group errgroup.Group
	group.SetLimit(bulkAtOnce)
	for i, item := range in.Body.Items {
		group.Go(func() error {
			request := outer
			request.Key = outer.Key + "/" + item.ID.String()
			request.ID = uuid.Must(uuid.NewV7())
			results[i] = s.bulkOne(ctx, request, i, item.ID, item.ItemDecision, slow.Load())
			if d := results[i].Decision; d != nil && d.Status == "running" {
				slow.Store(true)
			}
			return nil
		})
	}
	_ = group.Wait() // what went wrong is in the results
	return core.Answered(bulkAnswer{results}), nil
}

func (s *Server) bulkOne(ctx context.Context, request casework.Request, i int, id uuid.UUID, d ItemDecision,
	later bool) bulkResult {
	decided, err := s.decideItem(ctx, request, id, d, later)
	if decided, err = s.Again(ctx, request, decided, err); err != nil {
		return bulkResult{ID: id, Problem: s.Problem(ctx, core.Below("items["+strconv.Itoa(i)+"]", err))}
	}
	return bulkResult{ID: id, Decision: &decided.Body}
}
