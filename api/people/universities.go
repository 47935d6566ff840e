package people

import (
	"context"
	"slices"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/people"
)

type universityView struct {
	Code     string       `json:"code"`
	Name     string       `json:"name"`
	Campuses []campusView `json:"campuses"`
}

type campusView struct {
	Code   string      `json:"code"`
	Name   string      `json:"name"`
	Kiosks []kioskView `json:"kiosks"`
}

type kioskView struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type universityList struct {
	Items []universityView `json:"items"`
}

// listUniversities is public, because the sign-in asks for one of them.
func (s *Server) listUniversities(ctx context.Context, _ *struct{}) (*core.Answer[universityList], error) {
	found, err := s.Store.People.Universities(ctx)
	if err != nil {
		return nil, err
	}
	list := universityList{Items: []universityView{}}
	for _, u := range found {
		list.Items = append(list.Items, universityOf(core.Language(ctx), u))
	}
	return core.Answered(list), nil
}

func universityOf(in campus.Language, u people.University) universityView {
	view := universityView{Code: u.Code, Name: named(in, u.NameZH, u.NameEN), Campuses: []campusView{}}
	for _, c := range u.Campuses {
		place := campusView{Code: c.Code, Name: named(in, c.NameZH, c.NameEN), Kiosks: []kioskView{}}
		for _, k := range c.Kiosks {
			place.Kiosks = append(place.Kiosks, kioskView{k.ID, named(in, k.NameZH, k.NameEN)})
		}
		view.Campuses = append(view.Campuses, place)
	}
	return view
}

// named returns a name in the language to answer in.
func named(in campus.Language, zh, en string) string {
	if in == campus.English {
		return en
	}
	return zh
}

type promiseInput struct {
	University  string      `path:"university" maxLength:"20"`
	ActivatedOn campus.Date `query:"activated_on" format:"date" required:"true" doc:"Day of the activation"`
}

type promiseView struct {
	PromisedOn campus.Date `json:"promised_on" format:"date" doc:"Last day on which the plastic reaches its kiosk"`
	Note       string      `json:"promise_note,omitempty" doc:"That the day is an estimate"`
}

// getPromise tells by which day a plastic waits at its kiosk, if the card is activated on a day (D2): for who plans
// around a holiday.
func (s *Server) getPromise(ctx context.Context, in *promiseInput) (*core.Answer[promiseView], error) {
	found, err := s.Store.People.Universities(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(found, func(u people.University) bool { return u.Code == in.University }) {
		return nil, campus.Errorf(campus.NotFound, "university_unknown", "no university of that code")
	}
	p, today := s.Policies.For(in.University), campus.DateOf(s.Store.Now())
	if in.ActivatedOn.Start().Sub(today.Start()).Abs() > p.Plastic.PromiseHorizon.Std() {
		return nil, campus.FieldErrorf("activated_on", "promise_far", "the day is too far from today")
	}
	promised := p.Calendar.WorkingDayAfter(in.ActivatedOn, p.Plastic.PromiseWorkingDays)
	unknown := p.Calendar.NotAnnounced(in.ActivatedOn, promised)
	return core.Answered(promiseView{promised, core.PromiseNote(core.Language(ctx), unknown)}), nil
}
