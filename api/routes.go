package api

import "campuscard/campus"

// routes are all addresses of the product, each in the routes.go of its area: method, path, what it is for, who may
// call it, and what is unusual about it. An address that is not here does not exist, and one without an access is refused.
func (s *Server) routes() {
	s.coreRoutes()
	s.peopleRoutes()
	s.cardRoutes()
	s.workRoutes()
	s.productionRoutes()
	s.outreachRoutes()
	s.caseRoutes()
	s.counterRoutes()
}

// caseRoutes are the cases and the people that staff look at.
func (s *Server) caseRoutes() {
	handle(s, get("/api/v1/staff/cases", "Find cases", staff(campus.ReadCases)), s.listStaffCases)
	handle(s, get("/api/v1/staff/cases/{id}",
		"One case with timeline and attempts", staff(campus.ReadCases)), s.getStaffCase)
	handle(s, get("/api/v1/staff/cases/{id}/files/{file}",
		"Look at evidence", staff(campus.ReadPeople)), s.getCaseFile)
	handle(s, post("/api/v1/staff/cases/{id}/steps/{step}/settlement",
		"Retry, skip or abort a parked step", staff(campus.SettleSteps)), s.settleStep)
	handle(s, post("/api/v1/staff/cases/{id}/pickup-code",
		"Send the holder another pickup code", staff(campus.VerifyInPerson)), s.renewPickupCode)
	handle(s, get("/api/v1/staff/people/{id}", "Who somebody is", staff(campus.ReadPeople)), s.getPerson)
}

// counterRoutes are what the card centre does for somebody who stands there (L1). Searches and previews keep nothing, so
// they need no idempotency key.
func (s *Server) counterRoutes() {
	handle(s, get("/api/v1/staff/people", "Find people", staff(campus.ServeCounter)), s.findPeople)
	handle(s, post("/api/v1/staff/people/searches",
		"Find people by the number of a document", staff(campus.ServeCounter), keyless|looks), s.findByDocument)
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
		"Take a document for a person who was verified", staff(campus.ServeCounter), created|form), s.addUploadFor)
	handle(s, post("/api/v1/staff/people/{id}/notices", "Write to a person", staff(campus.ServeCounter)), s.writeNotice)
	handle(s, get("/api/v1/staff/receipts/{id}",
		"The receipt of an act at the counter, as PDF", staff(campus.ServeCounter)), s.getReceipt)
}
