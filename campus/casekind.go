package campus

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// CaseRule is all that the product has to know about a kind of case before it begins one. Its process is registered in
// package workflows, what its holder is shown of it in package api; the program does not start while one is missing.
type CaseRule struct {
	Stages []Stage // after StageQueued, before StageDone
	// Holder: it is about a person, who is shown it. Else it belongs to a university and is nobody's.
	Holder bool
	// EndsByOutcome: what the holder does when it has ended depends on how it did. Else that is one text.
	EndsByOutcome bool
	Decisions     map[string]DecisionRule // that people make about it, by the update that carries them
	// OnlyPeople are the changes of stage that it makes for a decision of a person and for nothing else, by the stage it
	// comes to: the stages it comes from.
	OnlyPeople map[Stage][]Stage
	// InWorkingDays are the stages whose date is counted in working days: reviews (C3), and all that has to keep the
	// promise of a plastic (D2).
	InWorkingDays []Stage
}

var caseRules = map[CaseKind]CaseRule{
	ApplicationCase: {
		Stages: []Stage{StageChecking, StageIdentity, StageLiveness, StagePhoto, StageInPerson, StageReview, StageEvidence,
			StageProvisioning, StageActivation, StageEnrolment, StageLapsed, StageClosing},
		Holder: true, EndsByOutcome: true,
		Decisions: map[string]DecisionRule{
			TryLivenessUpdate:   {Stages: []Stage{StageLiveness}, About: aboutHolder},
			ChooseCounterUpdate: {Stages: beforeIdentity, Stands: true, About: aboutHolder},
			VerifyUpdate:        {Stages: []Stage{StageInPerson}, About: aboutPerson},
			ReviewUpdate:        {Stages: []Stage{StageReview}, About: aboutReview},
			BringEvidenceUpdate: {Stages: []Stage{StageEvidence}, About: aboutHolder},
			ActivateUpdate:      {Stages: []Stage{StageActivation, StageEnrolment}, About: aboutHolder},
			ReopenUpdate:        {Stages: []Stage{StageLapsed}, About: aboutHolder},
			WithdrawUpdate:      {Stages: withdrawable, Stands: true, About: aboutHolder},
			SettleStepUpdate:    settleRule,
		},
		OnlyPeople: map[Stage][]Stage{
			StageIdentity:     {StageLiveness},
			StageReview:       {StageInPerson},
			StageProvisioning: {StageReview},
			StageEvidence:     {StageReview},
			StageChecking:     {StageEvidence},
			StageActivation:   {StageLapsed},
			StageDone:         {StageActivation},
		},
		InWorkingDays: []Stage{StageReview},
	},
	PlasticCase: {
		Stages: []Stage{StageOrdering, StageBatching, StageProduction, StagePickup, StageReturned}, Holder: true,
		Decisions: map[string]DecisionRule{
			ResendUpdate:     {Stages: []Stage{StageReturned}, About: aboutHolder},
			SettleStepUpdate: settleRule,
		},
		OnlyPeople:    map[Stage][]Stage{StageBatching: {StageReturned}},
		InWorkingDays: []Stage{StageOrdering, StageBatching, StageProduction},
	},
	InvitationCase: {
		Stages: []Stage{StageScheduled, StageInviting, StageReminding, StagePaused},
		Decisions: map[string]DecisionRule{
			PauseUpdate:      {Stages: campaigning, Stands: true, About: aboutCampaign},
			ResumeUpdate:     {Stages: []Stage{StagePaused}, About: aboutCampaign},
			CancelUpdate:     {Stages: append(slices.Clone(campaigning), StagePaused), Stands: true, About: aboutCampaign},
			SettleStepUpdate: settleRule,
		},
		OnlyPeople: map[Stage][]Stage{
			StagePaused:    campaigning,
			StageScheduled: {StagePaused},
			StageInviting:  {StagePaused},
			StageReminding: {StagePaused},
		},
	},
	PackageCase: {
		Stages: []Stage{StageSubscribing, StageUnsubscribing}, Holder: true,
		Decisions: map[string]DecisionRule{SettleStepUpdate: settleRule},
	},
	BatchCase: {
		Stages:        []Stage{StageOrderFile, StageSending, StageProduction, StageDelivery},
		Decisions:     map[string]DecisionRule{SettleStepUpdate: settleRule},
		InWorkingDays: []Stage{StageOrderFile, StageSending, StageProduction, StageDelivery},
	},
	AppealCase: {
		Stages: []Stage{StageWeighing, StageAnswer, StageVerdict, StageSecondPerson, StageRefund, StageObjection,
			StageContest, StageDispute, StageRecovery},
		Holder: true,
		Decisions: map[string]DecisionRule{
			AnswerAppealUpdate:  {Stages: []Stage{StageAnswer}, About: aboutMerchant},
			DecideAppealUpdate:  {Stages: []Stage{StageVerdict}, About: aboutReview},
			ConfirmAppealUpdate: {Stages: []Stage{StageSecondPerson}, About: aboutReview},
			ObjectAppealUpdate:  {Stages: []Stage{StageObjection}, About: aboutHolder},
			ContestUpdate:       {Stages: []Stage{StageContest}, About: aboutMerchant},
			DecideDisputeUpdate: {Stages: []Stage{StageDispute}, About: aboutReview},
			WithdrawUpdate:      {Stages: appealing, Stands: true, About: aboutHolder},
			SettleStepUpdate:    settleRule,
		},
		OnlyPeople: map[Stage][]Stage{
			StageSecondPerson: {StageVerdict},
			StageRefund:       {StageVerdict, StageSecondPerson},
			StageObjection:    {StageVerdict},
			StageVerdict:      {StageSecondPerson, StageObjection},
			StageDispute:      {StageContest},
			StageRecovery:     {StageDispute},
			StageDone:         {StageDispute}, // from the others also when its payment went back elsewhere
		},
		InWorkingDays: []Stage{StageAnswer, StageVerdict, StageSecondPerson, StageDispute},
	},
	CloseCase: {
		Stages: []Stage{StageWatermarks, StageBooks, StageSettling, StageComparing, StageReporting, StageSigning},
		Decisions: map[string]DecisionRule{
			SignUpdate:             {Stages: []Stage{StageSigning}, About: aboutClose},
			SettleDifferenceUpdate: {Stages: []Stage{StageSigning}, Stands: true, About: aboutDifference},
			SettleStepUpdate:       settleRule,
		},
	},
	EndingCase: {
		Stages: []Stage{StageRevoking}, Holder: true,
		Decisions: map[string]DecisionRule{SettleStepUpdate: settleRule},
	},
}

// CaseKinds returns all kinds of case, in an order that stays.
func CaseKinds() []CaseKind { return slices.Sorted(maps.Keys(caseRules)) }

// Rule returns the rule of the kind; an empty one for a kind that is not listed: nobody decides about its cases.
func (k CaseKind) Rule() CaseRule { return caseRules[k] }

// DueInWorkingDays tells whether the date by which something has to happen at a stage is counted in working days.
func (k CaseKind) DueInWorkingDays(stage Stage) bool {
	return slices.Contains(k.Rule().InWorkingDays, stage)
}

// NextKey returns the text that tells the holder of a case what to do next.
func (k CaseKind) NextKey(stage Stage, outcome Outcome) string {
	switch {
	case outcome == "":
		return "next." + string(stage)
	case k.Rule().EndsByOutcome:
		return "next.done_" + string(outcome)
	}
	return "next.done_" + string(k) // nobody does such a thing again
}

// outcomes are all ways in which a case can end.
var outcomes = []Outcome{Completed, RefusedBy, Rejected, Withdrawn, Expired, Aborted}

// CheckKinds tells what the kinds of case, of work item and of service lack. The program does not start with it: what
// is not listed would land with nobody, or with the wrong people.
func CheckKinds() error {
	return errors.Join(CheckCaseRules(caseRules), CheckWorkItemRules(workItemRules), CheckServices(BasePackage()))
}

// CheckCaseRules tells what kinds of case lack.
func CheckCaseRules(rules map[CaseKind]CaseRule) error {
	var wrong []error
	lacks := func(kind CaseKind, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("case kind %s: %s", kind, fmt.Sprintf(format, args...)))
	}
	for _, kind := range slices.Sorted(maps.Keys(rules)) {
		rule := rules[kind]
		if len(rule.Stages) == 0 {
			lacks(kind, "no stages")
		}
		if at := slices.IndexFunc(rule.Stages, takesTextsOfOthers); at >= 0 {
			lacks(kind, "stage %q takes texts of others: a name has small letters and _ only, and does not begin with done",
				rule.Stages[at])
		}
		for _, key := range rule.textKeys(kind) {
			if !HasText(key) {
				lacks(kind, "no text %s in campus/text", key)
			}
		}
		if _, found := rule.Decisions[SettleStepUpdate]; !found {
			lacks(kind, "nobody could settle a parked step (K3)")
		}
		for to, from := range rule.OnlyPeople {
			for _, stage := range append([]Stage{to}, from...) {
				if stage != StageDone && !slices.Contains(rule.Stages, stage) {
					lacks(kind, "OnlyPeople names %s, which is none of its stages", stage)
				}
			}
		}
		for _, stage := range rule.InWorkingDays {
			if !slices.Contains(rule.Stages, stage) {
				lacks(kind, "InWorkingDays names %s, which is none of its stages", stage)
			}
		}
		for update, decision := range rule.Decisions {
			if !slices.Contains(updates, update) {
				lacks(kind, "%s is none of the updates in campus/decision.go: no workflow would take it", update)
			}
			if update != SettleStepUpdate && decision.About == "" {
				lacks(kind, "nothing says what %s is about", update)
			}
			for _, stage := range decision.Stages {
				if !slices.Contains(rule.Stages, stage) {
					lacks(kind, "%s is decided at %s, which is none of its stages", update, stage)
				}
			}
		}
	}
	return errors.Join(wrong...)
}

var stageName = regexp.MustCompile(`^[a-z_]+$`)

// takesTextsOfOthers tells that the texts of a stage could be those of something else. Beside next.<stage> there is
// what a card under another number changes (next.<stage>.other_card), and what is told at the end
// (next.done_<outcome>).
func takesTextsOfOthers(stage Stage) bool {
	return !stageName.MatchString(string(stage)) || strings.HasPrefix(string(stage), "done")
}

// textKeys are the texts without which a case of the kind cannot be shown.
func (r CaseRule) textKeys(kind CaseKind) []string {
	var keys []string
	for _, stage := range append([]Stage{StageQueued, StageDone}, r.Stages...) {
		keys = append(keys, "stage."+string(stage))
		if r.Holder && stage != StageDone {
			keys = append(keys, "next."+string(stage))
		}
	}
	for update := range r.Decisions {
		keys = append(keys, "deciding."+update)
	}
	switch {
	case r.Holder && r.EndsByOutcome:
		for _, outcome := range outcomes {
			keys = append(keys, "next.done_"+string(outcome))
		}
	case r.Holder:
		keys = append(keys, "next.done_"+string(kind))
	}
	slices.Sort(keys)
	return keys
}

// CheckServices tells what services of the base package lack (C1): the names of the steps that open and close them.
func CheckServices(services []Service) error {
	var wrong []error
	for _, service := range services {
		for _, key := range []string{"step.grant-" + string(service), "step.revoke-" + string(service)} {
			if !HasText(key) {
				wrong = append(wrong, fmt.Errorf("service %s: no text %s", service, key))
			}
		}
	}
	return errors.Join(wrong...)
}
