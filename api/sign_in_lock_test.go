package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/api"
	"campuscard/campus"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

// behindProxy is a house whose callers say from which address they come, as a proxy does for them.
func behindProxy(t *testing.T) *apiTest {
	t.Helper()
	h := newAPITest(t)
	c := config(h.Env)
	c.TrustedProxies = []string{"127.0.0.1", "::1"}
	server, err := api.New(c, h.Store, nowhere(t), h.Log)
	require.NoError(t, err)
	h.serve(t, server)
	return h
}

// from is a call from an address.
func (c call) from(address string) call { return c.with("X-Forwarded-For", address) }

func studentEntry(number, password, code string) call {
	body := fields{"university": storagetest.University, "number": number, "password": password}
	if code != "" {
		body["code"] = code
	}
	return call{method: "POST", path: "/api/v1/sessions", body: string(toForm(body))}
}

func staffEntry(username, password string) call {
	return call{method: "POST", path: "/api/v1/staff/sessions",
		body: string(toForm(fields{"university": storagetest.University, "username": username, "password": password}))}
}

func unlockCode(number string) call {
	return call{method: "POST", path: "/api/v1/sessions/unlock-codes",
		body: string(toForm(fields{"university": storagetest.University, "number": number}))}
}

const strangers = "203.0.113.7"

// seen is all that a caller can see of an answer, but what is made anew for each.
func seen(t *testing.T, r reply) string {
	t.Helper()
	header := r.header.Clone()
	for _, name := range []string{"X-Request-Id", "Date", "Traceparent"} {
		header.Del(name)
	}
	var body map[string]any
	require.NoError(t, json.Unmarshal(r.body, &body), "%s", r.body)
	delete(body, "request_id")
	kept, err := json.Marshal([]any{r.status, header, body})
	require.NoError(t, err)
	return string(kept)
}

// F5: no answer tells whether anybody has a number, however often and in whatever way it is entered.
func TestKnownAndUnknownAnswerTheSame(t *testing.T) {
	t.Parallel()
	h := behindProxy(t)
	h.hireAll()
	fresh, set := h.Person(registered).Roster.Number, h.Person(registered)
	require.NoError(t, h.People.SeedStaff(t.Context(), []people.StaffSeed{staffOf("wang")}))
	h.Exec(`update people set password_hash = (select password_hash from staff where username = 'wang') where id = $1`,
		set.ID)
	course := func(number, username, address string) (all []string) {
		for _, language := range []campus.Language{campus.Chinese, campus.English} {
			for range 7 {
				all = append(all, seen(t, h.do(t, studentEntry(number, "wrong1234", "").in(language).from(address))))
				all = append(all, seen(t, h.do(t, unlockCode(number).in(language).from(address))))
			}
			for range 7 {
				all = append(all, seen(t, h.do(t, studentEntry(number, "wrong１234", "12345678").in(language).from(address))))
				all = append(all, seen(t, h.do(t, staffEntry(username, "wrong").in(language).from(address))))
			}
			h.Clock.Advance(24 * time.Hour)
		}
		return all
	}
	begin := h.Clock.Now()
	want := course(fresh, "wang", "203.0.113.1")
	for i, number := range []string{set.Roster.Number, "1999000001", "Ｏ'BRIEN"} {
		h.Clock.Advance(begin.Sub(h.Clock.Now()))
		got := course(number, fmt.Sprint("nobody", i), fmt.Sprint("203.0.113.", i+2))
		require.Equal(t, want, got, number)
	}
	require.Contains(t, want[10], `[429,`, "the sixth wrong entry")
	require.Contains(t, want[10], `"Retry-After":["`)
	require.Contains(t, want[10], "解锁")
	require.Contains(t, want[len(want)-1], `"reason":"sign_in_delayed"`)
}

// 80 requests of a stranger lock none of 16 members of staff out.
func TestStaffAreNotLockedOutByStrangers(t *testing.T) {
	t.Parallel()
	h := behindProxy(t)
	for i := range 16 {
		require.NoError(t, h.People.SeedStaff(t.Context(), []people.StaffSeed{staffOf(fmt.Sprint("member", i))}))
	}
	refused := map[int]int{}
	for n := range 80 {
		got := h.do(t, staffEntry(fmt.Sprint("member", n%16), "wrong").from(strangers))
		refused[got.status]++
		if got.status == http.StatusTooManyRequests {
			p := read[problem](t, got)
			require.Equal(t, "sign_in_delayed", p.Reason)
			seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
			require.NoError(t, err)
			require.Contains(t, p.Detail, fmt.Sprint(seconds, " 秒"))
		}
	}
	require.Equal(t, 80, refused[401]+refused[429], "%v", refused)
	require.NotZero(t, refused[429])
	for i := range 16 {
		got := h.do(t, staffEntry(fmt.Sprint("member", i), staffPassword).from(fmt.Sprint("198.51.100.", i)))
		require.Equal(t, 201, got.status, "%s", got.body)
	}
	// Nor the colleague who sits at the stranger's address, for long.
	got := h.do(t, staffEntry("member0", staffPassword).from(strangers))
	require.Equal(t, 429, got.status)
	seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
	require.NoError(t, err)
	require.LessOrEqual(t, seconds, 5)
	h.Clock.Advance(time.Duration(seconds) * time.Second)
	require.Equal(t, 201, h.do(t, staffEntry("member0", staffPassword).from(strangers)).status)
	metrics := string(h.do(t, call{method: "GET", path: "/metrics"}).body)
	require.Contains(t, metrics, fmt.Sprintf(`campuscard_sign_ins_total{outcome="wrong",who="staff"} %d`, refused[401]))
	require.Contains(t, metrics, fmt.Sprintf(`campuscard_sign_ins_total{outcome="delayed",who="staff"} %d`,
		refused[429]+1))
	require.Contains(t, metrics, `campuscard_sign_ins_total{outcome="opened",who="staff"} 17`)
}

// All addresses that somebody has as one (IPv6) are one.
func TestAddressesOfOneOwnerAreOne(t *testing.T) {
	t.Parallel()
	h := behindProxy(t)
	require.NoError(t, h.People.SeedStaff(t.Context(), []people.StaffSeed{staffOf("wang")}))
	for n := range 5 {
		require.Equal(t, 401, h.do(t, staffEntry("wang", "wrong").from(fmt.Sprint("2001:db8:1:2::", n+1))).status)
	}
	require.Equal(t, 429, h.do(t, staffEntry("wang", staffPassword).from("2001:db8:1:2:ffff::9")).status)
	require.Equal(t, 201, h.do(t, staffEntry("wang", staffPassword).from("2001:db8:1:3::1")).status, "the neighbour's")
}

// F5: the holder is let in by the code that went to their phone, and no other way round.
func TestUnlockingByPhoneCode(t *testing.T) {
	t.Parallel()
	h := behindProxy(t)
	number, initial := h.holder.Roster.Number, h.holder.Initial
	lock := func() {
		for range 5 {
			require.Equal(t, 401, h.do(t, studentEntry(number, "wrong1234", "").from(strangers)).status)
		}
	}
	lock()
	sent := h.do(t, unlockCode(number).from("198.51.100.1"))
	require.Equal(t, 201, sent.status, "%s", sent.body)
	require.NotContains(t, string(sent.body), h.holder.Roster.Phone[7:], "whose phone it is, is not told")
	codes := h.UnlockCodes(t.Context())
	require.Len(t, codes, 1)
	entry := func(who, password, code string) call { return studentEntry(who, password, code).from("198.51.100.1") }
	other := h.Person(registered)
	h.play(t, map[string]scenario{
		"without the code":       {entry(number, initial, ""), 429, "sign_in_locked", ""},
		"with seven digits":      {entry(number, initial, codes[0][1:]), 422, "unlock_code_form", "code"},
		"with letters":           {entry(number, initial, "abcdefgh"), 422, "unlock_code_form", "code"},
		"with nine digits":       {entry(number, initial, codes[0]+"1"), 422, "unlock_code_form", "code"},
		"with blanks for a code": {entry(number, initial, " \u3000"), 429, "sign_in_locked", ""},
		"with another code":      {entry(number, initial, flip(codes[0])), 422, "unlock_code_wrong", "code"},
		"with somebody else's":   {entry(other.Roster.Number, other.Initial, codes[0]), 422, "unlock_code_wrong", "code"},
		"for nobody":             {entry("1999000001", initial, codes[0]), 422, "unlock_code_wrong", "code"},
		"with the code of no number": {call{method: "POST", path: "/api/v1/sessions/unlock-codes",
			body: `{"university":"lcu"}`}, 422, "fields", "number"},
	})
	require.Equal(t, 401, h.do(t, entry(number, "wrong1234", codes[0])).status)
	require.Equal(t, 201, h.do(t, entry(number, initial, wide(codes[0][:4])+"　"+codes[0][4:]+" ")).status, "as typed")
	lock()
	require.Equal(t, 429, h.do(t, entry(number, initial, "")).status)
	require.Equal(t, 422, h.do(t, entry(number, initial, codes[0])).status, "a code of another lock")
}

// flip is another code.
func flip(code string) string { return string('0'+(code[0]-'0'+1)%10) + code[1:] }

// F5: the counter unlocks, for who was verified.
func TestUnlockingAtTheCounter(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	h.printing(t)
	me := h.holder
	for range 6 {
		h.do(t, studentEntry(me.Roster.Number, "wrong1234", ""))
	}
	unlock := atDesk(me.ID, "unlock", nil)
	h.play(t, map[string]scenario{
		"for somebody not seen": {unlock, 403, "verification_missing", ""},
		"by a reviewer": {personCall("reviewer", me.ID, "acts", toForm(fields{"act": "unlock"})), 403,
			"permission_missing", ""},
		"by another university": {personCall("foreigner", me.ID, "acts", toForm(fields{"act": "unlock"})), 404,
			"person_unknown", ""},
		"by the student": {personCall("student", me.ID, "acts", toForm(fields{"act": "unlock"})), 403,
			"staff_only", ""},
		"with a phone beside it": {atDesk(me.ID, "unlock", fields{"phone": "13912345678"}), 422, "field_misplaced",
			"phone"},
		"the student, still":        {studentEntry(me.Roster.Number, me.Initial, ""), 429, "sign_in_locked", ""},
		"for somebody nobody knows": {atDesk(h.reviewer.ID, "unlock", nil), 404, "person_unknown", ""},
	})
	h.verify(t, me)
	got := h.do(t, unlock)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, 200, h.do(t, call{who: "centre", method: "GET",
		path: read[struct{ Receipt string }](t, got).Receipt}).status)
	require.Equal(t, 201, h.do(t, studentEntry(me.Roster.Number, me.Initial, "")).status)
	require.Equal(t, 1, h.audited("counter.unlock", "person/"+me.ID.String()))
	require.Contains(t, string(h.do(t, call{who: "student", method: "GET", path: "/api/v1/notices"}).body), "解锁",
		"the person is told")
	h.play(t, map[string]scenario{"what is not locked": {unlock, 409, "sign_in_open", ""}})
}

// An administrator lets a colleague in who waits.
func TestReleasingAColleague(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.hireAll()
	require.NoError(t, h.People.SeedStaff(t.Context(), []people.StaffSeed{staffOf("wang")}))
	for range 6 {
		h.do(t, staffEntry("wang", "wrong"))
	}
	release := func(who, username string) call {
		return call{who: who, method: "POST", path: "/api/v1/staff/sign-in-releases",
			body: string(toForm(fields{"username": username}))}
	}
	h.play(t, map[string]scenario{
		"by nobody":                {release("", "wang"), 401, "token_missing", ""},
		"by a colleague":           {release("reviewer", "wang"), 403, "permission_missing", ""},
		"by an operator":           {release("operator", "wang"), 403, "permission_missing", ""},
		"by a student":             {release("student", "wang"), 403, "staff_only", ""},
		"of another university":    {release("foreigner", "wang"), 404, "username_unknown", ""},
		"of nobody":                {release("administrator", "nobody"), 404, "username_unknown", ""},
		"without a name":           {release("administrator", ""), 422, "fields", "username"},
		"the colleague, who waits": {staffEntry("wang", staffPassword), 429, "sign_in_delayed", ""},
	})
	require.Equal(t, 204, h.do(t, release("administrator", "wang")).status)
	require.Equal(t, 201, h.do(t, staffEntry("wang", staffPassword)).status)
	require.Equal(t, 1, storagetest.One[int](h.Env,
		`select count(*) from audit a join staff s on a.subject = 'staff/' || s.id
		where a.action = 'sign_in.release' and s.username = 'wang' and a.actor like 'staff/%'`))
}
