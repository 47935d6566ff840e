package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/e2e/client"
)

func TestWhatAnAnswerSays(t *testing.T) {
	outage := func(reason, detail string) *client.Problem {
		return &client.Problem{Status: 503, Reason: reason, Detail: detail}
	}
	for name, c := range map[string]struct {
		status  int
		body    string
		problem *client.Problem
		want    said
	}{
		"200 is done":    {200, `{"status":"done","stage":"provisioning"}`, nil, saidDone},
		"201 is done":    {201, `{"id":"0190","stage":"queued"}`, nil, saidDone},
		"202 is running": {202, `{"status":"running"}`, nil, saidRunning},
		"a status running is running, whatever HTTP": {200, `{"status":"running"}`, nil, saidRunning},
		"a conflict is not taken": {
			409, "", &client.Problem{Status: 409, Reason: "decision_pending"}, saidNot},
		"a refusal is not taken": {422, "", &client.Problem{Status: 422}, saidNot},
		"an unknown outage that says nothing changed": {
			503, "", outage("new", "Sorry. Nothing was changed."), saidNot},
		"the database is down: who knows": {
			503, "", outage("database_down", "Not available at the moment, please try again later."), saidVague},
		"something went wrong on our side": {500, "", &client.Problem{Status: 500}, saidVague},
		"the connection broke":             {0, "", nil, saidSilent},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, hear(c.status, []byte(c.body), c.problem))
		})
	}
}

func TestAnAnswerIsComparedWithWhatBecameOfIt(t *testing.T) {
	approved := found{Kept: true, Carried: true, Now: 200, Stage: campus.StageActivation, Card: campus.CardPending}
	activated := approved
	activated.Stage, activated.Outcome, activated.Card = campus.StageDone, campus.Completed, campus.CardActive
	refused := found{Kept: true, Now: 409, State: "refused"}
	// but is what was found, with a difference.
	but := func(f found, change func(*found)) found { change(&f); return f }

	for name, c := range map[string]struct {
		kind kind
		said said
		is   found
		want string // part of what is wrong; empty: it was true
	}{
		"done, and it is":     {approval, saidDone, approved, ""},
		"done, and activated": {activation, saidDone, activated, ""},
		"done, and nothing is there": {
			approval, saidDone, found{Kept: true, Now: 409}, "not carried out"},
		"done, and its key is unknown": {claim, saidDone, found{}, "not carried out"},
		"a claim that holds":           {claim, saidDone, found{Kept: true, Carried: true}, ""},
		"approved, and expired as not reviewed": {
			approval, saidDone, but(approved, expired("not_reviewed")), "ended all the same"},
		"approved, and before the reviewers again": {
			approval, saidDone, but(approved, at(campus.StageReview)), "before the reviewers"},
		"approved, and never activated by anybody": {
			approval, saidDone, but(approved, at(campus.StageLapsed)), ""},
		"approved, and undone as never activated": {
			approval, saidDone, but(approved, expired("not_activated")), ""},
		"approved, and there is no card": {
			approval, saidDone, but(approved, func(f *found) { f.Card = "" }), "no card"},
		"activated, and lapsed by a timer": {
			activation, saidDone, but(activated, at(campus.StageLapsed)), "opened again"},
		"activated, and expired": {
			activation, saidDone, but(activated, expired("not_activated")), "opened again"},
		"activated, and the card is closed": {
			activation, saidDone, but(activated, func(f *found) { f.Card = campus.CardClosed }), "not active"},
		"done, and its address says refused": {
			approval, saidDone, but(approved, func(f *found) { f.Now = 409 }), "does not say done"},
		"not taken, and nothing is there": {approval, saidNot, found{}, ""},
		"not taken, and refused for good": {approval, saidNot, refused, ""},
		"not taken, and carried out":      {approval, saidNot, approved, "it was carried out"},
		"not taken, and still open": {
			approval, saidNot, found{Kept: true, State: "open"}, "still open"},
		"not taken, and its address says running": {
			activation, saidNot, found{Kept: true, Now: 202}, "still open"},
		"a pickup not taken, and the card handed over": {
			pickup, saidNot, found{Kept: true, Carried: true}, "it was carried out"},
		"running, and done later":    {activation, saidRunning, activated, ""},
		"running, and refused later": {activation, saidRunning, refused, ""},
		"running for ever": {
			activation, saidRunning, found{Kept: true, Now: 202}, "never came to an end"},
		"running, kept open": {
			activation, saidRunning, found{Kept: true, Now: 200, State: "open"}, "never came to an end"},
		"running, and its address is gone": {activation, saidRunning, found{Now: 404}, "does not tell"},
		"running, and its address fails": {
			activation, saidRunning, found{Kept: true, Now: 500}, "does not tell"},
		"running, said to be done, and nothing there": {
			activation, saidRunning, found{Kept: true, Now: 200}, "says done"},
		"running, said to be refused, and carried out": {
			activation, saidRunning, but(activated, func(f *found) { f.Now = 409 }), "says refused"},
		"running, done, and expired later": {
			approval, saidRunning, but(approved, expired("not_reviewed")), "ended all the same"},
		"no answer, and never arrived": {approval, saidSilent, found{}, ""},
		"no answer, and carried out":   {approval, saidSilent, approved, ""},
		"no answer, and refused":       {approval, saidSilent, refused, ""},
		"no answer, and neither": {
			approval, saidSilent, found{Kept: true, Now: 202}, "never came to an end"},
		"no answer, carried out, and undone by a timer": {
			approval, saidSilent, but(approved, expired("not_reviewed")), "ended all the same"},
		"no answer to a pickup, which opened":         {pickup, saidSilent, found{Kept: true, Carried: true}, ""},
		"an outage that promises nothing, either way": {approval, saidVague, approved, ""},
		"an outage that promises nothing, and neither": {
			approval, saidVague, found{Kept: true, State: "open", Now: 202}, "never came to an end"},
		"a settlement that failed again": {
			settlement, saidDone, found{Kept: true, Carried: true, Now: 200, Stage: campus.StageProvisioning}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := untrue(c.kind, c.said, c.is)
			if c.want == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, c.want)
		})
	}
}

func at(stage campus.Stage) func(*found) {
	return func(f *found) { f.Stage, f.Outcome = stage, "" }
}

func expired(reason string) func(*found) {
	return func(f *found) {
		f.Stage, f.Outcome, f.Reason, f.Card = campus.StageDone, campus.Expired, reason, campus.CardClosed
	}
}

func TestWhatWasAskedFor(t *testing.T) {
	for path, want := range map[string]kind{
		"/api/v1/applications":                              application,
		"/api/v1/applications/0190/activation":              activation,
		"/api/v1/staff/work-items/0190/claim":               claim,
		"/api/v1/staff/work-items/0190/decision":            approval,
		"/api/v1/staff/cases/0190/steps/grant-a/settlement": settlement,
		"/api/v1/kiosk/pickups":                             pickup,
		"/api/v1/me/topups":                                 topUpAsked,
		"/api/v1/me/topups/0190/refund":                     refundAsked,
		"/api/v1/me/payments/0190/appeal":                   appealAsked,
		"/api/v1/me/appeals/0190/objection":                 ruling,
		"/api/v1/uploads":                                   "",
		"/api/v1/me/liveness-challenges":                    "",
		"/api/v1/sessions/current/phone-codes":              "",
	} {
		require.Equal(t, want, kindOf(path), path)
	}
}

func TestWhatFinanceHasAskedFor(t *testing.T) {
	for path, want := range map[string]kind{
		"/api/v1/staff/closes":                               dayClosed,
		"/api/v1/staff/closes/0190/signature":                signature,
		"/api/v1/staff/closes/0190/differences/1/settlement": explanation,
		"/api/v1/staff/payout-files":                         payoutAsked,
		"/api/v1/staff/work-items/0190/decision":             ruling,
		"/api/v1/staff/bank-accounts/0190/decision":          "",
		"/api/v1/staff/merchants":                            "",
		"/api/v1/staff/terminals/0190/enrolment-code":        "",
	} {
		require.Equal(t, want, financeKind(path), path)
	}
	for _, k := range []kind{ruling, signature, explanation} {
		require.True(t, k.decided(), k)
		require.False(t, k.waits(), k)
	}
	require.Equal(t, "its day is not signed", untrue(signature, saidDone, found{Kept: true, Carried: true, Now: 200,
		Stage: campus.StageSigning}))
}
