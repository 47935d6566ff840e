package api

import "campuscard/campus"

// workRoutes are the work of staff, and the words of messages (L10).
func (s *Server) workRoutes() {
	handle(s, put("/api/v1/staff/me/language", "The language of mail to oneself", anyStaff()), s.setStaffLanguage)
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
	handle(s, get("/api/v1/staff/parked-groups",
		"Parked steps one may settle, by step and cause", staff(campus.SettleSteps)), s.listParkedGroups)
	handle(s, post("/api/v1/staff/group-retries",
		"Retry a whole group of parked steps", staff(campus.SettleSteps)), s.retryGroup)
	handle(s, get("/api/v1/staff/group-retries/{id}",
		"How a retry of a group stands", staff(campus.SettleSteps)), s.getGroupRetry)
	handle(s, get("/api/v1/staff/group-retries/{id}/items",
		"What became of each step of a group", staff(campus.SettleSteps)), s.listGroupRetryItems)

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
		"See words filled with samples", staff(campus.EditNotices), keyless|looks), s.previewNotice)
}
