package campus

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// CaseKind is a kind of process seen by people. It is also the first part of the workflow id: "application/0190…".
type CaseKind string

// CaseRef names a case. Its id is made with the request, before the case begins.
type CaseRef struct {
	Kind CaseKind  `json:"kind"`
	ID   uuid.UUID `json:"id"`
}

// WorkflowID returns the id of the workflow that runs the case.
func (r CaseRef) WorkflowID() string { return string(r.Kind) + "/" + r.ID.String() }

// Stage is where a case stands. The stages of a kind are listed beside it.
type Stage string

// StageQueued is the stage before the workflow has begun; StageDone the one after which nothing happens.
const (
	StageQueued Stage = "queued"
	StageDone   Stage = "done"
)

// Party is whom a case waits for.
type Party string

// The parties a case can wait for.
const (
	WaitsForEngine     Party = "engine"      // us: queued or working
	WaitsForStudent    Party = "student"     //
	WaitsForReviewer   Party = "reviewer"    //
	WaitsForCardCentre Party = "card_centre" //
	WaitsForOperator   Party = "operator"    // a parked step
	WaitsForSchool     Party = "school"      // one of the school's systems
	WaitsForRegistry   Party = "registry"    // Academic Affairs has to do something, e.g. renew a photo
	WaitsForBureau     Party = "bureau"      // the card bureau
	WaitsForNobody     Party = "nobody"      // done
)

// Parties returns all parties a case can wait for, in an order that stays: each has a text.
func Parties() (parties []Party) {
	for _, key := range TextKeys() {
		if party, found := strings.CutPrefix(key, "waits."); found {
			parties = append(parties, Party(party))
		}
	}
	return parties
}

// Outcome is how a case ended; empty while it runs.
type Outcome string

// The outcomes.
const (
	Completed Outcome = "completed"
	RefusedBy Outcome = "refused"   // a check said no
	Rejected  Outcome = "rejected"  // a person said no
	Withdrawn Outcome = "withdrawn" // the student took it back
	Expired   Outcome = "expired"   // nobody did anything in time
	Aborted   Outcome = "aborted"   // two members of staff gave it up
)

// Event is a line of a case's timeline. Kind is a key of the text catalogue; Data fills its places and carries codes
// and ids only.
type Event struct {
	Kind   string            `json:"kind"`
	Actor  Actor             `json:"actor"`
	Data   map[string]string `json:"data,omitempty"`
	Public bool              `json:"public"` // shown to the student
}

// Notice is a message to the person of the case, in their language, by every channel the template names.
type Notice struct {
	Template string            `json:"template"` // a key of the text catalogue
	Params   map[string]string `json:"params,omitempty"`
}

// Move is one change of a case, recorded in one transaction: the case, its timeline, its work items, its notices.
// Version is the one the case has afterwards. A move that is delivered twice is known as the same by its name and its
// decision. Moments and the build do not count: they differ in an honest repetition.
type Move struct {
	Case     CaseRef         `json:"case"`
	Version  int64           `json:"version"`
	Name     string          `json:"name"` // "expire:review"; that of a decision begins with its update
	Stage    Stage           `json:"stage"`
	WaitsFor Party           `json:"waits_for"`
	Due      *time.Time      `json:"due,omitempty"`
	Parked   []string        `json:"parked,omitempty"` // names of parked steps, sorted
	Cause    Code            `json:"cause,omitempty"`  // why the first of them is parked
	Outcome  Outcome         `json:"outcome,omitempty"`
	Reason   string          `json:"reason,omitempty"` // why it ended or waits: a key of the text catalogue
	State    json.RawMessage `json:"state,omitempty"`  // what the process knows afterwards: codes and ids
	Events   []Event         `json:"events,omitempty"`
	Opens    []NewWorkItem   `json:"opens,omitempty"`
	Closes   []WorkItemKey   `json:"closes,omitempty"`
	Remind   []WorkItemKey   `json:"remind,omitempty"` // mark open items: the deadline nears
	Escalate []WorkItemKey   `json:"escalate,omitempty"`
	Notices  []Notice        `json:"notices,omitempty"`
	Decision Decision        `json:"decision,omitzero"`  // the decision of a person that it stands for
	Proposes []Proposal      `json:"proposes,omitempty"` // what now waits for a second person
	Earlier  []Event         `json:"earlier,omitempty"`  // what has happened since the last move, before Events
	Facts    []Fact          `json:"facts,omitempty"`    // what else has become known, in the order in which it did
	Finished []FinishedStep  `json:"finished,omitempty"` // calls that went well since the last move
}

// Images are pictures of an application.
type Images struct {
	Purposes []UploadPurpose `json:"purposes"`
	KeepLive bool            `json:"keep_live,omitempty"` // but for the one live frame that the next comparison needs
	Photo    bool            `json:"photo,omitempty"`     // the photo on file too
}

// FinishedStep is a call that went well and whose attempt the next move closes.
type FinishedStep struct {
	Step string    `json:"step"`
	At   time.Time `json:"at"`
}

// Granted is a system that has taken a card (C1).
type Granted struct {
	Card      uuid.UUID `json:"card"`
	Service   Service   `json:"service"`
	Reference string    `json:"reference"` // what the system calls it
	At        time.Time `json:"at"`
}

// StepRef names one attempt at one step of a case.
type StepRef struct {
	Case    CaseRef `json:"case"`
	Step    string  `json:"step"`
	Attempt int     `json:"attempt"` // counts the tries that staff asked for; 1 is the first
	Key     int     `json:"key"`     // grows only after a confirmed failure, so that an unclear try is repeated under its old key
	By      Actor   `json:"by"`
	Stay    int64   `json:"stay,omitempty"`  // version at which the stage was entered that it belongs to
	Moves   bool    `json:"moves,omitempty"` // the next move closes the attempt of a call that went well; else the call does so itself
}

// IdempotencyKey returns the key that another system is sent, so that a repeated step acts once.
func (r StepRef) IdempotencyKey() string {
	return r.Case.WorkflowID() + "/" + r.Step + "/" + strconv.Itoa(r.Key)
}

// AttemptOutcome is how one try ended.
type AttemptOutcome string

// The outcomes of a try. Lost is one whose end nobody saw.
const (
	AttemptOpen   AttemptOutcome = "open"
	AttemptOK     AttemptOutcome = "ok"
	AttemptFailed AttemptOutcome = "failed"
	AttemptLost   AttemptOutcome = "lost"
)

// Settlement is what staff do with a parked step (K3).
type Settlement string

// The settlements. Skip and abort take two people.
const (
	RetryStep  Settlement = "retry"
	SkipStep   Settlement = "skip"
	AbortSteps Settlement = "abort"
)

// FourEyes tells whether the settlement needs a second person.
func (s Settlement) FourEyes() bool { return s != RetryStep }

// FactsChanged is the signal that tells the workflow of a case to look at the facts again. It carries nothing, so it
// may come twice.
const FactsChanged = "facts-changed"

// BeginAgain is the signal that has the workflow of a case look whether the case is where it has left it; if not,
// another run begins from the row of the case (K8). It is also the step under which staff are told when that does not
// help.
const BeginAgain = "begin-again"

// LostWorkflow is the step under which staff are told of an open case that has no workflow any more.
const LostWorkflow = "lost-workflow"

// WorkflowLost is the reason of that incident, and why it cannot be settled.
const WorkflowLost = "workflow_lost"

// PlaceQuery is the query that asks the workflow of a case where it stands. It answers a Place.
const PlaceQuery = "place"

// Place is where the workflow of a case stands. It holds codes only.
type Place struct {
	Stage   Stage    `json:"stage"`
	Version int64    `json:"version"`
	Outcome Outcome  `json:"outcome,omitempty"`
	Parked  []string `json:"parked,omitempty"` // steps of other systems that wait for staff
	Stuck   []string `json:"stuck,omitempty"`  // steps of our own that do
}

// CaseInput starts a run of the workflow of a case: the first, or one that goes on from the case's row (K8). The
// workflow is registered under the kind of the case.
type CaseInput struct {
	Case       CaseRef `json:"case"`
	University string  `json:"university"`
	Campus     string  `json:"campus"`

	// What Temporal shows of the case until it says otherwise: where its first step takes it. A case that does not know
	// yet is shown as queued.
	Stage    Stage      `json:"stage,omitempty"`
	WaitsFor Party      `json:"waits_for,omitempty"`
	Due      *time.Time `json:"due,omitempty"`

	Again Again `json:"again,omitzero"`
}

// Again counts the runs in a row that have begun from a version of a case and have ended because they were apart from
// it.
type Again struct {
	Version int64 `json:"version"`
	Times   int   `json:"times"`
}

// Check refuses an input that holds anything but ids and codes.
func (c CaseInput) Check() error {
	return checkCodes(string(c.Case.Kind), c.University, c.Campus, string(c.Stage), string(c.WaitsFor))
}

// Begun is the first move of a case as it is written. Of a case that has begun before it is the newest, and Standing
// says what else a run goes on from.
type Begun struct {
	Moved
	Standing *Standing `json:"standing,omitempty"`
}

// Standing is how a case that has begun before stands, beside its newest move.
type Standing struct {
	Entered   int64        `json:"entered"` // version at which its stage was entered
	EnteredAt time.Time    `json:"entered_at"`
	Calls     []StepCall   `json:"calls,omitempty"` // the newest of each step
	Waiting   []ParkedItem `json:"waiting,omitempty"`
}

// StepCall is an attempt at a step that was made.
type StepCall struct {
	Step    string `json:"step"`
	Attempt int    `json:"attempt"`
	Key     int    `json:"key"`
	Stay    int64  `json:"stay"`             // version at which the stage was entered that it belongs to
	Failed  int    `json:"failed,omitempty"` // tries that the other system has failed, unless one went well since
}

// ParkedItem is a step that waits for staff.
type ParkedItem struct {
	Step       string     `json:"step"`
	Attempt    int        `json:"attempt"`
	Cause      Code       `json:"cause"`
	Reason     string     `json:"reason,omitempty"`
	Proposed   Settlement `json:"proposed,omitempty"` // what waits for a second person
	ProposedBy Actor      `json:"proposed_by,omitzero"`
}
