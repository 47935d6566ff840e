package campus_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// What goes into a history is a code, and short: no name and no number of anybody.
func TestWorkflowsAreToldCodesOnly(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]struct {
		said campus.Said
		want campus.Code
	}{
		"nothing":                 {campus.Said{}, ""},
		"a rejection":             {campus.Said{Action: "reject", Reason: "document_wrong"}, ""},
		"a retry":                 {campus.Said{Action: "retry", Step: "order-12", Attempt: 3}, ""},
		"a retry of a move":       {campus.Said{Action: "retry", Step: "remind:review"}, ""},
		"a name as a reason":      {campus.Said{Action: "approve", Reason: "zhang_san"}, campus.Invalid},
		"a sentence as a reason":  {campus.Said{Action: "reject", Reason: "document_wrong, see Zhang San"}, campus.Invalid},
		"a document as a step":    {campus.Said{Action: "retry", Step: "370102200001011234"}, campus.Invalid},
		"a number within a step":  {campus.Said{Action: "retry", Step: "student-2026123456"}, campus.Invalid},
		"a name as a step":        {campus.Said{Action: "retry", Step: "张三"}, campus.Invalid},
		"a line break in a step":  {campus.Said{Action: "retry", Step: "order\n1"}, campus.Invalid},
		"a sentence as an action": {campus.Said{Action: "approve Zhang San"}, campus.Invalid},
		"a long action":           {campus.Said{Action: string(make([]byte, 61))}, campus.Invalid},
	} {
		require.Equal(t, line.want, campus.CodeOf(line.said.Check()), name)
	}
	input := campus.CaseInput{Case: campus.CaseRef{Kind: campus.ApplicationCase, ID: uuid.New()}, University: "lcu",
		Campus: "lcu-east"}
	require.NoError(t, input.Check())
	for _, wrong := range []string{"东校区 张三", "east 13812345678", "13812345678"} {
		input.Campus = wrong
		err := input.Check()
		require.Equal(t, campus.Invalid, campus.CodeOf(err), wrong)
		require.NotContains(t, err.Error(), wrong)
	}
}
