package casework

import (
	"context"

	"campuscard/campus"
	"campuscard/storage/db"
)

// keptDecision is the decision of a move as it is kept.
type keptDecision struct {
	State   DecisionState
	Entered int64
	Same    bool // of this person, about this case, saying this
}

// decidedBefore finds the move that was written for a decision before, or refuses one whose decision nobody has made:
// of this person, about this case, saying this, open, and at a stage at which it holds. The case is locked; the request
// is, too, until the move is written.
func decidedBefore(t db.Tx, m campus.Move, c CaseRow) (row campus.Moved, found bool, err error) {
	d := m.Decision
	var kept keptDecision
	err = t.Raw(`select state, entered, actor = @actor and case_id = @case and update_name = @update and argument = cast(@said as jsonb) as same
		from requests where id = @id for update`, map[string]any{
		"id": d.ID, "actor": d.By.String(), "case": m.Case.ID, "update": d.Update, "said": db.JSONText(d.Said),
	}).Scan(&kept).Error
	switch {
	case err != nil:
		return row, false, err
	case !kept.Same: // also where another has made it: what the run does after a move is what was decided
		return row, false, campus.Errorf(campus.Forbidden, "decision_unknown", "nobody has made decision %s about case %s",
			d.ID, m.Case.ID)
	}
	if row, found, err = findDecided(t, m); err != nil || found {
		return row, found, err
	}
	return row, false, kept.holds(m, c)
}

// holds refuses a decision that is not open, or that is about another stage.
func (kept keptDecision) holds(m campus.Move, c CaseRow) error {
	rule, known := campus.RuleOf(m.Case.Kind, m.Decision.Update)
	switch {
	case kept.State != DecisionOpen:
		return campus.Errorf(campus.Conflict, "decision_closed", "decision %s is %s", m.Decision.ID, kept.State)
	case c.Outcome != "" || !known || !rule.At(c.Stage) || !rule.Stands && kept.Entered != c.Entered:
		return wrongStage(c)
	}
	return nil
}

// CheckDecision tells whether a move would find its decision, with the errors of the move. It returns the version of
// the move if that was made before, else zero.
func (s *Store) CheckDecision(ctx context.Context, m campus.Move) (made int64, err error) {
	err = s.InTx(ctx, "check a decision", func(t db.Tx) error {
		c, err := LockCase(t, m.Case)
		if err != nil {
			return err
		}
		row, _, err := decidedBefore(t, m, c)
		made = row.Version
		return err
	})
	return made, err
}
