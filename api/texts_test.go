package api_test

import (
	"cmp"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/api"
	"campuscard/campus"
)

// What somebody reads is about what they did: no rules of another document, of another action, of another person.
func TestTextsAreAboutWhatWasDone(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	h.printing(t)
	h.verify(t, h.holder)
	h.enrol("applicant")
	_, item := h.inReview(t, "applicant")
	good := h.application(t, h.holder)
	document := func(kind, number string) call {
		return applyCall("student", good.with("identity_document.type", kind).with("identity_document.number", number))
	}
	notice := func(text string) call {
		return personCall("centre", h.holder.ID, "notices", toForm(fields{"subject": "A subject", "text": text}))
	}
	for name, line := range map[string]struct {
		call    call
		whose   campus.Category // of who calls; empty: mainland
		reason  string          // of the problem, or of its field
		says    []string
		notSays []string
	}{
		"a travel permit is not told of 17 digits": {document("travel_permit", "H12"), campus.HongKongMacau, "permit_form",
			[]string{"H or M", "compare"}, []string{"17"}},
		"nor is that of Taiwan, which is never taken": {document("travel_permit", "12345678"), campus.Taiwan,
			"document_category",
			[]string{"from Taiwan the residence permit"}, []string{"H or M", "17"}},
		"nor is a passport": {document("passport", "E1-2"), campus.Foreign, "passport_form", []string{"passport"},
			[]string{"17 digits"}},
		"an identity card is": {document("resident_card", "123"), "", "document_form", []string{"17 digits", "compare"}, nil},
		"a question is not told of rejections only": {decision("reviewer", item, `{"action":"ask_more","reason":"because"}`),
			"", "reason_unknown",
			[]string{"choose one of the reasons that the task lists"}, []string{"reject"}},
		"an action of another kind": {decision("reviewer", item, `{"action":"pass"}`), "", "action_unknown",
			[]string{"check in person passes or fails"}, nil},
		"a line break": {notice("one\ntwo"), "", "words_unreadable", []string{"line break"},
			[]string{"not valid"}},
		"a day and never": {applyCall("student", good.with("identity_document.expires_on", "2030-01-01")), "",
			"document_expiry_twice",
			[]string{"Please keep the one"}, []string{"give the last"}},
		"neither a day nor never": {applyCall("student", good.with("identity_document.never_expires", false)), "",
			"document_expiry_missing",
			[]string{"give the last day"}, nil},
		"an application for somebody who has one": {atDesk(h.people["applicant"].ID, "application",
			fields{"application": json.RawMessage(h.desk(t,
				h.people["applicant"]))}), "", "application_open", []string{"There is an application"}, []string{"You have", "you have"}},
	} {
		t.Run(name, func(t *testing.T) {
			if line.reason == "application_open" {
				h.verify(t, h.people["applicant"])
			}
			h.Exec(`update people set category = $1 where id = $2`, cmp.Or(line.whose, campus.Mainland), h.holder.ID)
			p := read[problem](t, h.do(t, line.call.in(campus.English)))
			reason, text := p.Reason, p.Detail
			if reason == "fields" {
				reason, text = p.Errors[0].Reason, p.Errors[0].Message
			}
			require.Equal(t, line.reason, reason, "%v", p)
			for _, words := range line.says {
				require.Contains(t, text, words)
			}
			for _, words := range line.notSays {
				require.NotContains(t, text, words)
			}
		})
	}
}

// What stands in the way of somebody's card is told to them about themselves, and to staff about them.
func TestStaffReadAboutWhomTheyServe(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"other_card_active", "studies_over", "registry_away", "not_enrolled_yet",
		"pickup_card_over",
		"plastic_on_its_way", "plastic_picked_up", "plastic_returned", "plastic_over"} {
		for in, own := range map[campus.Language]string{campus.Chinese: "您|您的", campus.English: `\b[Yy]our?\b`} {
			holder, staff := api.ConflictText(in, false, reason), api.ConflictText(in, true, reason)
			require.Regexp(t, own, holder, reason)
			require.NotRegexp(t, own, staff, reason)
		}
	}
}
