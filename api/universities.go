package api

import (
	"context"

	"campuscard/campus"
	"campuscard/storage"
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
func (s *Server) listUniversities(ctx context.Context, _ *struct{}) (*answer[universityList], error) {
	found, err := s.store.Universities(ctx)
	if err != nil {
		return nil, err
	}
	list := universityList{Items: []universityView{}}
	for _, u := range found {
		list.Items = append(list.Items, universityOf(language(ctx), u))
	}
	return answered(list), nil
}

func universityOf(in campus.Language, u storage.University) universityView {
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

// named is a name in the language to answer in.
func named(in campus.Language, zh, en string) string {
	if in == campus.English {
		return en
	}
	return zh
}
