package api

import (
	"context"

	"github.com/google/uuid"

	"campuscard/storage/people"
)

// deviceView is a session as its owner sees it.
type deviceView struct {
	people.Device
	Current bool `json:"current" doc:"The one that asks"`
}

// listSessions are the devices on which the holder is signed in, newest first (L6).
func (s *Server) listSessions(ctx context.Context, in *PageQuery) (*answer[page[deviceView]], error) {
	after, err := readCursor[uuid.UUID](in.Cursor)
	if err != nil {
		return nil, err
	}
	devices, err := s.store.People.Devices(ctx, person(ctx).ID, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	current := callOf(ctx).principal.Session
	show := func(d people.Device) deviceView { return deviceView{d, d.ID == current} }
	return answered(newPage(devices, in.Limit, show, func(d people.Device) uuid.UUID { return d.ID })), nil
}

// endSession signs one device out; the one that asks may be it.
func (s *Server) endSession(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}) (*noContent, error) {
	return &noContent{}, s.store.People.EndOwnSession(ctx, person(ctx), in.ID)
}

// endOtherSessions signs every device out but the one that asks.
func (s *Server) endOtherSessions(ctx context.Context, _ *struct{}) (*noContent, error) {
	return &noContent{}, s.store.People.EndOtherSessions(ctx, callOf(ctx).principal)
}
