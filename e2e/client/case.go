package client

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
)

// Case is a case as its student sees it.
type Case struct {
	ID         uuid.UUID       `json:"id"`
	Kind       campus.CaseKind `json:"kind"`
	Stage      campus.Stage    `json:"stage"`
	StageText  string          `json:"stage_text"`
	WaitsFor   campus.Party    `json:"waits_for"`
	Due        *time.Time      `json:"due"`
	Outcome    campus.Outcome  `json:"outcome"`
	ReasonText string          `json:"reason_text"`
	Next       Next            `json:"next"`
	Findings   []Finding       `json:"findings"`
	Wanted     []Wanted        `json:"wanted"`
	Timeline   []Event         `json:"timeline"`
}

// String says where the case stands.
func (c Case) String() string {
	return fmt.Sprintf("%s %s: stage %s, waits for %s, outcome %q", c.Kind, c.ID, c.Stage, c.WaitsFor, c.Outcome)
}

// Next is what the student can do.
type Next struct {
	Text    string `json:"text"`
	Actions []struct {
		Method string `json:"method"`
		Href   string `json:"href"`
	} `json:"actions"`
}

// Wanted is an item to bring or to put right.
type Wanted struct {
	Item       campus.Item `json:"item"`
	ItemText   string      `json:"item_text"`
	ReasonText string      `json:"reason_text"`
}

// Finding is the verdict on one item.
type Finding struct {
	Item    campus.Item    `json:"item"`
	Verdict campus.Verdict `json:"verdict"`
}

// Event is a line of a timeline.
type Event struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	Text string    `json:"text"`
	By   string    `json:"by"`
}

// StaffCase is a case as staff see it.
type StaffCase struct {
	Case
	PersonID   uuid.UUID           `json:"person_id"`
	Parked     []string            `json:"parked"`
	TemporalUI string              `json:"temporal_ui"`
	Attempts   []casework.Attempt  `json:"attempts"`
	WorkItems  []casework.WorkItem `json:"work_items"`
	Files      []File              `json:"files"`
}

// File is a piece of evidence.
type File struct {
	ID      uuid.UUID            `json:"id"`
	Purpose campus.UploadPurpose `json:"purpose"`
}

// Running tells of a decision that it is kept, and that nobody knows yet what becomes of it.
const Running = "running"

// Decision is what became of a decision.
type Decision struct {
	ID      uuid.UUID       `json:"id"`
	Status  string          `json:"status"`
	Stage   campus.Stage    `json:"stage"`
	Outcome campus.Outcome  `json:"outcome"`
	Step    *campus.Settled `json:"step"`
}

const decisionPause = 500 * time.Millisecond

// decide sends a decision and waits for its outcome, at the address that an answer of 202 points to. Who has no
// patience gets the first answer.
func (s session) decide(ctx context.Context, path string, body any) (Decision, error) {
	var d Decision
	if err := s.client.post(ctx, s.token, path, body, &d); err != nil {
		return d, err
	}
	deadline := time.Now().Add(s.client.patience)
	for d.Status == Running && s.client.patience > 0 {
		if time.Now().After(deadline) {
			return d, fmt.Errorf("%s: decision %s is still running after %s", path, d.ID, s.client.patience)
		}
		if err := Sleep(ctx, decisionPause); err != nil {
			return d, fmt.Errorf("wait for decision %s: %w", d.ID, err)
		}
		var err error
		if d, err = s.Decision(ctx, d.ID); err != nil {
			return d, err
		}
	}
	return d, nil
}

// Decision returns what has become of a decision of one's own. One that was refused is the problem it was refused for.
func (s session) Decision(ctx context.Context, id uuid.UUID) (d Decision, err error) {
	return d, s.client.do(ctx, get(s.token, "/api/v1/decisions/"+id.String(), nil), &d)
}
