package outreach

import (
	"campuscard/api/core"
	"campuscard/campus"
)

// Routes adds how people are asked to apply, in waves (C5).
func (s *Server) Routes() {
	core.Handle(s.Server, core.Get("/api/v1/staff/invitations/audience",
		"How many people a campaign would invite", core.Staff(campus.ManageInvitations)), s.countAudience)
	core.Handle(s.Server, core.Post("/api/v1/staff/invitations",
		"Open a campaign of invitations", core.Staff(campus.ManageInvitations), core.Created), s.openCampaign)
	core.Handle(s.Server, core.Get("/api/v1/staff/invitations",
		"Campaigns with what they have come to, newest first", core.Staff(campus.ManageInvitations)), s.listCampaigns)
	core.Handle(s.Server, core.Get("/api/v1/staff/invitations/{id}",
		"One campaign with its waves", core.Staff(campus.ManageInvitations)), s.getCampaign)
	core.Handle(s.Server, core.Post("/api/v1/staff/invitations/{id}/pause",
		"Stop a campaign for a while", core.Staff(campus.ManageInvitations)), s.pauseCampaign)
	core.Handle(s.Server, core.Post("/api/v1/staff/invitations/{id}/resumption",
		"Go on with a campaign", core.Staff(campus.ManageInvitations)), s.resumeCampaign)
	core.Handle(s.Server, core.Post("/api/v1/staff/invitations/{id}/cancellation",
		"End a campaign", core.Staff(campus.ManageInvitations)), s.cancelCampaign)
}
