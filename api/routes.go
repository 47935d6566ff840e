package api

import (
	"campuscard/api/core"
	"campuscard/campus"
)

// routes are all addresses of the product, each in the routes.go of its area: method, path, what it is for, who may
// call it, and what is unusual about it. An address that is not here does not exist, and one without an access is
// refused.
func (s *Server) routes() {
	s.Routes()
	s.people.Routes()
	s.cards.Routes()
	s.work.Routes()
	s.production.Routes()
	s.outreach.Routes()
	s.money.Routes()
	s.caseRoutes()
	s.counterRoutes()
}

// caseRoutes are the cases and the people that staff look at.
func (s *Server) caseRoutes() {
	core.Handle(s.Server, core.Get("/api/v1/staff/cases", "Find cases", core.Staff(campus.ReadCases)), s.listStaffCases)
	core.Handle(s.Server, core.Get("/api/v1/staff/cases/{id}",
		"One case with timeline and attempts", core.Staff(campus.ReadCases)), s.getStaffCase)
	core.Handle(s.Server, core.Get("/api/v1/staff/cases/{id}/files/{file}",
		"Look at evidence", core.Staff(campus.ReadPeople)).Files(evidenceTypes()...), s.getCaseFile)
	core.Handle(s.Server, core.Post("/api/v1/staff/cases/{id}/steps/{step}/settlement",
		"Retry, skip or abort a parked step", core.Staff(campus.SettleSteps)), s.settleStep)
	core.Handle(s.Server, core.Post("/api/v1/staff/cases/{id}/pickup-code",
		"Send the holder another pickup code", core.Staff(campus.VerifyInPerson)), s.renewPickupCode)
	core.Handle(s.Server, core.Get("/api/v1/staff/people/{id}", "Who somebody is", core.Staff(campus.ReadPeople)),
		s.getPerson)
}

// counterRoutes returns what the card centre does for somebody who stands there (L1). Searches and previews keep
// nothing, so they need no idempotency key.
func (s *Server) counterRoutes() {
	core.Handle(s.Server, core.Get("/api/v1/staff/people", "Find people", core.Staff(campus.ServeCounter)), s.findPeople)
	core.Handle(s.Server, core.Post("/api/v1/staff/people/searches",
		"Find people by the number of a document", core.Staff(campus.ServeCounter), core.Keyless|core.Looks), s.findByDocument)
	core.Handle(s.Server, core.Get("/api/v1/staff/people/{id}/cases",
		"Cases of a person", core.Staff(campus.ServeCounter)), s.listPersonCases)
	core.Handle(s.Server, core.Get("/api/v1/staff/people/{id}/cards",
		"Cards of a person with their plastics", core.Staff(campus.ServeCounter)), s.listPersonCards)
	core.Handle(s.Server, core.Get("/api/v1/staff/people/{id}/acts",
		"What was done for a person at the counter", core.Staff(campus.ServeCounter)), s.listCounterActs)
	core.Handle(s.Server, core.Post("/api/v1/staff/people/{id}/verifications",
		"Compare person and original document with the roster", core.Staff(campus.ServeCounter), core.Created), s.verifyPerson)
	core.Handle(s.Server, core.Post("/api/v1/staff/people/{id}/acts",
		"Act for a person who was verified", core.Staff(campus.ServeCounter)), s.actFor)
	core.Handle(s.Server, core.Post("/api/v1/staff/people/{id}/uploads",
		"Take a document for a person who was verified", core.Staff(campus.ServeCounter), core.Created|core.Form), s.addUploadFor)
	core.Handle(s.Server, core.Post("/api/v1/staff/people/{id}/notices", "Write to a person",
		core.Staff(campus.ServeCounter)), s.writeNotice)
	core.Handle(s.Server, core.Get("/api/v1/staff/receipts/{id}",
		"The receipt of an act at the counter, as PDF", core.Staff(campus.ServeCounter)).Files(pdfType), s.getReceipt)
}
