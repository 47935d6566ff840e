package api

import "campuscard/campus"

// outreachRoutes are how people are asked to apply, in waves (C5).
func (s *Server) outreachRoutes() {
	handle(s, get("/api/v1/staff/invitations/audience",
		"How many people a campaign would invite", staff(campus.ManageInvitations)), s.countAudience)
	handle(s, post("/api/v1/staff/invitations",
		"Open a campaign of invitations", staff(campus.ManageInvitations), created), s.openCampaign)
	handle(s, get("/api/v1/staff/invitations",
		"Campaigns with what they have come to, newest first", staff(campus.ManageInvitations)), s.listCampaigns)
	handle(s, get("/api/v1/staff/invitations/{id}",
		"One campaign with its waves", staff(campus.ManageInvitations)), s.getCampaign)
	handle(s, post("/api/v1/staff/invitations/{id}/pause",
		"Stop a campaign for a while", staff(campus.ManageInvitations)), s.pauseCampaign)
	handle(s, post("/api/v1/staff/invitations/{id}/resumption",
		"Go on with a campaign", staff(campus.ManageInvitations)), s.resumeCampaign)
	handle(s, post("/api/v1/staff/invitations/{id}/cancellation",
		"End a campaign", staff(campus.ManageInvitations)), s.cancelCampaign)
}
