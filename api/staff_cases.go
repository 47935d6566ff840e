package api

import (
	"context"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
)

type staffCaseListInput struct {
	PageQuery
	Kind     campus.CaseKind `query:"kind" enum:"application,plastic,batch,package,invitation,ending"`
	Stage    campus.Stage    `query:"stage" maxLength:"30"`
	WaitsFor campus.Party    `query:"waits_for" enum:"engine,student,reviewer,card_centre,operator,school,registry,bureau,nobody,date,administrator,courier"`
	Campus   string          `query:"campus" maxLength:"40"`
	Parked   bool            `query:"parked" doc:"Only cases with a parked step"`
	Open     bool            `query:"open" doc:"Only cases that are not closed"`
	Deciding bool            `query:"deciding" doc:"Only cases with a decision whose end is not known yet"`
	Number   string          `query:"number" maxLength:"40" doc:"Student or staff number"`
}

// StaffCaseView is a case in a list for staff: ids and codes, no personal data.
type StaffCaseView struct {
	CaseView
	PersonID   uuid.UUID `json:"person_id,omitzero" required:"false" format:"uuid"`
	Parked     []string  `json:"parked" doc:"Steps that wait for staff"`
	CauseText  string    `json:"cause_text,omitempty"`
	TemporalUI string    `json:"temporal_ui,omitempty" doc:"The case's workflow in the Temporal UI"`
}

func (s *Server) staffCaseOf(in campus.Language) func(casework.Case) StaffCaseView {
	return func(c casework.Case) StaffCaseView {
		view := StaffCaseView{CaseView: s.caseOf(in, c), PersonID: c.PersonID, Parked: append([]string{}, c.Parked...)}
		if c.Cause != "" {
			view.CauseText = campus.CauseText(in, c.Cause)
		}
		if s.cfg.TemporalUI != "" {
			view.TemporalUI = strings.TrimRight(s.cfg.TemporalUI, "/") + "/namespaces/" + url.PathEscape(s.cfg.Namespace) +
				"/workflows/" + url.PathEscape(c.Ref().WorkflowID())
		}
		return view
	}
}

// listStaffCases finds cases of one's university and campuses, newest first (K5).
func (s *Server) listStaffCases(ctx context.Context, in *staffCaseListInput) (*answer[page[StaffCaseView]], error) {
	if in.Stage != "" && !campus.HasText("stage."+string(in.Stage)) {
		return nil, campus.FieldErrorf("stage", "stage_unknown", "no case is ever at this stage")
	}
	after, err := readCursor[uuid.UUID](in.Cursor)
	if err != nil {
		return nil, err
	}
	cases, err := s.store.Casework.StaffCases(ctx, member(ctx), casework.CaseFilter{
		Kind: in.Kind, Stage: in.Stage, WaitsFor: in.WaitsFor, Campus: in.Campus, Parked: in.Parked, Open: in.Open,
		Deciding: in.Deciding, Number: in.Number, After: after, Limit: in.Limit + 1,
	})
	if err != nil {
		return nil, err
	}
	return answered(newPage(cases, in.Limit, s.staffCaseOf(language(ctx)), func(c casework.Case) uuid.UUID { return c.ID })), nil
}

type attemptView struct {
	casework.Attempt
	StepText string `json:"step_text"`
}

// staffCaseDetail is a case with all that staff may know of it, but who it is about.
type staffCaseDetail struct {
	StaffCaseView
	Next      *nextView      `json:"next,omitempty" doc:"What the holder is told that comes next, and can do"`
	Flagged   string         `json:"flagged,omitempty" doc:"A mark for the reviewer"`
	Findings  []findingView  `json:"findings"`
	Timeline  []eventView    `json:"timeline"`
	Attempts  []attemptView  `json:"attempts" doc:"Every try of every step, with its error"`
	WorkItems []workItemView `json:"work_items" doc:"What the case waits for people to decide"`
	Files     []caseFileView `json:"files" doc:"Evidence that can still be looked at"`
	Package   *packageView   `json:"package,omitempty" doc:"That the case changes"`

	Pending []pendingView `json:"pending" doc:"Decisions whose end is not known yet"`
}

type caseFileView struct {
	ID          uuid.UUID            `json:"id" format:"uuid"`
	Purpose     campus.UploadPurpose `json:"purpose"`
	ContentType string               `json:"content_type"`
}

// getStaffCase is one case with its timeline, attempts, open items and evidence.
func (s *Server) getStaffCase(ctx context.Context, in *CaseInput) (*answer[staffCaseDetail], error) {
	c, err := s.store.Casework.StaffCase(ctx, member(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	lang := language(ctx)
	detail := staffCaseDetail{StaffCaseView: s.staffCaseOf(lang)(c), Findings: []findingView{}, Files: []caseFileView{}}
	timeline, err := s.store.Casework.Timeline(ctx, c.ID, false)
	if err != nil {
		return nil, err
	}
	s.namePackages(lang, c.University, timeline)
	detail.Timeline = each(timeline, func(e casework.TimelineEvent) eventView { return eventOf(lang, e, true) })
	attempts, err := s.store.Casework.Attempts(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	detail.Attempts = each(attempts, func(a casework.Attempt) attemptView {
		return attemptView{a, campus.StepText(lang, a.Step)}
	})
	items, err := s.store.Casework.CaseWorkItems(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	detail.WorkItems = each(items, s.workItemOf(lang))
	pending, err := s.store.Casework.CaseDecisions(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	detail.Pending = each(pending, pendingOf(lang))
	if c.Kind != campus.BatchCase && c.Kind != campus.InvitationCase { // they are nobody's
		next, err := s.nextFor(ctx, c)
		if err != nil {
			return nil, err
		}
		detail.Next = &next
	}
	switch c.Kind {
	case campus.ApplicationCase:
		err = s.addEvidence(ctx, c, &detail)
	case campus.PackageCase:
		detail.Package, err = s.casePackage(ctx, c)
	}
	return answered(detail), err
}

func (s *Server) addEvidence(ctx context.Context, c casework.Case, detail *staffCaseDetail) error {
	findings, err := s.store.Casework.Findings(ctx, c.ID)
	if err != nil {
		return err
	}
	detail.Findings = each(findings, findingOf(language(ctx)))
	file, err := s.store.Cards.ApplicationFile(ctx, c.ID)
	if err != nil {
		return err
	}
	if file.Flagged != "" {
		detail.Flagged = campus.ReasonText(language(ctx), file.Flagged)
	}
	files, err := s.store.Cards.CaseFiles(ctx, c.ID)
	detail.Files = each(files, func(u cards.Upload) caseFileView { return caseFileView{u.ID, u.Purpose, u.ContentType} })
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

	Packages []packageView `json:"packages" doc:"Of the person's cards: what they have, and what became of what was asked for last"`
}

// getPerson shows who a case is about. People of other universities and campuses do not exist (A0).
func (s *Server) getPerson(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}) (*answer[personView], error) {
	who := member(ctx)
	p, err := s.store.People.Person(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if p.University != who.University || !who.May(campus.ReadPeople, p.Campus) {
		return nil, campus.Errorf(campus.NotFound, "person_unknown", "no person %s", in.ID) // as if absent
	}
	if err := s.store.Casework.RecordLook(ctx, actor(ctx), "person.read", "person/"+p.ID.String(), p.University); err != nil {
		return nil, err
	}
	packages, err := s.store.Cards.PersonPackages(ctx, p.ID)
	return answered(personView{p.ID, p.Number, p.Name, p.Phone, p.Level, p.College, p.Campus, p.Dormitory, p.Status, p.University,
		each(packages, s.packageOf(language(ctx), p.University))}), err
}

type caseFileInput struct {
	CaseInput
	File uuid.UUID `path:"file" format:"uuid"`
}

// fileAnswer is a file's content, not to be kept by anybody on the way.
type fileAnswer struct {
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	Disposition  string `header:"Content-Disposition"`
	Body         []byte
}

// Describe tells /openapi.json of the files there are.
func (*fileAnswer) Describe(op *huma.Operation) {
	var kinds []string
	for _, kind := range formats() {
		kinds = append(kinds, kind.contentType)
	}
	op.Responses["200"].Content = fileContent(kinds...)
}

// getCaseFile shows a piece of evidence to who may read people. Every look is audited.
func (s *Server) getCaseFile(ctx context.Context, in *caseFileInput) (*fileAnswer, error) {
	who := member(ctx)
	c, err := s.store.Casework.StaffCase(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	if !who.May(campus.ReadPeople, c.Campus) {
		return nil, campus.NotPermitted(campus.ReadPeople)
	}
	upload, content, err := s.store.Cards.ReadUpload(ctx, in.File)
	if err != nil {
		return nil, err
	}
	if upload.TakenBy == nil || *upload.TakenBy != c.ID {
		return nil, campus.Errorf(campus.NotFound, "upload_unknown", "no file %s in case %s", in.File, c.ID)
	}
	if err := s.store.Casework.RecordLook(ctx, actor(ctx), "evidence.read", "upload/"+in.File.String(), c.University); err != nil {
		return nil, err
	}
	return &fileAnswer{ContentType: upload.ContentType, CacheControl: "no-store", Disposition: "inline", Body: content}, nil
}

// renewPickupCode gives the holder another code, once the card centre has seen person and document (D3).
func (s *Server) renewPickupCode(ctx context.Context, in *CaseInput) (*noContent, error) {
	who := member(ctx)
	c, err := s.store.Casework.StaffCase(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	if !who.May(campus.VerifyInPerson, c.Campus) {
		return nil, campus.NotPermitted(campus.VerifyInPerson)
	}
	_, err = s.store.Production.RenewPickupCode(ctx, s.request(ctx), who, c.ID)
	return &noContent{}, err
}

type settlementInput struct {
	CaseInput
	Step string `path:"step" maxLength:"60"`
	Body struct {
		Action  campus.Settlement `json:"action" enum:"retry,skip,abort"`
		Attempt int               `json:"attempt" minimum:"1" maximum:"2147483647" doc:"The attempt that was looked at"`
		Note    string            `json:"note,omitempty" required:"false" maxLength:"1000" words:"lines" doc:"Why; needed to skip or abort"`
	}
}

// settleStep retries, skips or aborts a parked step; the answer to a retry is the outcome of the new attempt (K3).
func (s *Server) settleStep(ctx context.Context, in *settlementInput) (*decisionAnswer, error) {
	who := member(ctx)
	c, err := s.store.Casework.StaffCase(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	if !who.May(campus.SettleSteps, c.Campus) {
		return nil, campus.NotPermitted(campus.SettleSteps)
	}
	d := ItemDecision{Action: string(in.Body.Action), Attempt: in.Body.Attempt, Note: in.Body.Note}
	if err := checkItemDecision(casework.WorkItem{Kind: campus.IncidentItem}, d); err != nil {
		return nil, err
	}
	items, err := s.store.Casework.CaseWorkItems(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		if item.Step == in.Step && item.HeldByAnother(who.ID, s.store.Now()) {
			return nil, campus.Errorf(campus.Conflict, "claimed_by_another", "work item %s is claimed by another", item.ID)
		}
	}
	return s.decide(ctx, s.request(ctx), itemUpdate(c.Ref(), campus.IncidentItem, in.Step, d))
}
