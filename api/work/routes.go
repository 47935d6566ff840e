package work

import (
	"campuscard/api/core"
	"campuscard/campus"
)

// Routes adds the work of staff, and the words of messages (L10).
func (s *Server) Routes() {
	core.Handle(s.Server, core.Put("/api/v1/staff/me/language", "The language of mail to oneself", core.AnyStaff()),
		s.setStaffLanguage)
	core.Handle(s.Server, core.Get("/api/v1/staff/work-items",
		"What one may decide, oldest first", core.Staff(campus.ReadCases)), s.listWorkItems)
	core.Handle(s.Server, core.Get("/api/v1/staff/work-items/{id}", "One item", core.Staff(campus.ReadCases)),
		s.getWorkItem)
	core.Handle(s.Server, core.Post("/api/v1/staff/work-items/{id}/claim", "Take an item", core.Staff(campus.ReadCases)),
		s.claimWorkItem)
	core.Handle(s.Server, core.Post("/api/v1/staff/work-items/{id}/release",
		"Give an item back", core.Staff(campus.ReadCases)), s.releaseWorkItem)
	core.Handle(s.Server, core.Post("/api/v1/staff/work-items/{id}/decision",
		"Decide an item", core.Staff(campus.ReadCases)), s.decideWorkItem)
	core.Handle(s.Server, core.Post("/api/v1/staff/work-items/decisions",
		"Decide many items", core.Staff(campus.ReadCases)), s.decideWorkItems)
	core.Handle(s.Server, core.Get("/api/v1/staff/work-items/summary",
		"What waits, by kind and campus", core.Staff(campus.ReadCases)), s.summarizeWorkItems)
	core.Handle(s.Server, core.Post("/api/v1/staff/work-items/{id}/assignment",
		"Give an item to a colleague", core.Staff(campus.ReadCases)), s.assignWorkItem)
	core.Handle(s.Server, core.Get("/api/v1/staff/colleagues", "Who could take an item", core.Staff(campus.ReadCases)),
		s.listColleagues)
	core.Handle(s.Server, core.Get("/api/v1/staff/parked-groups",
		"Parked steps one may settle, by step and cause", core.Staff(campus.SettleSteps)), s.listParkedGroups)
	core.Handle(s.Server, core.Post("/api/v1/staff/group-retries",
		"Retry a whole group of parked steps", core.Staff(campus.SettleSteps)), s.retryGroup)
	core.Handle(s.Server, core.Get("/api/v1/staff/group-retries/{id}",
		"How a retry of a group stands", core.Staff(campus.SettleSteps)), s.getGroupRetry)
	core.Handle(s.Server, core.Get("/api/v1/staff/group-retries/{id}/items",
		"What became of each step of a group", core.Staff(campus.SettleSteps)), s.listGroupRetryItems)

	core.Handle(s.Server, core.Get("/api/v1/staff/notice-templates",
		"Messages with the words that count", core.Staff(campus.EditNotices)), s.listNoticeTemplates)
	core.Handle(s.Server, core.Get("/api/v1/staff/notice-templates/{name}",
		"One message", core.Staff(campus.EditNotices)), s.getNoticeTemplate)
	core.Handle(s.Server, core.Get("/api/v1/staff/notice-templates/{name}/versions",
		"What a message has said", core.Staff(campus.EditNotices)), s.listNoticeVersions)
	core.Handle(s.Server, core.Put("/api/v1/staff/notice-templates/{name}", "Word a message",
		core.Staff(campus.EditNotices)), s.wordNotice)
	core.Handle(s.Server, core.Del("/api/v1/staff/notice-templates/{name}",
		"Take the words back", core.Staff(campus.EditNotices)), s.unwordNotice)
	core.Handle(s.Server, core.Post("/api/v1/staff/notice-templates/{name}/preview",
		"See words filled with samples", core.Staff(campus.EditNotices), core.Keyless|core.Looks), s.previewNotice)
}
