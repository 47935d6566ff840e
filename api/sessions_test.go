package api_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/storage/people"
)

type opened struct {
	Token, Level string
}

func TestSignInCourse(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	p := h.Person()

	got := h.do(t, call{method: "POST", path: "/api/v1/sessions", body: credentials(p, p.Initial),
		header: map[string]string{"Idempotency-Key": ""}})
	require.Equal(t, 201, got.status, "%s", got.body)
	require.Equal(t, "no-store", got.header.Get("Cache-Control"))
	first := read[opened](t, got)
	require.Equal(t, "initial", first.Level)
	h.tokens.Store("new", first.Token)

	got = h.do(t, call{who: "new", method: "GET", path: "/api/v1/me"})
	require.Equal(t, "first_password_missing", read[problem](t, got).Reason)
	send := call{who: "new", method: "POST", path: "/api/v1/sessions/current/phone-codes",
		header: map[string]string{"Idempotency-Key": "the-same-key"}}
	sent := h.do(t, send)
	require.Equal(t, 201, sent.status, "%s", sent.body)
	require.Equal(t, string(sent.body), string(h.do(t, send).body), "the same key sends one code")

	set := call{who: "new", method: "POST", path: "/api/v1/sessions/current/first-password",
		body: `{"code":"` + h.PhoneCode(t.Context()) + `","password":"correct horse 7"}`}
	got = h.do(t, set)
	require.Equal(t, 201, got.status, "%s", got.body)
	full := read[opened](t, got)
	require.Equal(t, "full", full.Level)
	require.Equal(t, "session_over", read[problem](t, h.do(t, set)).Reason, "the session that asked has ended")

	h.tokens.Store("new", full.Token)
	require.JSONEq(t, `{"items":[]}`, string(h.do(t, call{who: "new", method: "GET", path: "/api/v1/notices"}).body),
		"a code is for the phone alone")
	require.Equal(t, 200, h.do(t, call{who: "new", method: "GET", path: "/api/v1/me"}).status)
	got = h.do(t, call{who: "new", method: "POST", path: "/api/v1/sessions/current/phone-codes"})
	require.Equal(t, "password_set", read[problem](t, got).Reason)
	require.Equal(t, 204, h.do(t, call{who: "new", method: "DELETE", path: "/api/v1/sessions/current"}).status)
	require.Equal(t, 401, h.do(t, call{who: "new", method: "GET", path: "/api/v1/sessions/current"}).status)
}

func TestSignInStaff(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	require.NoError(t, h.People.SeedStaff(t.Context(), []people.StaffSeed{staffOf("wang")}))
	body := func(password string) string {
		return `{"university":"lcu","username":"wang","password":"` + password + `"}`
	}
	got := h.do(t, call{method: "POST", path: "/api/v1/staff/sessions", body: body("a good pass 1")})
	require.Equal(t, 201, got.status, "%s", got.body)
	h.tokens.Store("wang", read[opened](t, got).Token)
	got = h.do(t, call{who: "wang", method: "GET", path: "/api/v1/staff/me"})
	require.Equal(t, 200, got.status)
	require.Contains(t, string(got.body), `"cases.review"`)
}

// wide has the digits of a text in full width, as input methods send them.
func wide(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r - '0' + '０'
		}
		return r
	}, text)
}

// Input methods send full width and capitals, and a number that is pasted has blanks.
func TestSignInAsTyped(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	employee := h.Person(func(p *people.RosterPerson) { p.Number, p.DocumentNumber = "T2012001", h.holder.Roster.DocumentNumber })
	require.Equal(t, h.holder.Initial, employee.Initial)
	number, plain := wide(h.holder.Roster.Number), h.holder.Roster.Number
	for name, line := range map[string]struct {
		university, number string
		status             int
	}{
		"small letters":      {"lcu", "t2012001", 201},
		"full width":         {"lcu", number, 201},
		"blanks":             {" lcu ", "\u3000" + h.holder.Roster.Number + " ", 201},
		"in groups":          {"lcu", plain[:4] + " " + plain[4:] + "\u00a0", 201},
		"capitals":           {"LCU", h.holder.Roster.Number, 201},
		"another university": {"LCVTC", h.holder.Roster.Number, 401},
		"another number":     {"lcu", number + "０", 401},
	} {
		body := string(toForm(fields{"university": line.university, "number": line.number, "password": h.holder.Initial}))
		got := h.do(t, call{method: "POST", path: "/api/v1/sessions", body: body})
		require.Equal(t, line.status, got.status, "%s: %s", name, got.body)
	}
}

func TestSignInRefusals(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	const sessions, password = "/api/v1/sessions", "/api/v1/sessions/current/first-password"
	h.play(t, map[string]scenario{
		"a wrong password": {call{method: "POST", path: sessions, body: credentials(h.holder, "wrong")}, 401,
			"wrong_password", ""},
		"an unknown number": {call{method: "POST", path: sessions,
			body: `{"university":"lcu","number":"0","password":"x"}`}, 401, "wrong_password", ""},
		"an unknown university": {call{method: "POST", path: sessions,
			body: `{"university":"x","number":"0","password":"x"}`}, 401, "wrong_password", ""},
		"no number": {call{method: "POST", path: sessions, body: `{"university":"lcu","password":"x"}`}, 422,
			"fields", "number"},
		"an empty number": {call{method: "POST", path: sessions,
			body: `{"university":"lcu","number":"","password":"x"}`}, 422, "fields", "number"},
		"a number that is one": {call{method: "POST", path: sessions,
			body: `{"university":"lcu","number":1,"password":"x"}`}, 422, "fields", "number"},
		"an unknown field": {call{method: "POST", path: sessions,
			body: `{"university":"lcu","number":"1","password":"x","admin":true}`}, 422, "fields", "admin"},
		"a list":      {call{method: "POST", path: sessions, body: `[]`}, 422, "fields", ""},
		"broken JSON": {call{method: "POST", path: sessions, body: `{"university":`}, 400, "json_malformed", ""},
		"two values":  {call{method: "POST", path: sessions, body: `{} {}`}, 400, "json_malformed", ""},
		"no body":     {call{method: "POST", path: sessions}, 400, "body_missing", ""},
		"a NUL character": {call{method: "POST", path: sessions,
			body: `{"university":"lcu","number":"\u0000","password":"x"}`}, 400, "text_invalid", ""},
		"a form": {call{method: "POST", path: sessions, body: "number=1",
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, 415, "media_type", ""},
		"a password that is too short": {call{who: "freshman", method: "POST", path: password,
			body: `{"code":"123456","password":"short1"}`}, 422, "password_length", "password"},
		"a password without a digit": {call{who: "freshman", method: "POST", path: password,
			body: `{"code":"123456","password":"abcdefghij"}`}, 422, "password_plain", "password"},
		"a code that was never sent": {call{who: "freshman", method: "POST", path: password,
			body: `{"code":"123456","password":"abcdefgh1"}`}, 422, "code_expired", "code"},
		"a code of five digits": {call{who: "freshman", method: "POST", path: password,
			body: `{"code":"12345","password":"abcdefgh1"}`}, 422, "phone_code_form", "code"},
		"a code in letters": {call{who: "freshman", method: "POST", path: password,
			body: `{"code":"abcdef","password":"abcdefgh1"}`}, 422, "phone_code_form", "code"},
	})
}
