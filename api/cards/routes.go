package cards

import "campuscard/api/core"

// Routes adds what a holder does.
func (s *Server) Routes() {
	core.Handle(s.Server, core.Post("/api/v1/uploads", "Hand in a file", core.Students(), core.Created|core.Form),
		s.addUpload)
	core.Handle(s.Server, core.Get("/api/v1/uploads/{id}", "What is known about one's file", core.Students()), s.getUpload)

	core.Handle(s.Server, core.Get("/api/v1/consents/biometrics",
		"The text to agree to before the face is checked", core.Public()), s.getConsent)
	core.Handle(s.Server, core.Post("/api/v1/applications", "Apply for a card", core.Students(), core.Created), s.apply)
	core.Handle(s.Server, core.Get("/api/v1/applications", "One's applications", core.Students()), s.listApplications)
	core.Handle(s.Server, core.Get("/api/v1/applications/{id}",
		"Where an application stands, and what to do next", core.Students()), s.getApplication)
	core.Handle(s.Server, core.Post("/api/v1/applications/{id}/liveness-tries", "Answer another challenge",
		core.Students()), s.tryLiveness)
	core.Handle(s.Server, core.Post("/api/v1/applications/{id}/counter-check",
		"Be checked in person instead", core.Students()), s.chooseCounter)
	core.Handle(s.Server, core.Post("/api/v1/applications/{id}/evidence", "Bring what was asked for", core.Students()),
		s.bringEvidence)
	core.Handle(s.Server, core.Post("/api/v1/applications/{id}/activation", "Activate the card", core.Students()),
		s.activate)
	core.Handle(s.Server, core.Post("/api/v1/applications/{id}/reopening", "Have a lapsed activation back",
		core.Students()), s.reopen)
	core.Handle(s.Server, core.Post("/api/v1/applications/{id}/withdrawal", "Take an application back", core.Students()),
		s.withdraw)
	core.Handle(s.Server, core.Post("/api/v1/me/payments/{id}/appeal", "Ask for a payment back", core.Students(),
		core.Created), s.openAppeal)
	core.Handle(s.Server, core.Get("/api/v1/me/appeals", "One's appeals, newest first", core.Students()), s.listAppeals)
	core.Handle(s.Server, core.Get("/api/v1/me/appeals/{id}", "Where an appeal stands, and what to do next",
		core.Students()), s.getAppeal)
	core.Handle(s.Server, core.Post("/api/v1/me/appeals/{id}/withdrawal", "Take an appeal back", core.Students()),
		s.withdrawAppeal)
	core.Handle(s.Server, core.Post("/api/v1/me/appeals/{id}/objection", "Object to a refusal, once", core.Students()),
		s.objectAppeal)
	core.Handle(s.Server, core.Get("/api/v1/cards", "One's cards with their plastics", core.Students()), s.listCards)
	core.Handle(s.Server, core.Get("/api/v1/notices", "Messages to the holder", core.Students()), s.listNotices)
	core.Handle(s.Server, core.Post("/api/v1/notices/{id}/read", "Note that a message was read", core.Students()),
		s.readNotice)
	core.Handle(s.Server, core.Get("/api/v1/packages", "Value-added packages one may choose", core.Students()),
		s.listPackages)
	core.Handle(s.Server, core.Get("/api/v1/cards/{id}/packages", "The packages of one's card", core.Students()),
		s.listCardPackages)
	core.Handle(s.Server, core.Post("/api/v1/cards/{id}/packages", "Ask for a package", core.Students(), core.Created),
		s.requestPackage)
	core.Handle(s.Server, core.Post("/api/v1/cards/{id}/packages/{code}/withdrawal",
		"Give a package back", core.Students()), s.withdrawPackage)
	core.Handle(s.Server, core.Put("/api/v1/cards/{id}/plastic/kiosk",
		"Have the physical card brought elsewhere", core.Students()), s.chooseKiosk)
	core.Handle(s.Server, core.Post("/api/v1/cards/{id}/plastic/resend",
		"Have an unclaimed card sent again", core.Students()), s.resendPlastic)
}
