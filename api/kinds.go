package api

import (
	"errors"
	"fmt"

	"campuscard/api/cards"
	"campuscard/api/work"
	"campuscard/campus"
)

// checkKinds tells what the kinds of which the api has to know lack. The program does not start with it.
func checkKinds() error {
	wrong := []error{campus.CheckKinds(), CheckViews(cards.ShownToHolders, ShownToStaff)}
	for _, kind := range campus.WorkItemKinds() {
		wrong = append(wrong, work.CheckActions(kind))
	}
	return errors.Join(wrong...)
}

// CheckViews tells which kinds of case their holders, or staff, would not be shown.
func CheckViews(toHolders, toStaff func(campus.CaseKind) bool) error {
	var wrong []error
	lacks := func(kind campus.CaseKind, what string) {
		wrong = append(wrong, fmt.Errorf("case kind %s: %s", kind, what))
	}
	for _, kind := range campus.CaseKinds() {
		switch holder := kind.Rule().Holder; {
		case holder && !toHolders(kind):
			lacks(kind, "nothing says what its holder is shown of it (caseDetails in api/cards/cases.go)")
		case !holder && toHolders(kind):
			lacks(kind, "it has no holder to whom it could be shown (caseDetails in api/cards/cases.go)")
		}
		if !toStaff(kind) {
			lacks(kind, "nothing says what staff are shown of it (staffDetails in api/staff_cases.go)")
		}
	}
	return errors.Join(wrong...)
}
