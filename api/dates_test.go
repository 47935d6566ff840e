package api_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// Days come in at many places. One of a year that nobody means is refused at its field, at each of them, before
// anything is kept: Go takes the year 0, and Postgres does not. Days at the edges, and other slips, are told what they
// were before.
func TestDaysOfYearsNobodyMeans(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	h.printing(t)
	h.enrol("second")
	me := h.people["second"]
	ref := h.apply(t, "student")
	h.verify(t, me)
	h.hire("boss", storagetest.University, campus.Grant{Role: campus.Administrator})
	mine, desk := h.application(t, me), h.desk(t, me)
	bring := func(id uuid.UUID, brought form) call {
		return call{who: "student", method: "POST", path: "/api/v1/applications/" + id.String() + "/evidence",
			body: string(brought)}
	}
	evidence := func(name string, value any) form {
		document := fields{"upload": uuid.New(), "expires_on": "2040-01-01"}
		document[name] = value
		return toForm(fields{"identity_document": document})
	}
	table := map[string]scenario{}
	bad := func(place, field string, send func(day string) call) {
		for _, day := range []string{"0000-12-31", "0001-01-01", "1899-12-31", "2200-01-01", "9999-12-31", "2026-02-30",
			"31.12.2026"} {
			table[place+": "+day] = scenario{send(day), 422, "fields", field}
		}
	}
	for _, name := range []string{"valid_from", "expires_on"} {
		bad("an application "+name, "identity_document."+name, func(day string) call {
			return applyCall("second", mine.with("identity_document."+name, day))
		})
		bad("evidence "+name, "identity_document."+name, func(day string) call {
			return bring(ref.ID, evidence(name, day))
		})
		bad("an application at the counter "+name, "application.identity_document."+name, func(day string) call {
			return atDesk(me.ID, "application",
				fields{"application": json.RawMessage(desk.with("identity_document."+name, day))})
		})
		bad("evidence at the counter "+name, "evidence.identity_document."+name, func(day string) call {
			return atDesk(h.holder.ID, "evidence", fields{"case": ref.ID, "evidence": json.RawMessage(evidence(name, day))})
		})
	}
	bad("a verification", "expires_on", func(day string) call {
		return personCall("centre", me.ID, "verifications", original(me).with("never_expires", nil).with("expires_on", day))
	})
	for _, name := range []string{"from", "until"} {
		bad("a campaign "+name, name, func(day string) call { return campaignCall(campaignForm().with(name, day)) })
		bad("an audience "+name, name, func(day string) call {
			return call{who: "boss", method: "GET", path: invitations + "/audience?audience=students&" + name + "=" + day}
		})
	}
	bad("a promise", "activated_on", func(day string) call {
		return call{method: "GET", path: "/api/v1/universities/" + storagetest.University + "/promise?activated_on=" + day}
	})
	table["the first day there is"] = scenario{bring(ref.ID, evidence("valid_from", "1900-01-01")), 409, "queued", ""}
	table["the last day there is"] = scenario{bring(ref.ID, evidence("expires_on", "2199-12-31")), 409, "queued", ""}
	table["a day before it was printed"] = scenario{bring(ref.ID, evidence("valid_from", "2030-01-01")), 422,
		"document_not_yet_valid", "identity_document.valid_from"}
	h.play(t, table)
}
