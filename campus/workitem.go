package campus

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// WorkItemKind is a kind of thing a person must decide.
type WorkItemKind string

// The kinds of work item.
const (
	ReviewItem   WorkItemKind = "review"
	IncidentItem WorkItemKind = "incident"  // a parked step
	InPersonItem WorkItemKind = "in_person" // look at the person and the document
	OverdueItem  WorkItemKind = "overdue"   // a promise is about to break
)

// Acknowledge is the only action on an item that just tells people something.
const Acknowledge = "acknowledge"

// WorkItemRule is all that there is to know about a kind of work item.
type WorkItemRule struct {
	Permission    Permission // to see and decide items of the kind
	Actions       []string   // what can be decided
	Update        string     // that carries the decision to the case's workflow; empty: none waits for it
	InWorkingDays bool       // its date is counted in working days
	AtCounter     bool       // what is decided is done at the counter, and has a receipt (B3)
}

var workItemRules = map[WorkItemKind]WorkItemRule{
	ReviewItem: {
		Permission: ReviewCases, Update: ReviewUpdate, InWorkingDays: true,
		Actions: []string{string(Approve), string(Reject), string(AskMore)},
	},
	InPersonItem: {
		Permission: VerifyInPerson, Update: VerifyUpdate, AtCounter: true,
		Actions: []string{string(Pass), string(Fail)},
	},
	IncidentItem: {
		Permission: SettleSteps, Update: SettleStepUpdate,
		Actions: []string{string(RetryStep), string(SkipStep), string(AbortSteps)},
	},
	AppealAnswerItem: {
		Permission: ManageMerchants, Update: AnswerAppealUpdate, InWorkingDays: true,
		Actions: []string{string(AgreeAppeal), string(ContestAppeal)},
	},
	AppealItem: {
		Permission: RefundPayments, Update: DecideAppealUpdate, InWorkingDays: true,
		Actions: []string{string(RefundAll), string(RefundPart), string(RefundNothing)},
	},
	AppealSecondItem: {
		Permission: RefundPayments, Update: ConfirmAppealUpdate, InWorkingDays: true,
		Actions: []string{string(ConfirmVerdict), string(SendBack)},
	},
	DuplicateItem: {
		Permission: ManageMerchants, Update: ContestUpdate, Actions: []string{string(ObjectRefund)},
	},
	DuplicateObjected: {
		Permission: RefundPayments, Update: DecideDisputeUpdate, InWorkingDays: true,
		Actions: []string{string(UpholdObjection), string(DismissObjection)},
	},
	OverdueItem:     {Permission: HandlePlastic, InWorkingDays: true, Actions: []string{Acknowledge}},
	SilentTillsItem: {Permission: ManageMerchants, Actions: []string{Acknowledge}},
	DifferenceItem:  {Permission: CloseDays, Update: SettleDifferenceUpdate, Actions: []string{SettleDifference}},
	UnsignedItem:    {Permission: CloseDays, Actions: []string{Acknowledge}},
}

// WorkItemKinds returns all kinds, in an order that stays.
func WorkItemKinds() []WorkItemKind { return slices.Sorted(maps.Keys(workItemRules)) }

// CheckWorkItemRules tells what kinds of work item lack.
func CheckWorkItemRules(rules map[WorkItemKind]WorkItemRule) error {
	var everybody StaffMember // in one
	for _, role := range Roles() {
		everybody.Grants = append(everybody.Grants, Grant{Role: role})
	}
	var wrong []error
	for _, kind := range slices.Sorted(maps.Keys(rules)) {
		rule, lacks := rules[kind], ""
		switch {
		case !everybody.May(rule.Permission, ""):
			lacks = "no role may decide its items"
		case len(rule.Actions) == 0:
			lacks = "nothing can be decided"
		case !HasText("work." + string(kind)):
			lacks = "no text work." + string(kind)
		case rule.Update != "" && !carriedOut(rule.Update):
			lacks = "no case carries out " + rule.Update
		default:
			continue
		}
		wrong = append(wrong, fmt.Errorf("work item kind %s: %s", kind, lacks))
	}
	return errors.Join(wrong...)
}

// Rule returns the rule of the kind; an empty one for a kind that is not listed, and nobody may decide its items.
func (k WorkItemKind) Rule() WorkItemRule { return workItemRules[k] }

// Known tells whether the kind is listed.
func (k WorkItemKind) Known() bool { _, found := workItemRules[k]; return found }

// Permission returns the permission to see and decide a work item of this kind.
func (k WorkItemKind) Permission() Permission { return k.Rule().Permission }

// DueInWorkingDays tells whether the date of an item of this kind is counted in working days.
func (k WorkItemKind) DueInWorkingDays() bool { return k.Rule().InWorkingDays }

// About returns the subject of a decision about an item of the kind, as Said.About; empty when no workflow decides it.
func (k WorkItemKind) About(step string) string {
	if k.Rule().Update == "" {
		return ""
	}
	return Said{Step: step}.About(updateRule(k.Rule().Update))
}

// NewWorkItem asks a person for a decision. At most one item of a kind and step is open in a case.
type NewWorkItem struct {
	Kind    WorkItemKind `json:"kind"`
	Step    string       `json:"step,omitempty"`
	Attempt int          `json:"attempt,omitempty"`
	Cause   Code         `json:"cause,omitempty"`
	Reason  string       `json:"reason,omitempty"`
	Due     *time.Time   `json:"due,omitempty"`
}

// WorkItemKey names the open item of a case.
type WorkItemKey struct {
	Kind WorkItemKind `json:"kind"`
	Step string       `json:"step,omitempty"`
}
