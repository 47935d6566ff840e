package people

import (
	"campuscard/api/core"
	"campuscard/campus"
)

// Routes adds signing in, and who one is.
func (s *Server) Routes() {
	// Sign-in answers with a token, which is kept nowhere and so cannot be answered twice: no idempotency key. A
	// repeated sign-in opens a second session, and a repeated first password finds its session gone. Asking for an unlock
	// code is limited, and its answer says nothing.
	core.Handle(s.Server, core.Post("/api/v1/sessions",
		"Sign in with number and password", core.Public(), core.Keyless|core.Created|core.SignIn), s.signInStudent)
	core.Handle(s.Server, core.Post("/api/v1/staff/sessions",
		"Sign in as a member of staff", core.Public(), core.Keyless|core.Created|core.SignIn), s.signInStaff)
	core.Handle(s.Server, core.Post("/api/v1/sessions/unlock-codes",
		"Send a code that gets past the lock of the day", core.Public(), core.Keyless|core.Created|core.SignIn), s.sendUnlockCode)
	core.Handle(s.Server, core.Get("/api/v1/sessions/current", "The session of the token", core.Session()),
		s.currentSession)
	core.Handle(s.Server, core.Get("/api/v1/sessions", "The devices on which one is signed in", core.Students()),
		s.listSessions)
	core.Handle(s.Server, core.Del("/api/v1/sessions/others", "Sign every other device out", core.Students()),
		s.endOtherSessions)
	core.Handle(s.Server, core.Del("/api/v1/sessions/{id}", "Sign one device out", core.Students()), s.endSession)
	core.Handle(s.Server, core.Del("/api/v1/sessions/current", "Sign out", core.Session()), s.signOut)
	core.Handle(s.Server, core.Post("/api/v1/sessions/current/phone-codes",
		"Send a code to the phone on file", core.Initial(), core.Created), s.sendPhoneCode)
	core.Handle(s.Server, core.Post("/api/v1/sessions/current/first-password",
		"Replace the initial password", core.Initial(), core.Keyless|core.Created), s.setFirstPassword)

	core.Handle(s.Server, core.Get("/api/v1/universities", "Universities with campuses and kiosks", core.Public()),
		s.listUniversities)
	core.Handle(s.Server, core.Get("/api/v1/universities/{university}/promise",
		"By when a plastic is at its kiosk", core.Public()), s.getPromise)
	core.Handle(s.Server, core.Get("/api/v1/me", "The holder", core.Students()), s.me)
	core.Handle(s.Server, core.Put("/api/v1/me/language", "The language of messages", core.Students()), s.setLanguage)
	core.Handle(s.Server, core.Post("/api/v1/me/phone-codes", "Send a code to a new phone", core.Students(),
		core.Created), s.sendNewPhoneCode)
	core.Handle(s.Server, core.Post("/api/v1/me/phone", "Have the new phone on file", core.Students()), s.changePhone)
	core.Handle(s.Server, core.Post("/api/v1/me/liveness-challenges",
		"Ask for a gesture to show", core.Students(), core.Created), s.addChallenge)

	core.Handle(s.Server, core.Get("/api/v1/staff/me", "The member of staff and what they may do", core.AnyStaff()),
		s.staffMe)
	core.Handle(s.Server, core.Post("/api/v1/staff/sign-in-releases",
		"Let a colleague sign in without a wait", core.Staff(campus.ManageStaff)), s.releaseStaff)
}
