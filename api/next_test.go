package api

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/api/cards"
	"campuscard/campus"
	"campuscard/storage/casework"
)

// C4: who has a card is not told to apply again when a physical one, or a package, comes to its end.
func TestNobodyIsSentToApplyForWhatTheyHave(t *testing.T) {
	t.Parallel()
	outcomes := []campus.Outcome{campus.Completed, campus.RefusedBy, campus.Rejected, campus.Withdrawn, campus.Expired,
		campus.Aborted}
	for _, kind := range []campus.CaseKind{campus.ApplicationCase, campus.PlasticCase, campus.PackageCase} {
		for _, outcome := range outcomes {
			ended := casework.Case{ID: uuid.New(), Kind: kind, Stage: campus.StageDone, Outcome: outcome}
			next := cards.NextOf(campus.English, ended)
			require.NotContains(t, next.Text, "next.", "%s %s", kind, outcome)
			if kind == campus.ApplicationCase && outcome != campus.Completed {
				require.Contains(t, next.Text, "apply again", outcome)
			} else {
				require.NotContains(t, next.Text, "apply", "%s %s", kind, outcome)
			}
		}
	}
}
