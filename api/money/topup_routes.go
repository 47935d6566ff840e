package money

import (
	"campuscard/api/core"
	"campuscard/campus"
)

// topUpRoutes adds top-ups by channels and in cash, refunds of them, and the drawers of the counters (E4, L1, L2).
func (s *Server) topUpRoutes() {
	core.Handle(s.Server, core.Post("/api/v1/me/topups", "Ask for a top-up", core.Students(), core.Created), s.askTopUp)
	core.Handle(s.Server, core.Get("/api/v1/me/topup-channels", "How a card can be topped up", core.Students()),
		s.listChannels)
	core.Handle(s.Server, core.Get("/api/v1/me/topups", "One's top-ups, newest first", core.Students()), s.listTopUps)
	core.Handle(s.Server, core.Get("/api/v1/me/topups/{id}", "One of one's top-ups", core.Students()), s.getTopUp)
	core.Handle(s.Server, core.Post("/api/v1/me/topups/{id}/closure", "Give up a top-up that is not paid", core.Students()),
		s.giveUpTopUp)
	core.Handle(s.Server, core.Post("/api/v1/me/topups/{id}/refund",
		"Have a top-up go back to where it came from", core.Students(), core.Created), s.refundTopUp)

	core.Handle(s.Server, core.Post("/api/v1/hooks/channels/{channel}", "A top-up channel reports", core.Hooks()),
		s.channelCallback)

	core.Handle(s.Server, core.Get("/api/v1/staff/topup-refunds",
		"Refunds to channels that people should look at, oldest first", core.Staff(campus.CheckChannels)), s.listStuckRefunds)
	core.Handle(s.Server, core.Post("/api/v1/staff/topup-refunds/{id}/retry",
		"Ask the channel for a refund at once", core.Staff(campus.CheckChannels)), s.retryRefund)

	core.Handle(s.Server, core.Get("/api/v1/staff/channel-conflicts",
		"What channels say that contradicts itself, oldest first", core.Staff(campus.CheckChannels)), s.listConflicts)
	core.Handle(s.Server, core.Post("/api/v1/staff/channel-conflicts/{id}/settlement",
		"Say what a contradiction has turned out to be", core.Staff(campus.CheckChannels)), s.settleConflict)

	core.Handle(s.Server, core.Post("/api/v1/staff/drawers", "Open a drawer with a counted float",
		core.Staff(campus.HandleCash), core.Created), s.openDrawer)
	core.Handle(s.Server, core.Get("/api/v1/staff/drawers", "Drawers, newest first", core.Staff(campus.HandleCash)),
		s.listDrawers)
	core.Handle(s.Server, core.Get("/api/v1/staff/drawers/{id}", "One drawer", core.Staff(campus.HandleCash)), s.getDrawer)
	core.Handle(s.Server, core.Get("/api/v1/staff/drawers/{id}/takings", "What was taken into a drawer, newest first",
		core.Staff(campus.HandleCash)), s.listTakings)
	core.Handle(s.Server, core.Post("/api/v1/staff/drawers/{id}/takings", "Take cash for somebody's card",
		core.Staff(campus.HandleCash), core.Created), s.takeCash)
	core.Handle(s.Server, core.Post("/api/v1/staff/drawers/{id}/count", "Count one's drawer",
		core.Staff(campus.HandleCash)), s.countDrawer)
	core.Handle(s.Server, core.Post("/api/v1/staff/drawers/{id}/closure", "Confirm a colleague's count, and close",
		core.Staff(campus.HandleCash)), s.closeDrawer)
}
