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

	s.raw(route{"GET", "/healthz", "Lives", public(), 0}, s.healthz)
	s.raw(route{"GET", "/readyz", "Can answer", public(), 0}, s.readyz)
	s.raw(route{"GET", "/metrics", "Prometheus", public(), 0}, s.serveMetrics)
	s.raw(route{"GET", "/openapi.json", "This interface as OpenAPI 3.1", public(), 0}, s.openAPI)
	s.raw(route{"GET", "/docs", "This interface as a page", public(), 0}, s.docs)
}

func (s *Server) sessionRoutes() {
	// Sign-in answers with a token, which is kept nowhere and so cannot be answered twice: no idempotency key. A
	// repeated sign-in opens a second session, and a repeated first password finds its session gone. Asking for an unlock
	// code is limited, and its answer says nothing.
	handle(s, route{"POST", "/api/v1/sessions", "Sign in with number and password", public(), keyless | created | signIn}, s.signInStudent)
	handle(s, route{"POST", "/api/v1/staff/sessions", "Sign in as a member of staff", public(), keyless | created | signIn}, s.signInStaff)
	handle(s, route{"POST", "/api/v1/sessions/unlock-codes", "Send a code that gets past the lock of the day", public(), keyless | created | signIn}, s.sendUnlockCode)
	handle(s, route{"GET", "/api/v1/sessions/current", "The session of the token", session(), 0}, s.currentSession)
	handle(s, route{"GET", "/api/v1/sessions", "The devices on which one is signed in", students(), 0}, s.listSessions)
	handle(s, route{"DELETE", "/api/v1/sessions/others", "Sign every other device out", students(), 0}, s.endOtherSessions)
	handle(s, route{"DELETE", "/api/v1/sessions/{id}", "Sign one device out", students(), 0}, s.endSession)
	handle(s, route{"DELETE", "/api/v1/sessions/current", "Sign out", session(), 0}, s.signOut)
	handle(s, route{"POST", "/api/v1/sessions/current/phone-codes", "Send a code to the phone on file", initial(), created}, s.sendPhoneCode)
	handle(s, route{"POST", "/api/v1/sessions/current/first-password", "Replace the initial password", initial(), keyless | created}, s.setFirstPassword)
}

// studentRoutes are what a holder does, and what anybody may know.
func (s *Server) studentRoutes() {
	handle(s, route{"GET", "/api/v1/universities", "Universities with campuses and kiosks", public(), 0}, s.listUniversities)
	handle(s, route{"GET", "/api/v1/universities/{university}/promise", "By when a plastic is at its kiosk", public(), 0}, s.getPromise)

	handle(s, route{"GET", "/api/v1/me", "The holder", students(), 0}, s.me)
	handle(s, route{"PUT", "/api/v1/me/language", "The language of messages", students(), 0}, s.setLanguage)
	handle(s, route{"POST", "/api/v1/me/phone-codes", "Send a code to a new phone", students(), created}, s.sendNewPhoneCode)
	handle(s, route{"POST", "/api/v1/me/phone", "Have the new phone on file", students(), 0}, s.changePhone)
	handle(s, route{"POST", "/api/v1/me/liveness-challenges", "Ask for a gesture to show", students(), created}, s.addChallenge)
	handle(s, route{"POST", "/api/v1/uploads", "Hand in a file", students(), created | form}, s.addUpload)
	handle(s, route{"GET", "/api/v1/uploads/{id}", "What is known about one's file", students(), 0}, s.getUpload)

	handle(s, route{"GET", "/api/v1/consents/biometrics", "The text to agree to before the face is checked", public(), 0}, s.getConsent)
	handle(s, route{"POST", "/api/v1/applications", "Apply for a card", students(), created}, s.apply)
	handle(s, route{"GET", "/api/v1/applications", "One's applications", students(), 0}, s.listApplications)
	handle(s, route{"GET", "/api/v1/applications/{id}", "Where an application stands, and what to do next", students(), 0}, s.getApplication)
	handle(s, route{"POST", "/api/v1/applications/{id}/liveness-tries", "Answer another challenge", students(), 0}, s.tryLiveness)
	handle(s, route{"POST", "/api/v1/applications/{id}/counter-check", "Be checked in person instead", students(), 0}, s.chooseCounter)
	handle(s, route{"POST", "/api/v1/applications/{id}/evidence", "Bring what was asked for", students(), 0}, s.bringEvidence)
	handle(s, route{"POST", "/api/v1/applications/{id}/activation", "Activate the card", students(), 0}, s.activate)
	handle(s, route{"POST", "/api/v1/applications/{id}/reopening", "Have a lapsed activation back", students(), 0}, s.reopen)
	handle(s, route{"POST", "/api/v1/applications/{id}/withdrawal", "Take an application back", students(), 0}, s.withdraw)
	handle(s, route{"GET", "/api/v1/decisions/{id}", "What became of a decision", session(), 0}, s.getDecision)
	handle(s, route{"GET", "/api/v1/cards", "One's cards with their plastics", students(), 0}, s.listCards)
	handle(s, route{"GET", "/api/v1/notices", "Messages to the holder", students(), 0}, s.listNotices)
	handle(s, route{"POST", "/api/v1/notices/{id}/read", "Note that a message was read", students(), 0}, s.readNotice)

	handle(s, route{"GET", "/api/v1/packages", "Value-added packages one may choose", students(), 0}, s.listPackages)
	handle(s, route{"GET", "/api/v1/cards/{id}/packages", "The packages of one's card", students(), 0}, s.listCardPackages)
	handle(s, route{"POST", "/api/v1/cards/{id}/packages", "Ask for a package", students(), created}, s.requestPackage)
	handle(s, route{"POST", "/api/v1/cards/{id}/packages/{code}/withdrawal", "Give a package back", students(), 0}, s.withdrawPackage)
}

// staffRoutes are what staff do at any stage of a case.
func (s *Server) staffRoutes() {
	handle(s, route{"GET", "/api/v1/staff/me", "The member of staff and what they may do", anyStaff(), 0}, s.staffMe)
	handle(s, route{"PUT", "/api/v1/staff/me/language", "The language of mail to oneself", anyStaff(), 0}, s.setStaffLanguage)
	handle(s, route{"POST", "/api/v1/staff/sign-in-releases", "Let a colleague sign in without a wait", staff(campus.ManageStaff), 0}, s.releaseStaff)
	handle(s, route{"GET", "/api/v1/staff/work-items", "What one may decide, oldest first", staff(campus.ReadCases), 0}, s.listWorkItems)
	handle(s, route{"GET", "/api/v1/staff/work-items/{id}", "One item", staff(campus.ReadCases), 0}, s.getWorkItem)
	handle(s, route{"POST", "/api/v1/staff/work-items/{id}/claim", "Take an item", staff(campus.ReadCases), 0}, s.claimWorkItem)
	handle(s, route{"POST", "/api/v1/staff/work-items/{id}/release", "Give an item back", staff(campus.ReadCases), 0}, s.releaseWorkItem)
	handle(s, route{"POST", "/api/v1/staff/work-items/{id}/decision", "Decide an item", staff(campus.ReadCases), 0}, s.decideWorkItem)
	handle(s, route{"POST", "/api/v1/staff/work-items/decisions", "Decide many items", staff(campus.ReadCases), 0}, s.decideWorkItems)
	handle(s, route{"GET", "/api/v1/staff/work-items/summary", "What waits, by kind and campus", staff(campus.ReadCases), 0}, s.summarizeWorkItems)
	handle(s, route{"POST", "/api/v1/staff/work-items/{id}/assignment", "Give an item to a colleague", staff(campus.ReadCases), 0}, s.assignWorkItem)
	handle(s, route{"GET", "/api/v1/staff/colleagues", "Who could take an item", staff(campus.ReadCases), 0}, s.listColleagues)
	handle(s, route{"GET", "/api/v1/staff/cases", "Find cases", staff(campus.ReadCases), 0}, s.listStaffCases)
	handle(s, route{"GET", "/api/v1/staff/cases/{id}", "One case with timeline and attempts", staff(campus.ReadCases), 0}, s.getStaffCase)
	handle(s, route{"GET", "/api/v1/staff/cases/{id}/files/{file}", "Look at evidence", staff(campus.ReadPeople), 0}, s.getCaseFile)
	handle(s, route{"POST", "/api/v1/staff/cases/{id}/steps/{step}/settlement", "Retry, skip or abort a parked step", staff(campus.SettleSteps), 0}, s.settleStep)
	handle(s, route{"GET", "/api/v1/staff/parked-groups", "Parked steps one may settle, by step and cause", staff(campus.SettleSteps), 0}, s.listParkedGroups)
	handle(s, route{"POST", "/api/v1/staff/group-retries", "Retry a whole group of parked steps", staff(campus.SettleSteps), 0}, s.retryGroup)
	handle(s, route{"GET", "/api/v1/staff/group-retries/{id}", "How a retry of a group stands", staff(campus.SettleSteps), 0}, s.getGroupRetry)
	handle(s, route{"GET", "/api/v1/staff/group-retries/{id}/items", "What became of each step of a group", staff(campus.SettleSteps), 0}, s.listGroupRetryItems)
	handle(s, route{"POST", "/api/v1/staff/cases/{id}/pickup-code", "Send the holder another pickup code", staff(campus.VerifyInPerson), 0}, s.renewPickupCode)
	handle(s, route{"GET", "/api/v1/staff/people/{id}", "Who somebody is", staff(campus.ReadPeople), 0}, s.getPerson)
}

// counterRoutes are what the card centre does for somebody who stands there (L1). Searches and previews keep nothing, so
// they need no idempotency key.
func (s *Server) counterRoutes() {
	handle(s, route{"GET", "/api/v1/staff/people", "Find people", staff(campus.ServeCounter), 0}, s.findPeople)
	handle(s, route{"POST", "/api/v1/staff/people/searches", "Find people by the number of a document", staff(campus.ServeCounter), keyless | looks}, s.findByDocument)
	handle(s, route{"GET", "/api/v1/staff/people/{id}/cases", "Cases of a person", staff(campus.ServeCounter), 0}, s.listPersonCases)
	handle(s, route{"GET", "/api/v1/staff/people/{id}/cards", "Cards of a person with their plastics", staff(campus.ServeCounter), 0}, s.listPersonCards)
	handle(s, route{"GET", "/api/v1/staff/people/{id}/acts", "What was done for a person at the counter", staff(campus.ServeCounter), 0}, s.listCounterActs)
	handle(s, route{"POST", "/api/v1/staff/people/{id}/verifications", "Compare person and original document with the roster", staff(campus.ServeCounter), created}, s.verifyPerson)
	handle(s, route{"POST", "/api/v1/staff/people/{id}/acts", "Act for a person who was verified", staff(campus.ServeCounter), 0}, s.actFor)
	handle(s, route{"POST", "/api/v1/staff/people/{id}/uploads", "Take a document for a person who was verified", staff(campus.ServeCounter), created | form}, s.addUploadFor)
	handle(s, route{"POST", "/api/v1/staff/people/{id}/notices", "Write to a person", staff(campus.ServeCounter), 0}, s.writeNotice)
	handle(s, route{"GET", "/api/v1/staff/receipts/{id}", "The receipt of an act at the counter, as PDF", staff(campus.ServeCounter), 0}, s.getReceipt)
}

// noticeRoutes are the words of messages (L10).
func (s *Server) noticeRoutes() {
	handle(s, route{"GET", "/api/v1/staff/notice-templates", "Messages with the words that count", staff(campus.EditNotices), 0}, s.listNoticeTemplates)
	handle(s, route{"GET", "/api/v1/staff/notice-templates/{name}", "One message", staff(campus.EditNotices), 0}, s.getNoticeTemplate)
	handle(s, route{"GET", "/api/v1/staff/notice-templates/{name}/versions", "What a message has said", staff(campus.EditNotices), 0}, s.listNoticeVersions)
	handle(s, route{"PUT", "/api/v1/staff/notice-templates/{name}", "Word a message", staff(campus.EditNotices), 0}, s.wordNotice)
	handle(s, route{"DELETE", "/api/v1/staff/notice-templates/{name}", "Take the words back", staff(campus.EditNotices), 0}, s.unwordNotice)
	handle(s, route{"POST", "/api/v1/staff/notice-templates/{name}/preview", "See words filled with samples", staff(campus.EditNotices), keyless | looks}, s.previewNotice)
}

// productionRoutes are the making and the delivery of physical cards (D3).
func (s *Server) productionRoutes() {
	handle(s, route{"PUT", "/api/v1/cards/{id}/plastic/kiosk", "Have the physical card brought elsewhere", students(), 0}, s.chooseKiosk)
	handle(s, route{"POST", "/api/v1/cards/{id}/plastic/resend", "Have an unclaimed card sent again", students(), 0}, s.resendPlastic)
	handle(s, route{"POST", "/api/v1/staff/batches", "Open a batch of what waits", staff(campus.HandlePlastic), created}, s.openBatch)
	handle(s, route{"GET", "/api/v1/staff/batches", "Batches, newest first", staff(campus.HandlePlastic), 0}, s.listBatches)
	handle(s, route{"GET", "/api/v1/staff/batches/{id}", "One batch with its cards and deliveries", staff(campus.HandlePlastic), 0}, s.getBatch)
	handle(s, route{"GET", "/api/v1/staff/batches/{id}/order-file", "What the bureau was sent", staff(campus.ReadPeople), 0}, s.getOrderFile)
	handle(s, route{"GET", "/api/v1/staff/deliveries", "Deliveries to the kiosks, newest first", staff(campus.HandlePlastic), 0}, s.listDeliveries)
	handle(s, route{"POST", "/api/v1/staff/deliveries/{id}/receipt", "Give the receipt for a kiosk", staff(campus.HandlePlastic), 0}, s.receiveAsStaff)
	handle(s, route{"POST", "/api/v1/staff/cases/{id}/plastic-report", "A card is not in its compartment, or of no use", staff(campus.HandlePlastic), 0}, s.reportPlastic)
	handle(s, route{"GET", "/api/v1/kiosk/deliveries", "What is on its way to the kiosk", kiosks(), 0}, s.listKioskDeliveries)
	handle(s, route{"POST", "/api/v1/kiosk/deliveries/{id}/receipt", "Give the receipt of a delivery", kiosks(), 0}, s.receiveAtKiosk)
}

// invitationRoutes are how people are asked to apply, in waves (C5).
func (s *Server) invitationRoutes() {
	handle(s, route{"GET", "/api/v1/staff/invitations/audience", "How many people a campaign would invite", staff(campus.ManageInvitations), 0}, s.countAudience)
	handle(s, route{"POST", "/api/v1/staff/invitations", "Open a campaign of invitations", staff(campus.ManageInvitations), created}, s.openCampaign)
	handle(s, route{"GET", "/api/v1/staff/invitations", "Campaigns with what they have come to, newest first", staff(campus.ManageInvitations), 0}, s.listCampaigns)
	handle(s, route{"GET", "/api/v1/staff/invitations/{id}", "One campaign with its waves", staff(campus.ManageInvitations), 0}, s.getCampaign)
	handle(s, route{"POST", "/api/v1/staff/invitations/{id}/pause", "Stop a campaign for a while", staff(campus.ManageInvitations), 0}, s.pauseCampaign)
	handle(s, route{"POST", "/api/v1/staff/invitations/{id}/resumption", "Go on with a campaign", staff(campus.ManageInvitations), 0}, s.resumeCampaign)
	handle(s, route{"POST", "/api/v1/staff/invitations/{id}/cancellation", "End a campaign", staff(campus.ManageInvitations), 0}, s.cancelCampaign)
}

// machineRoutes are for kiosks and for the call-backs of the school's systems; their calls are signed.
func (s *Server) machineRoutes() {
	handle(s, route{"POST", "/api/v1/kiosk/pickups", "Open a compartment", kiosks(), 0}, s.pickUp)
	handle(s, route{"POST", "/api/v1/hooks/bureau", "The card bureau reports", hooks(), 0}, s.bureauCallback)
	handle(s, route{"POST", "/api/v1/hooks/hr", "An HR system submits members of staff", hooks(), 0}, s.hrCallback)
}
