package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"campuscard/campus"
	"campuscard/e2e/client"
)

// kind is what was asked for.
type kind string

// The kinds of change that are compared. Files, gestures and codes for phones only prepare them.
const (
	application kind = "application"
	claim       kind = "claim"
	approval    kind = "approval"
	activation  kind = "activation"
	settlement  kind = "settlement"
	pickup      kind = "pickup"
	topUpAsked  kind = "top-up"
	refundAsked kind = "refund of a top-up"
	appealAsked kind = "appeal"
	ruling      kind = "decision about an appeal" // or the holder's objection
	dayClosed   kind = "close of a day"
	explanation kind = "settlement of a difference"
	signature   kind = "signature of a day"
	payoutAsked kind = "payout file"
)

// decided tells that a workflow answers it, so that it has an address of its own.
func (k kind) decided() bool {
	switch k {
	case approval, activation, settlement, ruling, explanation, signature:
		return true
	}
	return false
}

// waits tells that it ends or begins a wait of an application.
func (k kind) waits() bool {
	switch k {
	case application, claim, approval, activation, pickup:
		return true
	}
	return false
}

// financeKind is kindOf of those who close days, decide about appeals and pay merchants.
func financeKind(path string) kind {
	switch path {
	case "/api/v1/staff/closes":
		return dayClosed
	case "/api/v1/staff/payout-files":
		return payoutAsked
	}
	about, what := path[:strings.LastIndexByte(path, '/')], path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case what == "decision" && strings.HasPrefix(about, "/api/v1/staff/work-items/"):
		return ruling
	case what == "settlement" && strings.HasPrefix(about, "/api/v1/staff/closes/"):
		return explanation
	case what == "signature":
		return signature
	}
	return ""
}

// kindOf reads from a request's path what was asked for; empty for what is not compared.
func kindOf(path string) kind {
	switch path {
	case "/api/v1/applications":
		return application
	case "/api/v1/kiosk/pickups":
		return pickup
	case "/api/v1/me/topups":
		return topUpAsked
	}
	switch path[strings.LastIndexByte(path, '/')+1:] {
	case "claim":
		return claim
	case "decision":
		return approval // the reviewers of a crowd do nothing else
	case "activation":
		return activation
	case "settlement":
		return settlement
	case "refund":
		return refundAsked
	case "appeal":
		return appealAsked
	case "objection":
		return ruling
	}
	return ""
}

// said is what an answer promises.
type said string

// Answers a caller can get. Vague is an outage that promises neither; Silent is no answer at all.
const (
	saidDone    said = "done"
	saidRunning said = "running"
	saidNot     said = "not taken"
	saidVague   said = "vague"
	saidSilent  said = "no answer"
)

// notTakenWords are those of an outage that says that nothing was changed.
var notTakenWords = regexp.MustCompile(
	`(?i)nothing (was|has been) (changed|done|taken|kept)|was not (taken|changed|carried out)`)

// hear tells what the last answer to a request says.
func hear(status int, body []byte, problem *client.Problem) said {
	switch {
	case status == 0:
		return saidSilent
	case problem != nil && status >= http.StatusInternalServerError:
		if notTakenWords.MatchString(problem.Detail) {
			return saidNot
		}
		return saidVague
	case problem != nil:
		return saidNot
	case status == http.StatusAccepted:
		return saidRunning
	}
	var view struct{ Status string }
	if json.Unmarshal(body, &view) == nil && view.Status == string(saidRunning) {
		return saidRunning
	}
	return saidDone
}

// found is what there is of a request after everything has come to rest.
type found struct {
	Kept    bool   // the product has it: its key is known
	Carried bool   // it was carried out: what it asked for is there
	State   string // open, done or refused, where the product keeps that
	Now     int    // what the address of a decision answers; 0: it was not asked

	// Of a decision: where its case stands, and its card.
	Stage   campus.Stage
	Outcome campus.Outcome
	Reason  string
	Card    campus.CardState
}

// open tells that nobody knows yet what becomes of it.
func (f found) open() bool { return f.Now == http.StatusAccepted || f.State == "open" }

// untrue compares what was said with what is, and tells what is wrong; empty: the answer was true.
func untrue(k kind, s said, f found) string {
	switch s {
	case saidDone:
		if !f.Carried {
			return "it was not carried out"
		}
		return contradicted(k, f)
	case saidNot:
		switch {
		case f.Carried:
			return "it was carried out"
		case f.open():
			return "it is still open, and may be carried out"
		}
		return ""
	case saidRunning:
		return unended(k, f)
	default: // either is fine, but it has to be one of both
		if !f.Kept || !k.decided() {
			return ""
		}
		return unended(k, f)
	}
}

// unended returns what is wrong with a decision that should have come to an end by now, done or refused.
func unended(k kind, f found) string {
	refused := f.Now >= http.StatusBadRequest && f.Now < http.StatusInternalServerError && f.Now != http.StatusNotFound
	switch {
	case f.open():
		return "it never came to an end"
	case f.Now == http.StatusOK && !f.Carried:
		return "its address says done, and it was not carried out"
	case refused && f.Carried:
		return "its address says refused, and it was carried out"
	case f.Now != http.StatusOK && !refused:
		return "its address does not tell"
	case f.Carried:
		return contradicted(k, f)
	}
	return ""
}

// contradicted returns what has become of the case of a decision that was carried out, against the decision. An
// approved card that nobody activates in time lapses, and that is as it should be.
func contradicted(k kind, f found) string {
	if k.decided() && f.Now != 0 && f.Now != http.StatusOK {
		return "its address does not say done"
	}
	switch k {
	case approval:
		switch {
		case f.Stage == campus.StageReview:
			return "its case stands before the reviewers again"
		case f.Outcome != "" && f.Outcome != campus.Completed && f.Reason != "not_activated":
			return "its case has ended all the same"
		case f.Card == "":
			return "it has led to no card"
		}
	case signature:
		if f.Outcome != campus.Completed {
			return "its day is not signed"
		}
	case activation:
		switch {
		case f.Outcome != campus.Completed || f.Stage != campus.StageDone:
			return "its case was opened again or has ended otherwise"
		case f.Card != campus.CardActive:
			return "its card is not active"
		}
	}
	return ""
}
