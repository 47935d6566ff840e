package api

import "campuscard/campus"

// routes are all addresses of the product, in this file: method, path, what it is for, who may call it, and what is
// unusual about it. An address that is not here does not exist, and one without an access is refused.
func (s *Server) routes() {
	s.sessionRoutes()
	s.studentRoutes()
	s.staffRoutes()
	s.counterRoutes()
	s.noticeRoutes()
	s.productionRoutes()
	s.invitationRoutes()
	s.machineRoutes()

	s.raw(get("/healthz", "Lives", public()), s.healthz)
	s.raw(get("/readyz", "Can answer", public()), s.readyz)
	s.raw(get("/metrics", "Prometheus", public()), s.serveMetrics)
	s.raw(get("/openapi.json", "This interface as OpenAPI 3.1", public()), s.openAPI)
	s.raw(get("/docs", "This interface as a page", public()), s.docs)
}

func (s *Server) sessionRoutes() {
	// Sign-in answers with a token, which is kept nowhere and so cannot be answered twice: no idempotency key. A
	// repeated sign-in opens a second session, and a repeated first password finds its session gone. Asking for an unlock
	// code is limited, and its answer says nothing.
	handle(s, post("/api/v1/sessions",
		"Sign in with number and password", public(), keyless | created | signIn), s.signInStudent)
	handle(s, post("/api/v1/staff/sessions",
		"Sign in as a member of staff", public(), keyless | created | signIn), s.signInStaff)
	handle(s, post("/api/v1/sessions/unlock-codes",
		"Send a code that gets past the lock of the day", public(), keyless | created | signIn), s.sendUnlockCode)
	handle(s, get("/api/v1/sessions/current", "The session of the token", session()), s.currentSession)
	handle(s, get("/api/v1/sessions", "The devices on which one is signed in", students()), s.listSessions)
	handle(s, del("/api/v1/sessions/others", "Sign every other device out", students()), s.endOtherSessions)
	handle(s, del("/api/v1/sessions/{id}", "Sign one device out", students()), s.endSession)
	handle(s, del("/api/v1/sessions/current", "Sign out", session()), s.signOut)
	handle(s, post("/api/v1/sessions/current/phone-codes",
		"Send a code to the phone on file", initial(), created), s.sendPhoneCode)
	handle(s, post("/api/v1/sessions/current/first-password",
		"Replace the initial password", initial(), keyless | created), s.setFirstPassword)
}

// studentRoutes are what a holder does, and what anybody may know.
func (s *Server) studentRoutes() {
	handle(s, get("/api/v1/universities", "Universities with campuses and kiosks", public()), s.listUniversities)
	handle(s, get("/api/v1/universities/{university}/promise",
		"By when a plastic is at its kiosk", public()), s.getPromise)

	handle(s, get("/api/v1/me", "The holder", students()), s.me)
	handle(s, put("/api/v1/me/language", "The language of messages", students()), s.setLanguage)
	handle(s, post("/api/v1/me/phone-codes", "Send a code to a new phone", students(), created), s.sendNewPhoneCode)
	handle(s, post("/api/v1/me/phone", "Have the new phone on file", students()), s.changePhone)
	handle(s, post("/api/v1/me/liveness-challenges", "Ask for a gesture to show", students(), created), s.addChallenge)
	handle(s, post("/api/v1/uploads", "Hand in a file", students(), created | form), s.addUpload)
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
	handle(s, get("/api/v1/decisions/{id}", "What became of a decision", session()), s.getDecision)
	handle(s, get("/api/v1/cards", "One's cards with their plastics", students()), s.listCards)
	handle(s, get("/api/v1/notices", "Messages to the holder", students()), s.listNotices)
	handle(s, post("/api/v1/notices/{id}/read", "Note that a message was read", students()), s.readNotice)

	handle(s, get("/api/v1/packages", "Value-added packages one may choose", students()), s.listPackages)
	handle(s, get("/api/v1/cards/{id}/packages", "The packages of one's card", students()), s.listCardPackages)
	handle(s, post("/api/v1/cards/{id}/packages", "Ask for a package", students(), created), s.requestPackage)
	handle(s, post("/api/v1/cards/{id}/packages/{code}/withdrawal",
		"Give a package back", students()), s.withdrawPackage)
}

// staffRoutes are what staff do at any stage of a case.
func (s *Server) staffRoutes() {
	handle(s, get("/api/v1/staff/me", "The member of staff and what they may do", anyStaff()), s.staffMe)
	handle(s, put("/api/v1/staff/me/language", "The language of mail to oneself", anyStaff()), s.setStaffLanguage)
	handle(s, post("/api/v1/staff/sign-in-releases",
		"Let a colleague sign in without a wait", staff(campus.ManageStaff)), s.releaseStaff)
	handle(s, get("/api/v1/staff/work-items",
		"What one may decide, oldest first", staff(campus.ReadCases)), s.listWorkItems)
	handle(s, get("/api/v1/staff/work-items/{id}", "One item", staff(campus.ReadCases)), s.getWorkItem)
	handle(s, post("/api/v1/staff/work-items/{id}/claim", "Take an item", staff(campus.ReadCases)), s.claimWorkItem)
	handle(s, post("/api/v1/staff/work-items/{id}/release",
		"Give an item back", staff(campus.ReadCases)), s.releaseWorkItem)
	handle(s, post("/api/v1/staff/work-items/{id}/decision",
		"Decide an item", staff(campus.ReadCases)), s.decideWorkItem)
	handle(s, post("/api/v1/staff/work-items/decisions",
		"Decide many items", staff(campus.ReadCases)), s.decideWorkItems)
	handle(s, get("/api/v1/staff/work-items/summary",
		"What waits, by kind and campus", staff(campus.ReadCases)), s.summarizeWorkItems)
	handle(s, post("/api/v1/staff/work-items/{id}/assignment",
		"Give an item to a colleague", staff(campus.ReadCases)), s.assignWorkItem)
	handle(s, get("/api/v1/staff/colleagues", "Who could take an item", staff(campus.ReadCases)), s.listColleagues)
	handle(s, get("/api/v1/staff/cases", "Find cases", staff(campus.ReadCases)), s.listStaffCases)
	handle(s, get("/api/v1/staff/cases/{id}",
		"One case with timeline and attempts", staff(campus.ReadCases)), s.getStaffCase)
	handle(s, get("/api/v1/staff/cases/{id}/files/{file}", "Look at evidence", staff(campus.ReadPeople)), s.getCaseFile)
	handle(s, post("/api/v1/staff/cases/{id}/steps/{step}/settlement",
		"Retry, skip or abort a parked step", staff(campus.SettleSteps)), s.settleStep)
	handle(s, get("/api/v1/staff/parked-groups",
		"Parked steps one may settle, by step and cause", staff(campus.SettleSteps)), s.listParkedGroups)
	handle(s, post("/api/v1/staff/group-retries",
		"Retry a whole group of parked steps", staff(campus.SettleSteps)), s.retryGroup)
	handle(s, get("/api/v1/staff/group-retries/{id}",
		"How a retry of a group stands", staff(campus.SettleSteps)), s.getGroupRetry)
	handle(s, get("/api/v1/staff/group-retries/{id}/items",
		"What became of each step of a group", staff(campus.SettleSteps)), s.listGroupRetryItems)
	handle(s, post("/api/v1/staff/cases/{id}/pickup-code",
		"Send the holder another pickup code", staff(campus.VerifyInPerson)), s.renewPickupCode)
	handle(s, get("/api/v1/staff/people/{id}", "Who somebody is", staff(campus.ReadPeople)), s.getPerson)
}

// counterRoutes are what the card centre does for somebody who stands there (L1). Searches and previews keep nothing, so
// they need no idempotency key.
func (s *Server) counterRoutes() {
	handle(s, get("/api/v1/staff/people", "Find people", staff(campus.ServeCounter)), s.findPeople)
	handle(s, post("/api/v1/staff/people/searches",
		"Find people by the number of a document", staff(campus.ServeCounter), keyless | looks), s.findByDocument)
	handle(s, get("/api/v1/staff/people/{id}/cases",
		"Cases of a person", staff(campus.ServeCounter)), s.listPersonCases)
	handle(s, get("/api/v1/staff/people/{id}/cards",
		"Cards of a person with their plastics", staff(campus.ServeCounter)), s.listPersonCards)
	handle(s, get("/api/v1/staff/people/{id}/acts",
		"What was done for a person at the counter", staff(campus.ServeCounter)), s.listCounterActs)
	handle(s, post("/api/v1/staff/people/{id}/verifications",
		"Compare person and original document with the roster", staff(campus.ServeCounter), created), s.verifyPerson)
	handle(s, post("/api/v1/staff/people/{id}/acts",
		"Act for a person who was verified", staff(campus.ServeCounter)), s.actFor)
	handle(s, post("/api/v1/staff/people/{id}/uploads",
		"Take a document for a person who was verified", staff(campus.ServeCounter), created | form), s.addUploadFor)
	handle(s, post("/api/v1/staff/people/{id}/notices", "Write to a person", staff(campus.ServeCounter)), s.writeNotice)
	handle(s, get("/api/v1/staff/receipts/{id}",
		"The receipt of an act at the counter, as PDF", staff(campus.ServeCounter)), s.getReceipt)
}

// noticeRoutes are the words of messages (L10).
func (s *Server) noticeRoutes() {
	handle(s, get("/api/v1/staff/notice-templates",
		"Messages with the words that count", staff(campus.EditNotices)), s.listNoticeTemplates)
	handle(s, get("/api/v1/staff/notice-templates/{name}",
		"One message", staff(campus.EditNotices)), s.getNoticeTemplate)
	handle(s, get("/api/v1/staff/notice-templates/{name}/versions",
		"What a message has said", staff(campus.EditNotices)), s.listNoticeVersions)
	handle(s, put("/api/v1/staff/notice-templates/{name}", "Word a message", staff(campus.EditNotices)), s.wordNotice)
	handle(s, del("/api/v1/staff/notice-templates/{name}",
		"Take the words back", staff(campus.EditNotices)), s.unwordNotice)
	handle(s, post("/api/v1/staff/notice-templates/{name}/preview",
		"See words filled with samples", staff(campus.EditNotices), keyless | looks), s.previewNotice)
}

// productionRoutes are the making and the delivery of physical cards (D3).
func (s *Server) productionRoutes() {
	handle(s, put("/api/v1/cards/{id}/plastic/kiosk",
		"Have the physical card brought elsewhere", students()), s.chooseKiosk)
	handle(s, post("/api/v1/cards/{id}/plastic/resend",
		"Have an unclaimed card sent again", students()), s.resendPlastic)
	handle(s, post("/api/v1/staff/batches",
		"Open a batch of what waits", staff(campus.HandlePlastic), created), s.openBatch)
	handle(s, get("/api/v1/staff/batches", "Batches, newest first", staff(campus.HandlePlastic)), s.listBatches)
	handle(s, get("/api/v1/staff/batches/{id}",
		"One batch with its cards and deliveries", staff(campus.HandlePlastic)), s.getBatch)
	handle(s, get("/api/v1/staff/batches/{id}/order-file",
		"What the bureau was sent", staff(campus.ReadPeople)), s.getOrderFile)
	handle(s, get("/api/v1/staff/deliveries",
		"Deliveries to the kiosks, newest first", staff(campus.HandlePlastic)), s.listDeliveries)
	handle(s, post("/api/v1/staff/deliveries/{id}/receipt",
		"Give the receipt for a kiosk", staff(campus.HandlePlastic)), s.receiveAsStaff)
	handle(s, post("/api/v1/staff/cases/{id}/plastic-report",
		"A card is not in its compartment, or of no use", staff(campus.HandlePlastic)), s.reportPlastic)
	handle(s, get("/api/v1/kiosk/deliveries", "What is on its way to the kiosk", kiosks()), s.listKioskDeliveries)
	handle(s, post("/api/v1/kiosk/deliveries/{id}/receipt",
		"Give the receipt of a delivery", kiosks()), s.receiveAtKiosk)
}

// invitationRoutes are how people are asked to apply, in waves (C5).
func (s *Server) invitationRoutes() {
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

// machineRoutes are for kiosks and for the call-backs of the school's systems; their calls are signed.
func (s *Server) machineRoutes() {
	handle(s, post("/api/v1/kiosk/pickups", "Open a compartment", kiosks()), s.pickUp)
	handle(s, post("/api/v1/hooks/bureau", "The card bureau reports", hooks()), s.bureauCallback)
	handle(s, post("/api/v1/hooks/hr", "An HR system submits members of staff", hooks()), s.hrCallback)
}
