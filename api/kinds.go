package api

import (
	"errors"
	"fmt"
	"slices"

	"campuscard/api/cards"
	"campuscard/api/work"
	"campuscard/campus"
)

// checkKinds tells what the kinds of which the api has to know lack. The program does not start with it.
func (s *Server) checkKinds() error {
	wrong := []error{campus.CheckKinds(), CheckViews(cards.ShownToHolders)}
	for _, kind := range campus.WorkItemKinds() {
		wrong = append(wrong, work.CheckActions(kind))
		for _, path := range []string{"/api/v1/staff/work-items", "/api/v1/staff/colleagues"} {
			wrong = append(wrong, s.CheckOffers(path, string(kind)))
		}
	}
	for _, kind := range campus.CaseKinds() {
		wrong = append(wrong, s.CheckOffers("/api/v1/staff/cases", string(kind)))
		if kind.Rule().Holder {
			wrong = append(wrong, s.CheckOffers("/api/v1/applications", string(kind)))
		}
	}
	return errors.Join(wrong...)
}

// CheckViews tells which kinds of case their holders would not be shown.
func CheckViews(shown func(campus.CaseKind) bool) error {
	var wrong []error
	for _, kind := range campus.CaseKinds() {
		if kind.Rule().Holder != shown(kind) {
			wrong = append(wrong, fmt.Errorf("case kind %s: it has a holder, or it has what a holder is shown, and not both",
				kind))
		}
	}
	return errors.Join(wrong...)
}

// CheckOffers tells that a list cannot be asked for a kind: its tag "enum" has to name all of them.
func (s *Server) CheckOffers(path, kind string) error {
	list := s.Huma.OpenAPI().Paths[path]
	if list == nil || list.Get == nil {
		return fmt.Errorf("GET %s: there is no such list", path)
	}
	for _, parameter := range list.Get.Parameters {
		if parameter.Name == "kind" && slices.Contains(parameter.Schema.Enum, any(kind)) {
			return nil
		}
	}
	return fmt.Errorf("GET %s: no kind=%s", path, kind)
}
