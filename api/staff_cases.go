package api

import (
	"context"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"campuscard/api/cards"
	"campuscard/api/core"
	"campuscard/api/files"
	"campuscard/api/work"
	"campuscard/campus"
	cardstore "campuscard/storage/cards"
	"campuscard/storage/casework"
)

type staffCaseListInput struct {
	core.PageQuery
	Kind     campus.CaseKind `query:"kind"`
	Stage    campus.Stage    `query:"stage" maxLength:"30"`
	WaitsFor campus.Party    `query:"waits_for"`
	Campus   string          `query:"campus" maxLength:"40"`
	Parked   bool            `query:"parked" doc:"Only cases with a parked step"`
	Open     bool            `query:"open" doc:"Only cases that are not closed"`
	Deciding bool            `query:"deciding" doc:"Only cases with a decision whose end is not known yet"`
	Number   string          `query:"number" maxLength:"40" doc:"Student or staff number"`
}

// StaffCaseView is a case in a list for staff: ids and codes, no personal data.
type StaffCaseView struct {
	cards.CaseView
	PersonID   uuid.UUID `json:"person_id,omitzero" required:"false" format:"uuid"`
	Parked     []string  `json:"parked" doc:"Steps that wait for staff"`
	CauseText  string    `json:"cause_text,omitempty"`
	TemporalUI string    `json:"temporal_ui,omitempty" doc:"The case's workflow in the Temporal UI"`
}

func (s *Server) staffCaseOf(in campus.Language) func(casework.Case) StaffCaseView {
	return func(c casework.Case) StaffCaseView {
		view := StaffCaseView{CaseView: s.cards.CaseOf(in, c), PersonID: c.PersonID, Parked: append([]string{}, c.Parked...)}
		if c.Cause != "" {
			view.CauseText = campus.CauseText(in, c.Cause)
		}
		if s.Cfg.TemporalUI != "" {
			view.TemporalUI = strings.TrimRight(s.Cfg.TemporalUI, "/") + "/namespaces/" + url.PathEscape(s.Cfg.Namespace) +
				"/workflows/" + url.PathEscape(c.Ref().WorkflowID())
		}
		return view
	}
}

// listStaffCases finds cases of one's university and campuses, newest first (K5).
func (s *Server) listStaffCases(ctx context.Context, in *staffCaseListInput) (*core.Answer[core.Page[StaffCaseView]],
	error) {
	if in.Stage != "" && !campus.HasText("stage."+string(in.Stage)) {
		return nil, campus.FieldErrorf("stage", "stage_unknown", "no case is ever at this stage")
	}
	after, err := core.ReadCursor[uuid.UUID](in.Cursor)
	if err != nil {
		return nil, err
	}
	cases, err := s.Store.Casework.StaffCases(ctx, core.Member(ctx), casework.CaseFilter{
		Kind: in.Kind, Stage: in.Stage, WaitsFor: in.WaitsFor, Campus: in.Campus, Parked: in.Parked, Open: in.Open,
		Deciding: in.Deciding, Number: in.Number, After: after, Limit: in.Limit + 1,
	})
	if err != nil {
		return nil, err
	}
	return core.Answered(core.NewPage(cases, in.Limit, s.staffCaseOf(core.Language(ctx)),
		func(c casework.Case) uuid.UUID { return c.ID })), nil
}

type attemptView struct {
	casework.Attempt
	StepText string `json:"step_text"`
}

// staffCaseDetail is a case with all that staff may know of it, but who it is about.
type staffCaseDetail struct {
	StaffCaseView
	Next      *cards.NextView     `json:"next,omitempty" doc:"What the holder is told that comes next, and can do"`
	Flagged   string              `json:"flagged,omitempty" doc:"A mark for the reviewer"`
	Findings  []cards.FindingView `json:"findings"`
	Timeline  []cards.EventView   `json:"timeline"`
	Attempts  []attemptView       `json:"attempts" doc:"Every try of every step, with its error"`
	WorkItems []work.WorkItemView `json:"work_items" doc:"What the case waits for people to decide"`
	Files     []caseFileView      `json:"files" doc:"Evidence that can still be looked at"`
	Package   *cards.PackageView  `json:"package,omitempty" doc:"That the case changes"`
	Appeal    *cards.AppealView   `json:"appeal,omitempty" doc:"For who answers for merchants or decides about appeals"`

	Pending []core.PendingView `json:"pending" doc:"Decisions whose end is not known yet"`
}

type caseFileView struct {
	ID          uuid.UUID            `json:"id" format:"uuid"`
	Purpose     campus.UploadPurpose `json:"purpose"`
	ContentType string               `json:"content_type"`
}

// getStaffCase returns one case with its timeline, attempts, open items and evidence.
func (s *Server) getStaffCase(ctx context.Context, in *core.CaseInput) (*core.Answer[staffCaseDetail], error) {
	c, err := s.Store.Casework.StaffCase(ctx, core.Member(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	lang := core.Language(ctx)
	detail := staffCaseDetail{StaffCaseView: s.staffCaseOf(lang)(c), Findings: []cards.FindingView{},
		Files: []caseFileView{}}
	timeline, err := s.Store.Casework.Timeline(ctx, c.ID, false)
	if err != nil {
		return nil, err
	}
	s.cards.NamePackages(lang, c.University, timeline)
	detail.Timeline = core.Each(timeline,
		func(e casework.TimelineEvent) cards.EventView { return cards.EventOf(lang, e, true) })
	attempts, err := s.Store.Casework.Attempts(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	detail.Attempts = core.Each(attempts, func(a casework.Attempt) attemptView {
		return attemptView{a, campus.StepText(lang, a.Step)}
	})
	items, err := s.Store.Casework.CaseWorkItems(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	detail.WorkItems = core.Each(items, s.work.WorkItemOf(lang))
	pending, err := s.Store.Casework.CaseDecisions(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	detail.Pending = core.Each(pending, core.PendingOf(lang))
	if c.Kind.Rule().Holder {
		next, err := s.cards.NextFor(ctx, c)
		if err != nil {
			return nil, err
		}
		detail.Next = &next
	}
	add, found := staffDetails[c.Kind]
	if !found {
		return nil, campus.Errorf(campus.Internal, "", "nobody shows a case of kind %s to staff", c.Kind)
	}
	err = add(s, ctx, c, &detail)
	return core.Answered(detail), err
}

// staffDetails add what staff are shown of a kind of case besides what every case has.
var staffDetails = map[campus.CaseKind]func(*Server, context.Context, casework.Case, *staffCaseDetail) error{
	campus.ApplicationCase: (*Server).addEvidence,
	campus.PackageCase:     (*Server).addPackage,
	campus.AppealCase:      (*Server).addAppeal,
	campus.PlasticCase:     (*Server).addNothing,
	campus.BatchCase:       (*Server).addNothing,
	campus.InvitationCase:  (*Server).addNothing,
	campus.EndingCase:      (*Server).addNothing,
	campus.CloseCase:       (*Server).addNothing,
}

// ShownToStaff tells whether cases of a kind are shown to staff.
func ShownToStaff(kind campus.CaseKind) bool { return staffDetails[kind] != nil }

// addNothing is for kinds of which all is said by what every case has.
func (*Server) addNothing(context.Context, casework.Case, *staffCaseDetail) error { return nil }

func (s *Server) addPackage(ctx context.Context, c casework.Case, detail *staffCaseDetail) (err error) {
	detail.Package, err = s.cards.CasePackage(ctx, c)
	return err
}

// addAppeal shows what an appeal is about to those whose work it is: the holder's words are for nobody else.
func (s *Server) addAppeal(ctx context.Context, c casework.Case, detail *staffCaseDetail) error {
	who := core.Member(ctx)
	if !who.May(campus.ManageMerchants, c.Campus) && !who.May(campus.RefundPayments, c.Campus) {
		return nil
	}
	a, err := s.Store.Money.Appeal(ctx, c.ID)
	if err != nil {
		return err
	}
	detail.Appeal = cards.AppealOf(core.Language(ctx), a, true)
	return nil
}

func (s *Server) addEvidence(ctx context.Context, c casework.Case, detail *staffCaseDetail) error {
	findings, err := s.Store.Casework.Findings(ctx, c.ID)
	if err != nil {
		return err
	}
	detail.Findings = core.Each(findings, cards.FindingOf(core.Language(ctx)))
	file, err := s.Store.Cards.ApplicationFile(ctx, c.ID)
	if err != nil {
		return err
	}
	if file.Flagged != "" {
		detail.Flagged = campus.ReasonText(core.Language(ctx), file.Flagged)
	}
	files, err := s.Store.Cards.CaseFiles(ctx, c.ID)
	detail.Files = core.Each(files,
		func(u cardstore.Upload) caseFileView { return caseFileView{u.ID, u.Purpose, u.ContentType} })
	return err
}

// personView is who somebody is. Every look at it is audited.
type personView struct {
	ID         uuid.UUID `json:"id" format:"uuid"`
	Number     string    `json:"number"`
	Name       string    `json:"name"`
	Phone      string    `json:"phone"`
	Level      string    `json:"level"`
	College    string    `json:"college"`
	Campus     string    `json:"campus"`
	Dormitory  string    `json:"dormitory"`
	Status     string    `json:"status"`
	University string    `json:"university"`

	Packages []cards.PackageView `json:"packages" doc:"Of the person's cards: what they have, and what became of what was asked for last"`
}

// getPerson shows who a case is about. People of other universities and campuses do not exist (A0).
func (s *Server) getPerson(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}) (*core.Answer[personView], error) {
	who := core.Member(ctx)
	p, err := s.Store.People.Person(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if p.University != who.University || !who.May(campus.ReadPeople, p.Campus) {
		return nil, campus.Errorf(campus.NotFound, "person_unknown", "no person %s", in.ID) // as if absent
	}
	if err := s.Store.Casework.RecordLook(ctx, core.Actor(ctx), "person.read", "person/"+p.ID.String(),
		p.University); err != nil {
		return nil, err
	}
	packages, err := s.Store.Cards.PersonPackages(ctx, p.ID)
	return core.Answered(personView{p.ID, p.Number, p.Name, p.Phone, p.Level, p.College, p.Campus, p.Dormitory, p.Status,
		p.University,
		core.Each(packages, s.cards.PackageOf(core.Language(ctx), p.University))}), err
}

type caseFileInput struct {
	core.CaseInput
	File uuid.UUID `path:"file" format:"uuid"`
}

// evidenceTypes are the content types that evidence has.
func evidenceTypes() []string {
	var types []string
	for _, kind := range files.Formats() {
		types = append(types, kind.ContentType)
	}
	return types
}

// getCaseFile shows a piece of evidence to who may read people. Every look is audited.
func (s *Server) getCaseFile(ctx context.Context, in *caseFileInput) (*core.File, error) {
	who := core.Member(ctx)
	c, err := s.Store.Casework.StaffCase(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	if !who.May(campus.ReadPeople, c.Campus) {
		return nil, campus.NotPermitted(campus.ReadPeople)
	}
	upload, content, err := s.Store.Cards.ReadUpload(ctx, in.File)
	if err != nil {
		return nil, err
	}
	if upload.TakenBy == nil || *upload.TakenBy != c.ID {
		return nil, campus.Errorf(campus.NotFound, "upload_unknown", "no file %s in case %s", in.File, c.ID)
	}
	if err := s.Store.Casework.RecordLook(ctx, core.Actor(ctx), "evidence.read", "upload/"+in.File.String(),
		c.University); err != nil {
		return nil, err
	}
	return core.NewFile(upload.ContentType, "inline", content), nil
}

// renewPickupCode gives the holder another code, once the card centre has seen person and document (D3).
func (s *Server) renewPickupCode(ctx context.Context, in *core.CaseInput) (*core.NoContent, error) {
	who := core.Member(ctx)
	c, err := s.Store.Casework.StaffCase(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	if !who.May(campus.VerifyInPerson, c.Campus) {
		return nil, campus.NotPermitted(campus.VerifyInPerson)
	}
	_, err = s.Store.Production.RenewPickupCode(ctx, s.Request(ctx), who, c.ID)
	return &core.NoContent{}, err
}

type settlementInput struct {
	core.CaseInput
	Step string `path:"step" maxLength:"60"`
	Body struct {
		Action  campus.Settlement `json:"action" enum:"retry,skip,abort"`
		Attempt int               `json:"attempt" minimum:"1" maximum:"2147483647" doc:"The attempt that was looked at"`
		Note    string            `json:"note,omitempty" required:"false" maxLength:"1000" words:"lines" doc:"Why; needed to skip or abort"`
	}
}

// settleStep retries, skips or aborts a parked step; the answer to a retry is the outcome of the new attempt (K3).
func (s *Server) settleStep(ctx context.Context, in *settlementInput) (*core.DecisionAnswer, error) {
	who := core.Member(ctx)
	c, err := s.Store.Casework.StaffCase(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	if !who.May(campus.SettleSteps, c.Campus) {
		return nil, campus.NotPermitted(campus.SettleSteps)
	}
	d := work.ItemDecision{Action: string(in.Body.Action), Attempt: in.Body.Attempt, Note: in.Body.Note}
	if err := work.CheckItemDecision(casework.WorkItem{Kind: campus.IncidentItem}, d); err != nil {
		return nil, err
	}
	items, err := s.Store.Casework.CaseWorkItems(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		if item.Step == in.Step && item.HeldByAnother(who.ID, s.Store.Now()) {
			return nil, campus.Errorf(campus.Conflict, "claimed_by_another", "work item %s is claimed by another", item.ID)
		}
	}
	return s.Decide(ctx, s.Request(ctx), work.ItemUpdate(c.Ref(), campus.IncidentItem, in.Step, d))
}
