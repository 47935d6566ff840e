package api

// cardRoutes are what a holder does.
func (s *Server) cardRoutes() {
	handle(s, post("/api/v1/uploads", "Hand in a file", students(), created|form), s.addUpload)
	handle(s, get("/api/v1/uploads/{id}", "What is known about one's file", students()), s.getUpload)

	handle(s, get("/api/v1/consents/biometrics",
		"The text to agree to before the face is checked", public()), s.getConsent)
	handle(s, post("/api/v1/applications", "Apply for a card", students(), created), s.apply)
	handle(s, get("/api/v1/applications", "One's applications", students()), s.listApplications)
	handle(s, get("/api/v1/applications/{id}",
		"Where an application stands, and what to do next", students()), s.getApplication)
	handle(s, post("/api/v1/applications/{id}/liveness-tries", "Answer another challenge", students()), s.tryLiveness)
	handle(s, post("/api/v1/applications/{id}/counter-check",
		"Be checked in person instead", students()), s.chooseCounter)
	handle(s, post("/api/v1/applications/{id}/evidence", "Bring what was asked for", students()), s.bringEvidence)
	handle(s, post("/api/v1/applications/{id}/activation", "Activate the card", students()), s.activate)
	handle(s, post("/api/v1/applications/{id}/reopening", "Have a lapsed activation back", students()), s.reopen)
	handle(s, post("/api/v1/applications/{id}/withdrawal", "Take an application back", students()), s.withdraw)
	handle(s, get("/api/v1/cards", "One's cards with their plastics", students()), s.listCards)
	handle(s, get("/api/v1/notices", "Messages to the holder", students()), s.listNotices)
	handle(s, post("/api/v1/notices/{id}/read", "Note that a message was read", students()), s.readNotice)
	handle(s, get("/api/v1/packages", "Value-added packages one may choose", students()), s.listPackages)
	handle(s, get("/api/v1/cards/{id}/packages", "The packages of one's card", students()), s.listCardPackages)
	handle(s, post("/api/v1/cards/{id}/packages", "Ask for a package", students(), created), s.requestPackage)
	handle(s, post("/api/v1/cards/{id}/packages/{code}/withdrawal",
		"Give a package back", students()), s.withdrawPackage)
	handle(s, put("/api/v1/cards/{id}/plastic/kiosk",
		"Have the physical card brought elsewhere", students()), s.chooseKiosk)
	handle(s, post("/api/v1/cards/{id}/plastic/resend",
		"Have an unclaimed card sent again", students()), s.resendPlastic)
}
