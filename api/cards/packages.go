package cards

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/people"
)

// offerView is a package that a university offers, and whether the reader may choose it.
type offerView struct {
	Code       string `json:"code"`
	Name       string `json:"name"`
	About      string `json:"about" doc:"What one gets by it"`
	Allowed    bool   `json:"allowed"`
	Reason     string `json:"reason,omitempty" doc:"Why not"`
	ReasonText string `json:"reason_text,omitempty"`
}

type offerList struct {
	Items []offerView `json:"items"`
}

// listPackages returns the packages of one's university: what one may choose, and why not the rest (C2).
func (s *Server) listPackages(ctx context.Context, _ *struct{}) (*core.Answer[offerList], error) {
	who, err := s.Store.People.Person(ctx, core.Person(ctx).ID)
	if err != nil {
		return nil, err
	}
	offered, in := s.Policies.For(who.University).Packages, core.Language(ctx)
	view := func(code string) offerView {
		p := offered[code]
		offer := offerView{Code: code, Name: p.Name.In(in), About: p.About.In(in), Reason: bars(p, who)}
		if offer.Allowed = offer.Reason == ""; !offer.Allowed {
			offer.ReasonText = core.ProblemText(in, campus.Refused, offer.Reason)
		}
		return offer
	}
	return core.Answered(offerList{core.Each(offered.Codes(), view)}), nil
}

// bars tells why a package is not for a person, or nothing.
func bars(p campus.PackagePolicy, who people.Person) string {
	return p.Bars([]string{who.Level, who.Status}, who.Dormitory)
}

// choosePackages returns the packages that a person asks for by codes, each of which must be for them. field is where
// in the request the codes stand.
func (s *Server) choosePackages(ctx context.Context, holder uuid.UUID, field string,
	codes ...string) ([]campus.ChosenPackage, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	who, err := s.Store.People.Person(ctx, holder)
	if err != nil {
		return nil, err
	}
	offered := s.Policies.For(who.University).Packages
	chosen := make([]campus.ChosenPackage, len(codes))
	for i, code := range codes {
		p, found := offered[code]
		if !found {
			return nil, campus.FieldErrorf(field, "package_unknown", "no package of that code at %s", who.University)
		}
		if reason := bars(p, who); reason != "" {
			return nil, campus.FieldErrorf(field, reason, "package %s is not for them", code)
		}
		if slices.Contains(codes[:i], code) {
			return nil, campus.FieldErrorf(field, "package_twice", "package %s is there twice", code)
		}
		chosen[i] = campus.ChosenPackage{Code: code, System: p.System}
	}
	return chosen, nil
}

// PackageView is a package of a card in words.
type PackageView struct {
	cards.Package
	Name      string `json:"name"`
	StateText string `json:"state_text"`
}

// PackageOf shows packages in a language, with the names that a university's policy gives them.
func (s *Server) PackageOf(in campus.Language, university string) func(cards.Package) PackageView {
	return func(p cards.Package) PackageView {
		return PackageView{p, s.packageName(in, university, p.Code), campus.Text(in, "package_state."+string(p.State), nil)}
	}
}

// packageName returns what a university calls a package; one that has left the policy has its code left.
func (s *Server) packageName(in campus.Language, university, code string) string {
	if p, found := s.Policies.For(university).Packages[code]; found {
		return p.Name.In(in)
	}
	return code
}

// NamePackages puts the name of a package where a timeline has its code.
func (s *Server) NamePackages(in campus.Language, university string, timeline []casework.TimelineEvent) {
	for _, event := range timeline {
		if code, found := event.Data["package"]; found {
			event.Data["package"] = s.packageName(in, university, code)
		}
	}
}

// CardInput names a card in the path.
type CardInput struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

type packageList struct {
	Items []PackageView `json:"items"`
}

// listCardPackages returns the packages of one's card: what it has, and what became of what was asked for last.
func (s *Server) listCardPackages(ctx context.Context, in *CardInput) (*core.Answer[packageList], error) {
	who := core.Person(ctx)
	packages, err := s.Store.Cards.CardPackages(ctx, who.ID, in.ID)
	return core.Answered(packageList{core.Each(packages, s.PackageOf(core.Language(ctx), who.University))}), err
}

type packageRequestInput struct {
	CardInput
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"40" doc:"Of /api/v1/packages"`
	}
}

// requestPackage asks for a package for one's card; its case goes on by itself (C2).
func (s *Server) requestPackage(ctx context.Context, in *packageRequestInput) (*core.Answer[PackageView], error) {
	chosen, err := s.choosePackages(ctx, core.Person(ctx).ID, "code", in.Body.Code)
	if err != nil {
		return nil, err
	}
	who := core.Person(ctx)
	asked, err := s.Store.Cards.RequestPackage(ctx, s.Request(ctx), cards.NewPackage{
		Person: who.ID, Card: in.ID, Chosen: chosen[0], PolicyVersion: s.Policies.Version(),
	})
	return core.Answered(s.PackageOf(core.Language(ctx), who.University)(asked)), err
}

type packageInput struct {
	CardInput
	Code string `path:"code" maxLength:"40"`
}

// withdrawPackage gives a package of one's card back, also one that is offered to nobody any more.
func (s *Server) withdrawPackage(ctx context.Context, in *packageInput) (*core.Answer[PackageView], error) {
	who := core.Person(ctx)
	held, err := s.Store.Cards.WithdrawPackage(ctx, s.Request(ctx), who.ID, in.ID, in.Code, s.Policies.Version())
	return core.Answered(s.PackageOf(core.Language(ctx), who.University)(held)), err
}

// CasePackage returns the package that a case of that kind changes.
func (s *Server) CasePackage(ctx context.Context, c casework.Case) (*PackageView, error) {
	found, err := s.Store.Cards.PackageChange(ctx, c.ID)
	view := s.PackageOf(core.Language(ctx), c.University)(found.Package)
	return &view, err
}
