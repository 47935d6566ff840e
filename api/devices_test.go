package api_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/width"
)

type shownDevice struct {
	ID            uuid.UUID
	Device, Level string
	Current       bool
}

// L6: the devices of a holder, bound by signing in and unbound by signing out.
func TestHolderDevices(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	list := func(who string) []shownDevice {
		return ask[struct{ Items []shownDevice }](t, h, who, "/api/v1/sessions").Items
	}
	h.tokens.Store("tablet", h.SignedIn(h.holder.ID))
	mine := list("student")
	require.Len(t, mine, 3, "phone, tablet, and a first sign-in that is not finished")
	require.True(t, mine[2].Current || mine[1].Current)
	end := func(who, which string) call {
		return call{who: who, method: "DELETE", path: "/api/v1/sessions/" + which}
	}
	h.play(t, map[string]scenario{
		"somebody else's":           {end("other", mine[0].ID.String()), 404, "session_unknown", ""},
		"one of nobody":             {end("student", uuid.NewString()), 404, "session_unknown", ""},
		"that is no id":             {end("student", "x"), 422, "fields", "id"},
		"by staff":                  {end("reviewer", mine[0].ID.String()), 403, "students_only", ""},
		"others by staff":           {end("reviewer", "others"), 403, "students_only", ""},
		"before the first password": {end("freshman", "others"), 403, "first_password_missing", ""},
		"a list of staff": {call{who: "reviewer", method: "GET", path: "/api/v1/sessions"}, 403, "students_only",
			""},
		"a list with a cursor": {call{who: "student", method: "GET", path: "/api/v1/sessions?cursor=abc"}, 422,
			"cursor_invalid", ""},
		"a name that is a book": {call{method: "POST", path: "/api/v1/sessions",
			body: string(form(credentials(h.holder, "x")).with("device", string(make([]byte, 61))))}, 400, "text_invalid", ""},
		"a name of two lines": {call{method: "POST", path: "/api/v1/sessions",
			body: string(form(credentials(h.holder, "x")).with("device", "a\nb"))}, 422, "words_unreadable", "device"},
	})
	var tablet uuid.UUID
	for _, d := range list("tablet") {
		if d.Current {
			tablet = d.ID
		}
	}
	require.Equal(t, 204, h.do(t, end("student", tablet.String())).status)
	require.Equal(t, 401, h.do(t, call{who: "tablet", method: "GET", path: "/api/v1/me"}).status)
	require.Equal(t, 204, h.do(t, end("student", "others")).status)
	require.Len(t, list("student"), 1)
}

// L6: another number, by the holder.
func TestHolderPhone(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	const codes, phone = "/api/v1/me/phone-codes", "/api/v1/me/phone"
	good := toForm(fields{"phone": "13912345678", "password": h.holder.Initial})
	send := func(who string, body form) call {
		return call{who: who, method: "POST", path: codes, body: string(body)}
	}
	confirm := func(who, code string) call {
		return call{who: who, method: "POST", path: phone, body: string(toForm(fields{"code": code}))}
	}
	h.play(t, map[string]scenario{
		"a wrong password":         {send("student", good.with("password", "wrong")), 422, "wrong_entry", "password"},
		"no password":              {send("student", good.with("password", nil)), 422, "fields", "password"},
		"no number":                {send("student", good.with("phone", nil)), 422, "fields", "phone"},
		"a number abroad":          {send("student", good.with("phone", "+85291234567")), 422, "phone_form", "phone"},
		"a landline":               {send("student", good.with("phone", "06358230000")), 422, "phone_form", "phone"},
		"the one on file":          {send("student", good.with("phone", h.holder.Roster.Phone)), 422, "phone_same", "phone"},
		"without a key":            {send("student", good).with("Idempotency-Key", ""), 400, "idempotency_key_missing", ""},
		"before the first sign-in": {send("freshman", good), 403, "first_password_missing", ""},
		"by staff":                 {send("reviewer", good), 403, "students_only", ""},
		"a code nobody sent":       {confirm("student", "123456"), 422, "code_expired", "code"},
		"the one on file, with blanks of full width": {send("student", good.with("phone",
			width.Widen.String(h.holder.Roster.Phone[:6]+" "+h.holder.Roster.Phone[6:]))), 422, "phone_same", "phone"},
		"a code of five digits":  {confirm("student", "12345"), 422, "phone_code_form", "code"},
		"a code of eight digits": {confirm("student", "12345678"), 422, "phone_code_form", "code"},
		"a code by staff":        {confirm("reviewer", "123456"), 403, "students_only", ""},
	})
	sent := h.do(t, send("student", good))
	require.Equal(t, 201, sent.status, "%s", sent.body)
	require.Equal(t, "5678", read[struct{ Phone string }](t, sent).Phone)
	code := h.NewPhoneCode(t.Context())
	h.tokens.Store("tablet", h.SignedIn(h.holder.ID))
	require.Equal(t, 422, h.do(t, confirm("tablet", code)).status, "the code counts on the device that asked for it")
	got := h.do(t, confirm("student", " "+wide(code[:3])+" "+code[3:]))
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, "5678", ask[struct{ Phone string }](t, h, "student", "/api/v1/me").Phone)
	require.Equal(t, 401, h.do(t, call{who: "tablet", method: "GET", path: "/api/v1/me"}).status,
		"other devices are signed out")
	require.Equal(t, 1, h.audited("person.phone", "person/"+h.holder.ID.String()))
}
