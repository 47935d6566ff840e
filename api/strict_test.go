package api_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/storage/storagetest"
)

// What one reader of a body sees, every reader sees: a field is written in its own case and once, at any depth.
func TestFieldsAreWrittenInTheirCaseAndOnce(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	good := string(h.application(t, h.holder))
	application := func(from, to string) call {
		require.Contains(t, good, from)
		return applyCall("student", form(strings.Replace(good, from, to, 1)))
	}
	language := func(body string) call {
		return call{who: "student", method: "PUT", path: "/api/v1/me/language", body: body}
	}
	h.enrol("applicant")
	_, item := h.inReview(t, "applicant")
	kiosk := `{"code":"12345678","code":"12345679","document_number":"H12345678"}`
	h.play(t, map[string]scenario{
		"another case": {language(`{"Language":"en"}`), 422, "fields", "language"},
		"a second one in another case": {language(`{"language":"en","Language":"` + strings.Repeat("e", 90) + `"}`), 422,
			"fields", "Language"},
		"a second one before it": {language(`{"LANGUAGE":"en","language":"en"}`), 422, "fields", "LANGUAGE"},
		"twice": {language(`{"language":"en","language":"` + strings.Repeat("e", 90) + `"}`), 400,
			"json_duplicate", ""},
		"twice, once escaped": {language(`{"language":"en","l\u0061nguage":"zh-CN"}`), 400, "json_duplicate", ""},
		"twice after what is no Unicode": {language("{\"a\":\"\xff\",\"language\":\"en\",\"language\":\"en\"}"), 400,
			"text_invalid", ""},
		"half a character": {language(`{"language":"\ud800"}`), 400, "json_malformed", ""},
		"two values":       {language(`{"language":"en"}{"language":"zh-CN"}`), 400, "json_malformed", ""},
		"frames twice, one of them short": {application(`"frames":`, `"frames":["`+h.holder.ID.String()+`"],"frames":`), 400,
			"json_duplicate", ""},
		"frames in another case": {application(`"frames":`, `"Frames":["`+h.holder.ID.String()+`"],"frames":`), 422,
			"fields", "liveness.Frames"},
		"a document twice": {application(`"identity_document":`,
			`"identity_document":{},"identity_document":`), 400, "json_duplicate", ""},
		"a reason in another case": {decision("reviewer", item,
			`{"action":"approve","Reason":"Zhang San 370102200001011234"}`), 422, "fields", "Reason"},
		"a reason twice": {decision("reviewer", item,
			`{"action":"reject","reason":"document_wrong","reason":"zhang_san"}`), 400, "json_duplicate", ""},
		"a call of a kiosk": {h.kioskCall("POST", "/api/v1/kiosk/pickups", form(kiosk)), 400, "json_duplicate",
			""},
	})
	require.Equal(t, 204, h.do(t, language(`{"language":"en"}`)).status)
	require.Equal(t, 201, h.do(t, application("{", "{ ").with("Idempotency-Key", storagetest.EastKiosk)).status)
}
