package people

import (
	"context"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/storage/people"
)

// deviceView is a session as its owner sees it.
type deviceView struct {
	people.Device
	Current bool `json:"current" doc:"The one that asks"`
}

// listSessions returns the devices on which the holder is signed in, newest first (L6).
func (s *Server) listSessions(ctx context.Context, in *core.PageQuery) (*core.Answer[core.Page[deviceView]], error) {
	after, err := core.ReadCursor[uuid.UUID](in.Cursor)
	if err != nil {
		return nil, err
	}
	devices, err := s.Store.People.Devices(ctx, core.Person(ctx).ID, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	current := core.CallOf(ctx).Principal.Session
	show := func(d people.Device) deviceView { return deviceView{d, d.ID == current} }
	return core.Answered(core.NewPage(devices, in.Limit, show, func(d people.Device) uuid.UUID { return d.ID })), nil
}

// endSession signs one device out; the one that asks may be it.
func (s *Server) endSession(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}) (*core.NoContent, error) {
	return &core.NoContent{}, s.Store.People.EndOwnSession(ctx, core.Person(ctx), in.ID)
}

// endOtherSessions signs every device out but the one that asks.
func (s *Server) endOtherSessions(ctx context.Context, _ *struct{}) (*core.NoContent, error) {
	return &core.NoContent{}, s.Store.People.EndOtherSessions(ctx, core.CallOf(ctx).Principal)
}
