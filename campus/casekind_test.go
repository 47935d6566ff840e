package campus_test

import (
	"go/ast"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// Every constant of a kind has its entry: one that is forgotten would land with nobody, or with the wrong people.
func TestEveryKindHasAnEntry(t *testing.T) {
	t.Parallel()
	require.NoError(t, campus.CheckKinds())
	constants := map[string][]string{}
	eachFile(t, func(path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(path, "../campus/") {
				return true
			}
			if kind, ok := spec.Type.(*ast.Ident); ok && len(spec.Values) == 1 {
				constants[kind.Name] = append(constants[kind.Name], literal(spec.Values[0]))
			}
			return true
		})
	})
	require.ElementsMatch(t, constants["CaseKind"], codes(campus.CaseKinds()), "each has its entry in caseRules")
	require.ElementsMatch(t, constants["WorkItemKind"], codes(campus.WorkItemKinds()),
		"each has its entry in workItemRules")
	require.ElementsMatch(t, constants["Service"], codes(campus.BasePackage()), "each is in BasePackage")
	require.ElementsMatch(t, constants["Party"], codes(campus.Parties()), "each has its text waits.<party>")
	for _, kind := range campus.CaseKinds() { // every outcome is one of those whose texts are looked for
		for _, outcome := range constants["Outcome"] {
			if rule := kind.Rule(); rule.Holder {
				require.True(t, campus.HasText(kind.NextKey(campus.StageDone, campus.Outcome(outcome))), "%s %s", kind, outcome)
			}
		}
	}
}

func codes[T ~string](kinds []T) []string {
	all := make([]string, len(kinds))
	for i, kind := range kinds {
		all[i] = string(kind)
	}
	return all
}

// What a kind of case lacks is told before the program starts.
func TestCaseKindsThatLackSomething(t *testing.T) {
	t.Parallel()
	settle := map[string]campus.DecisionRule{campus.SettleStepUpdate: {Stands: true}}
	whole := campus.CaseRule{Stages: []campus.Stage{campus.StageOrdering}, Holder: true, EndsByOutcome: true,
		Decisions: settle}
	check := func(change func(*campus.CaseRule)) error {
		rule := whole
		change(&rule)
		return campus.CheckCaseRules(map[campus.CaseKind]campus.CaseRule{"sauna": rule})
	}
	require.NoError(t, check(func(*campus.CaseRule) {}))
	for lacks, change := range map[string]func(*campus.CaseRule){
		"case kind sauna: no stages":          func(r *campus.CaseRule) { r.Stages = nil },
		"case kind sauna: no text stage.lent": func(r *campus.CaseRule) { r.Stages = []campus.Stage{"lent"}; r.Holder = false },
		`case kind sauna: stage "done_ending" takes texts of others`: func(r *campus.CaseRule) {
			r.Stages = []campus.Stage{"done_ending"}
		},
		`case kind sauna: stage "lapsed.other_card" takes texts of others`: func(r *campus.CaseRule) {
			r.Stages = []campus.Stage{"lapsed.other_card"}
		},
		"case kind sauna: no text next.deciding":     func(r *campus.CaseRule) { r.Stages = []campus.Stage{"deciding"} },
		"case kind sauna: no text next.sending":      func(r *campus.CaseRule) { r.Stages = []campus.Stage{campus.StageSending} },
		"case kind sauna: no text next.done_sauna":   func(r *campus.CaseRule) { r.EndsByOutcome = false },
		"case kind sauna: nobody could settle a par": func(r *campus.CaseRule) { r.Decisions = nil },
		"case kind sauna: lend is none of the updates": func(r *campus.CaseRule) {
			r.Decisions = map[string]campus.DecisionRule{"lend": {}, campus.SettleStepUpdate: {}}
		},
		"case kind sauna: nothing says what review is about": func(r *campus.CaseRule) {
			r.Decisions = map[string]campus.DecisionRule{campus.SettleStepUpdate: {}, campus.ReviewUpdate: {}}
		},
		"case kind sauna: no text deciding.lend": func(r *campus.CaseRule) {
			r.Decisions = map[string]campus.DecisionRule{"lend": {}, campus.SettleStepUpdate: {}}
		},
		"case kind sauna: OnlyPeople names review, which is none": func(r *campus.CaseRule) {
			r.OnlyPeople = map[campus.Stage][]campus.Stage{campus.StageDone: {campus.StageReview}}
		},
		"case kind sauna: InWorkingDays names review, which is none": func(r *campus.CaseRule) {
			r.InWorkingDays = []campus.Stage{campus.StageReview}
		},
		"case kind sauna: review is decided at review, which is none": func(r *campus.CaseRule) {
			r.Decisions = map[string]campus.DecisionRule{campus.SettleStepUpdate: {},
				campus.ReviewUpdate: {Stages: []campus.Stage{campus.StageReview}}}
		},
	} {
		require.ErrorContains(t, check(change), lacks)
	}
	require.Empty(t, campus.CaseKind("sauna").Rule().Decisions, "nobody decides about a kind that is not listed")
	require.NotContains(t, campus.CaseKinds(), campus.CaseKind("sauna"))
}

func TestWorkItemKindsThatLackSomething(t *testing.T) {
	t.Parallel()
	check := func(kind campus.WorkItemKind, change func(*campus.WorkItemRule)) error {
		rule := campus.WorkItemRule{Permission: campus.HandlePlastic, Actions: []string{campus.Acknowledge}}
		change(&rule)
		return campus.CheckWorkItemRules(map[campus.WorkItemKind]campus.WorkItemRule{kind: rule})
	}
	require.NoError(t, check(campus.OverdueItem, func(*campus.WorkItemRule) {}))
	require.ErrorContains(t, check("sauna", func(*campus.WorkItemRule) {}), "no text work.sauna")
	for lacks, change := range map[string]func(*campus.WorkItemRule){
		"no role may decide":       func(r *campus.WorkItemRule) { r.Permission = "" },
		"nothing can be decided":   func(r *campus.WorkItemRule) { r.Actions = nil },
		"no case carries out lend": func(r *campus.WorkItemRule) { r.Update = "lend" },
	} {
		require.ErrorContains(t, check(campus.OverdueItem, change), lacks)
	}
	unknown := campus.WorkItemKind("sauna")
	require.False(t, unknown.Known())
	require.False(t, campus.StaffMember{Grants: []campus.Grant{{Role: campus.Administrator}}}.May(unknown.Permission(),
		""))
}

func TestServicesThatLackSomething(t *testing.T) {
	t.Parallel()
	require.NoError(t, campus.CheckServices(campus.BasePackage()))
	require.ErrorContains(t, campus.CheckServices([]campus.Service{"sauna"}), "service sauna: no text step.revoke-sauna")
	require.True(t, slices.IsSorted(campus.CheckedItems()))
}

// While a decision about an item is open, the item says so: both name the same subject.
func TestItemsAndTheirDecisionsAreAboutTheSame(t *testing.T) {
	t.Parallel()
	for _, kind := range campus.WorkItemKinds() {
		seen := 0
		for _, of := range campus.CaseKinds() {
			if rule, found := campus.RuleOf(of, kind.Rule().Update); found {
				require.Equal(t, campus.Said{Step: "phone"}.About(rule), kind.About("phone"), "%s of %s", kind, of)
				require.Equal(t, campus.Said{}.About(rule), kind.About(""), "%s of %s", kind, of)
				seen++
			}
		}
		require.Equal(t, kind.Rule().Update != "", seen > 0, kind)
	}
	require.Empty(t, campus.OverdueItem.About(""), "no workflow decides it")
}
