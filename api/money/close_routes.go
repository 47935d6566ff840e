package money

import (
	"campuscard/api/core"
	"campuscard/campus"
)

// closeRoutes are what finance does about the close of a day (L8).
func (s *Server) closeRoutes() {
	finance := core.Staff(campus.CloseDays)
	core.Handle(s.Server, core.Get("/api/v1/staff/closes", "The closes of days, newest first", finance), s.listCloses)
	core.Handle(s.Server, core.Post("/api/v1/staff/closes", "Close the next day of the books now", finance, core.Created),
		s.openClose)
	core.Handle(s.Server, core.Get("/api/v1/staff/closes/{id}", "One close, and what it waits for", finance), s.getClose)
	core.Handle(s.Server, core.Get("/api/v1/staff/closes/{id}/settlements", "What merchants are due for the day", finance),
		s.listSettlements)
	core.Handle(s.Server, core.Get("/api/v1/staff/closes/{id}/differences", "Lines on which channels or tills and we differ", finance),
		s.listDifferences)
	core.Handle(s.Server, core.Post("/api/v1/staff/closes/{id}/differences/{number}/settlement",
		"Say what a difference was, or why it is accepted", finance), s.settleDifference)
	core.Handle(s.Server, core.Get("/api/v1/staff/closes/{id}/report", "The report of a day, for a program such as Excel",
		finance).Files(xlsxType), s.getCloseReport)
	core.Handle(s.Server, core.Post("/api/v1/staff/closes/{id}/signature", "Sign a day", finance), s.signClose)
}
