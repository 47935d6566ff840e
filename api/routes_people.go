package api

import "campuscard/campus"

// peopleRoutes are signing in, and who one is.
func (s *Server) peopleRoutes() {
	// Sign-in answers with a token, which is kept nowhere and so cannot be answered twice: no idempotency key. A
	// repeated sign-in opens a second session, and a repeated first password finds its session gone. Asking for an unlock
	// code is limited, and its answer says nothing.
	handle(s, post("/api/v1/sessions",
		"Sign in with number and password", public(), keyless|created|signIn), s.signInStudent)
	handle(s, post("/api/v1/staff/sessions",
		"Sign in as a member of staff", public(), keyless|created|signIn), s.signInStaff)
	handle(s, post("/api/v1/sessions/unlock-codes",
		"Send a code that gets past the lock of the day", public(), keyless|created|signIn), s.sendUnlockCode)
	handle(s, get("/api/v1/sessions/current", "The session of the token", session()), s.currentSession)
	handle(s, get("/api/v1/sessions", "The devices on which one is signed in", students()), s.listSessions)
	handle(s, del("/api/v1/sessions/others", "Sign every other device out", students()), s.endOtherSessions)
	handle(s, del("/api/v1/sessions/{id}", "Sign one device out", students()), s.endSession)
	handle(s, del("/api/v1/sessions/current", "Sign out", session()), s.signOut)
	handle(s, post("/api/v1/sessions/current/phone-codes",
		"Send a code to the phone on file", initial(), created), s.sendPhoneCode)
	handle(s, post("/api/v1/sessions/current/first-password",
		"Replace the initial password", initial(), keyless|created), s.setFirstPassword)

	handle(s, get("/api/v1/universities", "Universities with campuses and kiosks", public()), s.listUniversities)
	handle(s, get("/api/v1/universities/{university}/promise",
		"By when a plastic is at its kiosk", public()), s.getPromise)
	handle(s, get("/api/v1/me", "The holder", students()), s.me)
	handle(s, put("/api/v1/me/language", "The language of messages", students()), s.setLanguage)
	handle(s, post("/api/v1/me/phone-codes", "Send a code to a new phone", students(), created), s.sendNewPhoneCode)
	handle(s, post("/api/v1/me/phone", "Have the new phone on file", students()), s.changePhone)
	handle(s, post("/api/v1/me/liveness-challenges",
		"Ask for a gesture to show", students(), created), s.addChallenge)

	handle(s, get("/api/v1/staff/me", "The member of staff and what they may do", anyStaff()), s.staffMe)
	handle(s, post("/api/v1/staff/sign-in-releases",
		"Let a colleague sign in without a wait", staff(campus.ManageStaff)), s.releaseStaff)
}
