package money

import (
	"campuscard/api/core"
	"campuscard/campus"
)

// Routes adds what is about money.
func (s *Server) Routes() {
	s.tillRoutes()
	s.holderRoutes()
	s.merchantRoutes()
	s.merchantMoneyRoutes()
	s.topUpRoutes()
	s.unclaimedRoutes()
	s.offlineRoutes()
	s.closeRoutes()
}

// offlineRoutes are what staff do about sales without network, and about tills that are silent (E1, L8).
func (s *Server) offlineRoutes() {
	manage := core.Staff(campus.ManageMerchants)
	core.Handle(s.Server, core.Get("/api/v1/staff/offline-sales",
		"Sales without network that people decide, in the order in which they came", manage), s.listSuspended)
	core.Handle(s.Server, core.Post("/api/v1/staff/terminals/{id}/offline-sales/{generation}/{sequence}/settlement",
		"Say who bears a sale without network", manage), s.settleSale)
	core.Handle(s.Server, core.Post("/api/v1/staff/terminals/{id}/offline-sales/{generation}/{sequence}/confirmation",
		"Settle a sale without network as a colleague has proposed", manage), s.confirmSale)
	core.Handle(s.Server, core.Get("/api/v1/staff/silent-terminals",
		"Tills that are not heard of, or whose sales are missing", manage), s.listSilent)
	core.Handle(s.Server, core.Post("/api/v1/staff/terminals/{id}/put-away",
		"Say that a till is switched off: nobody waits for it", manage), s.putAway)
	core.Handle(s.Server, core.Post("/api/v1/staff/terminals/{id}/generations/{generation}/loss",
		"Say that the journal of a till is lost", manage), s.loseGeneration)
	core.Handle(s.Server, core.Post("/api/v1/staff/terminals/{id}/generations/{generation}/closure",
		"Close a lost journal, as a second person", manage), s.closeGeneration)
}

// tillRoutes are what tills ask for. They sign their requests; what they ask for has a key of their own.
func (s *Server) tillRoutes() {
	core.Handle(s.Server, core.Post("/api/v1/terminals/{id}/enrolment", "Get a till's secret for a code",
		core.Public(), core.Keyless|core.SignIn), s.enrol) // the code works once
	core.Handle(s.Server, core.Post("/api/v1/terminals/heartbeats", "Say that a till is there", core.Tills()), s.heartbeat)
	core.Handle(s.Server, core.Post("/api/v1/terminals/payments", "Take a payment", core.Tills()), s.pay)
	core.Handle(s.Server, core.Get("/api/v1/terminals/payments/{key}", "The answer to a key, once more", core.Tills()),
		s.findPayment)
	core.Handle(s.Server, core.Post("/api/v1/terminals/reversals", "Undo what stands under a key", core.Tills()), s.reverse)
	core.Handle(s.Server, core.Post("/api/v1/terminals/voids", "Undo a payment of today", core.Tills()), s.void)
	core.Handle(s.Server, core.Post("/api/v1/terminals/refunds", "Give a part of a payment back", core.Tills()), s.refund)
	core.Handle(s.Server, core.Get("/api/v1/terminals/totals", "What a till has taken and given back", core.Tills()),
		s.totals)
	core.Handle(s.Server, core.Post("/api/v1/terminals/offline-sales", "Send sales that were made without network",
		core.Tills()), s.takeOffline)
	core.Handle(s.Server, core.Get("/api/v1/terminals/denials", "The cards that a till without network must not take",
		core.Tills()), s.listDenials)
	core.Handle(s.Server, core.Post("/api/v1/terminals/journals", "Say which sales a till has printed", core.Tills()),
		s.takeJournal)
	core.Handle(s.Server, core.Post("/api/v1/terminals/looks", "Whose card is shown", core.Tills()), s.lookAtTill)
}

// holderRoutes are what holders do with their money.
func (s *Server) holderRoutes() {
	core.Handle(s.Server, core.Get("/api/v1/me/account", "What one's card can pay with", core.Students()), s.getAccount)
	core.Handle(s.Server, core.Get("/api/v1/me/account/statement", "What came and went, newest first", core.Students()),
		s.getStatement)
	core.Handle(s.Server, core.Get("/api/v1/me/account/statement/file", "What came and went in a time, as a file for tables",
		core.Students()).Files(csvType), s.getStatementFile)
	core.Handle(s.Server, core.Get("/api/v1/me/account/notices", "What one is told of one's money", core.Students()),
		s.getTelling)
	core.Handle(s.Server, core.Put("/api/v1/me/account/notices", "Choose what one is told of one's money", core.Students()),
		s.setTelling)
	core.Handle(s.Server, core.Put("/api/v1/me/account/limit", "Change the daily limit", core.Students()), s.setLimit)
	core.Handle(s.Server, core.Del("/api/v1/me/account/limit", "Have the university's daily limit again", core.Students()),
		s.dropLimit)
	core.Handle(s.Server, core.Get("/api/v1/me/phone", "The phone that pays", core.Students()), s.getPhone)
	core.Handle(s.Server, core.Put("/api/v1/me/phone", "Have this phone pay", core.Students()), s.bindPhone)
	core.Handle(s.Server, core.Del("/api/v1/me/phone", "Have no phone pay", core.Students()), s.unbindPhone)
	core.Handle(s.Server, core.Post("/api/v1/me/payments", "Pay a sale that a till shows", core.Students(), core.Keyless),
		s.payScanned) // the till's code has the key of the sale
}

// merchantRoutes are what finance does about merchants and their tills (L3), and staff about payments and cards.
func (s *Server) merchantRoutes() {
	manage := core.Staff(campus.ManageMerchants)
	core.Handle(s.Server, core.Get("/api/v1/staff/merchants", "The merchants", manage), s.listMerchants)
	core.Handle(s.Server, core.Get("/api/v1/staff/merchants/{id}", "One merchant", manage), s.getMerchant)
	core.Handle(s.Server, core.Post("/api/v1/staff/merchants", "Propose a merchant", manage, core.Created),
		s.proposeMerchant)
	core.Handle(s.Server, core.Post("/api/v1/staff/merchants/{id}/opening", "Take a proposed merchant on, as a second person",
		manage), s.openMerchant)
	core.Handle(s.Server, core.Post("/api/v1/staff/merchants/{id}/state", "Stop a merchant, let it go on, retire it", manage),
		s.setMerchantState)
	core.Handle(s.Server, core.Get("/api/v1/staff/terminals", "The tills", manage), s.listTerminals)
	core.Handle(s.Server, core.Get("/api/v1/staff/terminals/{id}", "One till", manage), s.getTerminal)
	core.Handle(s.Server, core.Post("/api/v1/staff/merchants/{id}/terminals", "Add a till", manage, core.Created),
		s.addTerminal)
	core.Handle(s.Server, core.Post("/api/v1/staff/terminals/{id}/enrolment-code", "Make the code that a till is enrolled with",
		manage, core.Keyless), s.makeEnrolmentCode) // the next one ends the last
	core.Handle(s.Server, core.Post("/api/v1/staff/terminals/{id}/state", "Stop a till, let it go on, retire it", manage),
		s.setTerminalState)
	core.Handle(s.Server, core.Post("/api/v1/staff/payments/{id}/refunds", "Give a part of a payment back",
		core.Staff(campus.RefundPayments)), s.refundByStaff)
	core.Handle(s.Server, core.Post("/api/v1/staff/looks", "Whose card is shown", core.Staff(campus.LookAtCards),
		core.Keyless), s.lookByStaff) // a code works once
}
