package cards

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/casework"
)

// CaseView is a case in words (C4): stage, whom it waits for, since when, until when.
type CaseView struct {
	ID           uuid.UUID       `json:"id" format:"uuid"`
	Kind         campus.CaseKind `json:"kind"`
	Campus       string          `json:"campus"`
	Stage        campus.Stage    `json:"stage"`
	StageText    string          `json:"stage_text"`
	WaitsFor     campus.Party    `json:"waits_for"`
	WaitsForText string          `json:"waits_for_text"`
	Since        time.Time       `json:"since"`
	Due          *time.Time      `json:"due,omitempty"`
	DueNote      string          `json:"due_note,omitempty" doc:"That the date is an estimate"`
	Outcome      campus.Outcome  `json:"outcome,omitempty"`
	OutcomeText  string          `json:"outcome_text,omitempty"`
	Reason       string          `json:"reason,omitempty"`
	ReasonText   string          `json:"reason_text,omitempty" doc:"Why, and where to go, as the person it is about is told"`
	OpenedAt     time.Time       `json:"opened_at"`
	ClosedAt     *time.Time      `json:"closed_at,omitempty"`
}

// CaseOf shows a case in a language.
func (s *Server) CaseOf(in campus.Language, c casework.Case) CaseView {
	view := CaseView{
		ID: c.ID, Kind: c.Kind, Campus: c.Campus, Stage: c.Stage, WaitsFor: c.WaitsFor, Since: c.Since, Due: c.Due,
		Outcome: c.Outcome, Reason: c.Reason, OpenedAt: c.OpenedAt, ClosedAt: c.ClosedAt,
		StageText:    campus.Text(in, "stage."+string(c.Stage), nil),
		WaitsForText: campus.Text(in, "waits."+string(c.WaitsFor), nil),
		ReasonText:   campus.ReasonText(in, c.Reason),
	}
	if c.Kind.DueInWorkingDays(c.Stage) {
		view.DueNote = s.DueNote(in, c.University, c.Due)
	}
	if c.Outcome != "" {
		view.OutcomeText = campus.Text(in, "outcome."+string(c.Outcome), nil)
	}
	return view
}

// NextView is what the reader can do now, and why.
type NextView struct {
	Text    string       `json:"text"`
	Actions []actionView `json:"actions" doc:"Empty when there is nothing to do but wait; the first is the usual one"`
}

type actionView struct {
	Method string `json:"method"`
	Href   string `json:"href"`
}

// applicationActions are what the student can do at the stages of an application, besides taking it back.
var applicationActions = map[campus.Stage][]string{
	campus.StageChecking: {"counter-check"}, campus.StageIdentity: {"counter-check"},
	campus.StageLiveness: {"liveness-tries", "counter-check"}, campus.StagePhoto: {"counter-check"},
	campus.StageEvidence: {"evidence"}, campus.StageActivation: {"activation"}, campus.StageEnrolment: {"activation"},
	campus.StageLapsed: {"reopening"},
}

// NextOf returns what the student can do at a stage (C4). What they can do about other cases than an application is
// added with all else that is shown of these (caseDetails).
func NextOf(in campus.Language, c casework.Case) NextView {
	var actions []string
	if c.Kind == campus.ApplicationCase && c.Outcome == "" && c.Stage != campus.StageClosing {
		actions = append(slices.Clone(applicationActions[c.Stage]), "withdrawal")
	}
	return NextView{Text: campus.Text(in, c.Kind.NextKey(c.Stage, c.Outcome), nil),
		Actions: core.Each(actions, func(action string) actionView {
			return actionView{"POST", "/api/v1/applications/" + c.ID.String() + "/" + action}
		})}
}

// NextFor returns nextOf for one case; it also looks at what would become of an activation (D4): nobody is asked to
// do what is refused, or not told what ends with it.
func (s *Server) NextFor(ctx context.Context, c casework.Case) (NextView, error) {
	in := core.Language(ctx)
	next := NextOf(in, c)
	pending, err := s.ownPending(ctx, c)
	if err != nil || pending != "" {
		return NextView{Text: pending, Actions: []actionView{}}, err
	}
	usual := c.Kind.NextKey(c.Stage, c.Outcome)
	if c.Kind != campus.ApplicationCase || !campus.HasText(usual+"."+campus.OtherCardMark) {
		return next, nil
	}
	mark, err := s.Store.Cards.OtherCard(ctx, c.ID)
	if err != nil || mark == "" || !campus.HasText(usual+"."+mark) {
		return next, err
	}
	next.Text = campus.Text(in, usual+"."+mark, nil)
	if mark == campus.OtherCardMark {
		next.Actions = slices.DeleteFunc(next.Actions,
			func(a actionView) bool { return strings.HasSuffix(a.Href, "/activation") })
	}
	return next, nil
}

// ownPending says that the holder's last decision is being carried out; empty when it is not.
func (s *Server) ownPending(ctx context.Context, c casework.Case) (string, error) {
	open, err := s.Store.Casework.CaseDecisions(ctx, c.ID)
	holder := campus.Student(c.PersonID).String()
	for _, d := range slices.Backward(open) {
		if d.Actor == holder {
			in := core.Language(ctx)
			what := map[string]string{"what": campus.Text(in, "deciding."+d.Update, nil)}
			return campus.Text(in, "open_decision.next", what), nil
		}
	}
	return "", err
}

// EventView is a line of a case's timeline.
type EventView struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	Text string    `json:"text"`
	By   string    `json:"by" doc:"student, system, machine, or staff; for staff with their id"`
	Note string    `json:"note,omitempty" doc:"For staff: what the person who decided wrote"`
}

// EventOf returns a line of a timeline in words. Students are not told which member of staff it was.
func EventOf(in campus.Language, e casework.TimelineEvent, forStaff bool) EventView {
	filled := map[string]string{}
	for name, value := range e.Data {
		switch name {
		case "reason":
			value = campus.ReasonText(in, value)
		case "items":
			value = campus.ItemsText(in, value)
		case "step":
			value = campus.StepText(in, value)
		case "cause":
			value = campus.CauseText(in, campus.Code(value))
		case "action":
			value = campus.Text(in, "settlement."+value, nil)
		case "item":
			value = campus.Text(in, "work."+value, nil)
		}
		filled[name] = value
	}
	view := EventView{At: e.At, Kind: e.Kind, Text: campus.Text(in, "event."+e.Kind, filled), By: e.Actor, Note: e.Note}
	if !forStaff {
		view.By, _, _ = strings.Cut(e.Actor, "/")
		view.Note = ""
	}
	return view
}

// FindingView is what was found out about an applicant or their papers.
type FindingView struct {
	Item        campus.Item    `json:"item"`
	ItemText    string         `json:"item_text"`
	Verdict     campus.Verdict `json:"verdict"`
	VerdictText string         `json:"verdict_text"`
	ReasonText  string         `json:"reason_text,omitempty"`
}

// FindingOf shows findings in a language.
func FindingOf(in campus.Language) func(campus.Finding) FindingView {
	return func(f campus.Finding) FindingView {
		return FindingView{
			Item: f.Item, ItemText: campus.Text(in, "item."+string(f.Item), nil),
			Verdict: f.Verdict, VerdictText: campus.Text(in, "verdict."+string(f.Verdict), nil),
			ReasonText: campus.ReasonText(in, f.Reason),
		}
	}
}

// caseDetail is a case with all a student may know of it.
type caseDetail struct {
	CaseView
	Next     NextView      `json:"next"`
	Note     string        `json:"note,omitempty" doc:"What the reviewer wrote"`
	Findings []FindingView `json:"findings,omitempty"`
	Wanted   []wantedView  `json:"wanted,omitempty" doc:"What to bring or to put right, while the case waits for it"`
	Timeline []EventView   `json:"timeline"`
	Plastic  *PlasticView  `json:"plastic,omitempty"`
	Package  *PackageView  `json:"package,omitempty"`
	Appeal   *AppealView   `json:"appeal,omitempty"`
	Line     *lineView     `json:"line,omitempty" doc:"While the case is queued and has not been let in yet"`
}

// lineView is where an application stands in the line (C5).
type lineView struct {
	Position    int        `json:"position" doc:"1 is the next of the university"`
	EstimatedAt *time.Time `json:"estimated_at,omitempty" doc:"When it begins to be worked, as it looks now; none while the line stands"`
	Text        string     `json:"text"`
}

// lineOf returns the place of a case in the line, nil for one that is not in it.
func (s *Server) lineOf(ctx context.Context, c casework.Case) (*lineView, error) {
	if c.Stage != campus.StageQueued {
		return nil, nil //nolint:nilnil // no line
	}
	place, err := s.Store.Outreach.LinePlace(ctx, s.Policies.For("").Rush, c.ID)
	if err != nil || place == nil {
		return nil, err
	}
	view := &lineView{Position: place.Position}
	if !place.Estimated.IsZero() {
		view.EstimatedAt = &place.Estimated
	}
	view.Text = LineText(core.Language(ctx), *place)
	return view, nil
}

// LineText tells how many are ahead, if any, and when the case begins, unless nobody knows.
func LineText(in campus.Language, place campus.LinePlace) string {
	who, words := "ahead", map[string]string{"ahead": strconv.Itoa(place.Position - 1)}
	if place.Position == 1 {
		who = "next"
	}
	if place.Estimated.IsZero() {
		return campus.Text(in, "line."+who+"_stands", words)
	}
	words["at"] = campus.TimeText(in, place.Estimated)
	return campus.Text(in, "line."+who, words)
}

func (s *Server) caseDetail(ctx context.Context, c casework.Case) (*core.Answer[caseDetail], error) {
	in := core.Language(ctx)
	next, err := s.NextFor(ctx, c)
	if err != nil {
		return nil, err
	}
	detail := caseDetail{CaseView: s.CaseOf(in, c), Next: next}
	timeline, err := s.Store.Casework.Timeline(ctx, c.ID, true)
	if err != nil {
		return nil, err
	}
	s.NamePackages(in, c.University, timeline)
	detail.Timeline = core.Each(timeline, func(e casework.TimelineEvent) EventView { return EventOf(in, e, false) })
	add, found := caseDetails[c.Kind]
	if !found {
		return nil, campus.Errorf(campus.Internal, "", "nobody shows a case of kind %s to its holder", c.Kind)
	}
	err = add(s, ctx, c, &detail)
	return core.Answered(detail), err
}

// caseDetails add what the holder is shown of a kind of case, and can do, besides what every case has.
var caseDetails = map[campus.CaseKind]func(*Server, context.Context, casework.Case, *caseDetail) error{
	campus.ApplicationCase: (*Server).addApplication,
	campus.PlasticCase:     (*Server).addPlastic,
	campus.PackageCase:     (*Server).addPackage,
	campus.AppealCase:      (*Server).addAppeal,
	campus.EndingCase: func(*Server, context.Context, casework.Case, *caseDetail) error {
		return nil // all there is to say is in its timeline
	},
}

// ShownToHolders tells whether cases of a kind are shown to their holders.
func ShownToHolders(kind campus.CaseKind) bool { return caseDetails[kind] != nil }

func (s *Server) addPackage(ctx context.Context, c casework.Case, detail *caseDetail) (err error) {
	detail.Package, err = s.CasePackage(ctx, c)
	return err
}

func (s *Server) addPlastic(ctx context.Context, c casework.Case, detail *caseDetail) error {
	plastic, err := s.Store.Production.CurrentPlastic(ctx, c.ID)
	if err != nil {
		return err
	}
	detail.Next.Actions = plasticNext(c, plastic.CardID)
	detail.Plastic, err = s.plasticOf(core.Language(ctx), plastic)
	return err
}

func (s *Server) addApplication(ctx context.Context, c casework.Case, detail *caseDetail) (err error) {
	in := core.Language(ctx)
	if detail.Line, err = s.lineOf(ctx, c); err != nil {
		return err
	}
	findings, err := s.Store.Casework.Findings(ctx, c.ID)
	if err != nil {
		return err
	}
	detail.Findings = core.Each(findings, FindingOf(in))
	if c.Stage == campus.StageEvidence {
		detail.Wanted = wantedOf(in, c, findings)
	}
	file, err := s.Store.Cards.ApplicationFile(ctx, c.ID)
	detail.Note = file.ReviewNote
	return err
}

// wantedView is an item that the applicant has to bring or to put right.
type wantedView struct {
	Item       campus.Item `json:"item"`
	ItemText   string      `json:"item_text"`
	ReasonText string      `json:"reason_text"`
}

// wantedOf returns the items that checks have found missing or wrong, or the one that the reviewer asked for.
func wantedOf(in campus.Language, c casework.Case, findings []campus.Finding) []wantedView {
	wanted := []wantedView{}
	for _, f := range findings {
		if slices.Contains(campus.Wanted([]campus.Finding{f}), f.Item) {
			wanted = append(wanted, wantedView{f.Item, campus.Text(in, "item."+string(f.Item), nil),
				campus.ReasonText(in, f.Reason)})
		}
	}
	if item := campus.ItemOfReason(c.Reason); len(wanted) == 0 && item != "" {
		wanted = append(wanted, wantedView{item, campus.Text(in, "item."+string(item), nil), campus.ReasonText(in, c.Reason)})
	}
	return wanted
}
