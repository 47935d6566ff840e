package core

import (
	"strconv"
	"time"

	"campuscard/campus"
)

// DueNote says that a moment counted in working days is an estimate; nothing when it is none.
func (s *Server) DueNote(in campus.Language, university string, due *time.Time) string {
	return PromiseNote(in, s.Policies.For(university).Calendar.EstimatedDue(due))
}

// PromiseNote says that a promised day is an estimate because of a year; nothing when there is none.
func PromiseNote(in campus.Language, year int) string {
	if year == 0 {
		return ""
	}
	return campus.Text(in, "promise.estimate", map[string]string{"year": strconv.Itoa(year)})
}
