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
	s.topUpRoutes()
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
	core.Handle(s.Server, core.Post("/api/v1/terminals/looks", "Whose card is shown", core.Tills()), s.lookAtTill)
}

// holderRoutes are what holders do with their money.
func (s *Server) holderRoutes() {
	core.Handle(s.Server, core.Get("/api/v1/me/account", "What one's card can pay with", core.Students()), s.getAccount)
	core.Handle(s.Server, core.Get("/api/v1/me/account/statement", "What came and went, newest first", core.Students()),
		s.getStatement)
	core.Handle(s.Server, core.Put("/api/v1/me/account/limit", "Change the daily limit", core.Students()), s.setLimit)
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
	core.Handle(s.Server, core.Post("/api/v1/staff/merchants", "Propose a merchant", manage, core.Created),
		s.proposeMerchant)
	core.Handle(s.Server, core.Post("/api/v1/staff/merchants/{id}/opening", "Take a proposed merchant on, as a second person",
		manage), s.openMerchant)
	core.Handle(s.Server, core.Post("/api/v1/staff/merchants/{id}/state", "Stop a merchant, let it go on, retire it", manage),
		s.setMerchantState)
	core.Handle(s.Server, core.Get("/api/v1/staff/terminals", "The tills", manage), s.listTerminals)
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
