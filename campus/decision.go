package campus

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The decisions that people make about a case. Each is the name of the update that its workflow answers to.
const (
	TryLivenessUpdate   = "try-liveness"   // the student answers another challenge (B1)
	ChooseCounterUpdate = "choose-counter" // the student asks for the check in person (B3)
	VerifyUpdate        = "verify"         // the card centre has looked at the person (B2)
	ReviewUpdate        = "review"         // a reviewer decides (C3)
	BringEvidenceUpdate = "bring-evidence" // the student brings what was asked for
	ActivateUpdate      = "activate"       // the student activates the card (D1)
	ReopenUpdate        = "reopen"         // the student wants a lapsed activation back
	WithdrawUpdate      = "withdraw"       // the student takes the application back
	ResendUpdate        = "resend"         // the student wants an unclaimed card brought to a kiosk once more (D3)
	PauseUpdate         = "pause"          // an administrator stops a campaign for a while (C5)
	ResumeUpdate        = "resume"         // an administrator goes on with it
	CancelUpdate        = "cancel"         // an administrator ends it
	AnswerAppealUpdate  = "answer-appeal"  // the merchant says what it knows of an appealed payment (E3)
	DecideAppealUpdate  = "decide-appeal"  // staff give all of it back, a part, or nothing
	ConfirmAppealUpdate = "confirm-appeal" // a second person confirms that, or sends it back
	ObjectAppealUpdate  = "object-appeal"  // the holder objects to a refusal
	ContestUpdate       = "contest-refund" // the merchant objects to the refund of a duplicate
	DecideDisputeUpdate = "decide-dispute" // staff decide about that
	SettleStepUpdate    = "settle-step"    // staff retry, skip or abort a parked step (K3)
)

// Said is what a decision says, in codes: what people wrote or handed in stays in SQL.
type Said struct {
	Action  string `json:"action,omitempty"` // of a review: approve, reject, ask_more; of a verification: pass, fail; of a step: a settlement
	Reason  string `json:"reason,omitempty"`
	Step    string `json:"step,omitempty"`    // that is settled
	Attempt int    `json:"attempt,omitempty"` // that was seen; another is stale
}

// Data for Temporal stays in its histories, readable and for long. So it is codes only, and short ones.
var (
	codeForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_:.-]{0,59}$`)
	manyDigit = regexp.MustCompile(`[0-9]{5}`) // the number of a person or of a document, not that of a step
)

// checkCodes refuses what is no code. The error does not repeat it.
func checkCodes(codes ...string) error {
	for _, code := range codes {
		if code != "" && (!codeForm.MatchString(code) || manyDigit.MatchString(code)) {
			return Errorf(Invalid, DataRefused, "a value for a workflow is no code")
		}
	}
	return nil
}

// Check refuses a decision that says anything but codes, whatever the border has let through.
func (s Said) Check() error {
	if s.Reason != "" && !HasText("reason."+s.Reason) {
		return FieldErrorf("reason", "reason_unknown", "the reason of a decision is none of the catalogue")
	}
	return checkCodes(s.Action, s.Step)
}

// Decision is a decision of a person about a case, as its workflow is told of it. It is kept in SQL before, and a move
// that stands for it is written only where that row is the same: Temporal alone can decide nothing.
type Decision struct {
	ID     uuid.UUID `json:"decision"`
	Update string    `json:"update"`
	By     Actor     `json:"by"`
	Seen   int64     `json:"seen,omitempty"` // version of the case when the decision was made
	Said
}

// Decided is where a case stands after a decision.
type Decided struct {
	Stage   Stage   `json:"stage"`
	Outcome Outcome `json:"outcome,omitempty"`
}

// Settled is the outcome of a settlement: for a retry, that of the new attempt.
type Settled struct {
	Step    string `json:"step"`
	Attempt int    `json:"attempt"`
	Outcome string `json:"outcome"`
	Code    Code   `json:"code,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

// Failed makes the outcome that of an attempt which failed.
func (s *Settled) Failed(cause error) {
	s.Outcome, s.Code, s.Reason, s.Message = StepFailed, CodeOf(cause), ReasonOf(cause), cause.Error()
}

// The results of a settlement.
const (
	StepOK           = "ok"
	StepFailed       = "failed"
	StepSkipped      = "skipped"
	StepAborted      = "aborted"
	StepSecondPerson = "second_person_needed"
)

// DecisionRule says when a decision can be made.
type DecisionRule struct {
	Stages []Stage // at which it is made; empty: at any
	// Stands: it holds also when the case has gone on to another of the stages since it was made. Else it is about the
	// stage as it was entered, and nothing once that was left.
	Stands bool
	// About is what is decided. One decision about it is open in a case at a time.
	About string
}

// Subjects of decisions: one open decision about each at a time.
const (
	aboutReview   = "review"
	aboutPerson   = "in_person"
	aboutHolder   = "holder" // what is the holder's to say
	aboutCampaign = "campaign"
	aboutMerchant = "merchant" // what is the merchant's to say

	aboutClose      = "close"
	aboutDifference = "difference"
)

// beforeIdentity are the stages at which the route without a face can be chosen (B3).
var beforeIdentity = []Stage{StageChecking, StageEvidence, StageIdentity, StageLiveness, StagePhoto}

// withdrawable are the stages at which an application has something to take back.
var withdrawable = []Stage{StageChecking, StageIdentity, StageLiveness, StagePhoto, StageInPerson, StageReview,
	StageEvidence,
	StageProvisioning, StageActivation, StageLapsed, StageEnrolment}

// campaigning are the stages of a campaign that can be paused.
var campaigning = []Stage{StageScheduled, StageInviting, StageReminding}

// appealing are the stages at which an appeal can be taken back: nothing was given back yet.
var appealing = []Stage{StageAnswer, StageVerdict, StageSecondPerson}

var settleRule = DecisionRule{Stands: true}

// updates are all decisions, in an order that stays.
var updates = []string{TryLivenessUpdate, ChooseCounterUpdate, VerifyUpdate, ReviewUpdate, BringEvidenceUpdate,
	ActivateUpdate, ReopenUpdate,
	WithdrawUpdate, ResendUpdate, PauseUpdate, ResumeUpdate, CancelUpdate, AnswerAppealUpdate,
	DecideAppealUpdate, ConfirmAppealUpdate, ObjectAppealUpdate, ContestUpdate, DecideDisputeUpdate, SignUpdate,
	SettleDifferenceUpdate, SettleStepUpdate}

// DecisionUpdates returns the names of the decisions that can be made about a kind of case.
func DecisionUpdates(kind CaseKind) []string {
	return slices.DeleteFunc(slices.Clone(updates), func(name string) bool {
		_, found := kind.Rule().Decisions[name]
		return !found
	})
}

// RuleOf returns when a decision can be made about a kind of case; false when it never can.
func RuleOf(kind CaseKind, update string) (DecisionRule, bool) {
	rule, found := kind.Rule().Decisions[update]
	return rule, found
}

// updateRule is the rule of a decision about any kind of case: what it is about is the same for all.
func updateRule(update string) (rule DecisionRule) {
	for _, kind := range CaseKinds() {
		if rule, found := RuleOf(kind, update); found {
			return rule
		}
	}
	return rule
}

// carriedOut tells whether a decision can be made about some kind of case.
func carriedOut(update string) bool {
	return slices.ContainsFunc(CaseKinds(), func(kind CaseKind) bool { _, found := RuleOf(kind, update); return found })
}

// At tells whether the decision can be made at a stage. One that can be made at any can be made before the first, too:
// the beginning of a case may need help.
func (r DecisionRule) At(stage Stage) bool {
	return stage != StageDone && (len(r.Stages) == 0 || slices.Contains(r.Stages, stage))
}

// HasReceipt tells whether the decision, made by staff, is for its holder or about their person at the counter: then
// there is a receipt once it is done.
func (r DecisionRule) HasReceipt() bool { return r.About == aboutHolder || r.About == aboutPerson }

// About returns what a decision is about: one step, or what its rule says.
func (s Said) About(r DecisionRule) string {
	if s.Step != "" {
		return "step:" + s.Step
	}
	return r.About
}

// SettleMove returns the name of the move that a settlement makes, or that proposes it to a second person.
func SettleMove(said Said, proposes bool) string {
	if proposes {
		return SettleStepUpdate + ":propose-" + said.Action + ":" + said.Step
	}
	return SettleStepUpdate + ":" + said.Action + ":" + said.Step
}

// RetriedMoves returns the names of the moves that say what became of a retry: it went well, or has failed again.
func RetriedMoves(step string) (well, failed string) {
	return "retried:" + step, "failed-again:" + step
}

// OnlyPeopleFrom returns the stages from which a kind of case comes to a stage by a decision only.
func OnlyPeopleFrom(kind CaseKind, to Stage) []Stage { return kind.Rule().OnlyPeople[to] }

// NeedsDecision tells whether a move is one that a person makes: it has the name of a decision. Whether
// another move needs one shows when its stage is known, see OnlyPeopleFrom.
func (m Move) NeedsDecision() bool {
	name, _, _ := strings.Cut(m.Name, ":")
	_, found := m.Case.Kind.Rule().Decisions[name]
	return found
}

// Moved is a move as it is written, and what a run goes on from: never from values of its own.
type Moved struct {
	Version  int64           `json:"version"`
	Stage    Stage           `json:"stage"`
	WaitsFor Party           `json:"waits_for"`
	Due      *time.Time      `json:"due,omitempty"`
	Parked   []string        `json:"parked,omitempty"`
	Cause    Code            `json:"cause,omitempty"`
	Outcome  Outcome         `json:"outcome,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	State    json.RawMessage `json:"state,omitempty"`

	Repeated bool `json:"repeated,omitempty"` // it was written before, and nothing of this delivery was
}

// Reasons of the errors of moves and decisions that somebody reacts to.
const (
	// Apart: the case has moves that the run has not made, or lacks some that it has. Nothing was written.
	Apart = "apart"
	// EngineBehind: the workflow does not know yet what the decision is about. It is sent again.
	EngineBehind = "engine_behind"
	// DecisionPassed: the decision is among the moves that the run has made already.
	DecisionPassed = "decision_passed"
	// WrongStage: the case is at a stage at which this is not decided.
	WrongStage = "wrong_stage"
	// StepNotParked: a step that is settled waits for nobody.
	StepNotParked = "step_not_parked"
	// StepOver: a step that is to be retried went well, or was settled, since staff were told of it.
	StepOver = "step_over"
	// DataRefused: Postgres does not take the values. Repetition does not mend that.
	DataRefused = "data_refused"
)
