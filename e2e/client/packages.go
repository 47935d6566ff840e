package client

import (
	"context"

	"github.com/google/uuid"

	"campuscard/storage/cards"
)

// Package is a package of a card, with its name in the caller's language.
type Package struct {
	cards.Package
	Name string `json:"name"`
}

// Packages returns the packages of one's card.
func (s *Student) Packages(ctx context.Context, card uuid.UUID) ([]Package, error) {
	var list struct {
		Items []Package `json:"items"`
	}
	err := s.client.do(ctx, get(s.token, "/api/v1/cards/"+card.String()+"/packages", nil), &list)
	return list.Items, err
}

// AskPackage asks for a package for one's card.
func (s *Student) AskPackage(ctx context.Context, card uuid.UUID, code string) error {
	return s.client.post(ctx, s.token, "/api/v1/cards/"+card.String()+"/packages", map[string]string{"code": code}, nil)
}

// ReturnPackage gives a package of one's card back.
func (s *Student) ReturnPackage(ctx context.Context, card uuid.UUID, code string) error {
	return s.client.post(ctx, s.token, "/api/v1/cards/"+card.String()+"/packages/"+code+"/withdrawal", nil, nil)
}
