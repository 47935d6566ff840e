package api_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"campuscard/api"
	"campuscard/campus"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

// apiTest is a server on a store of its own, and everybody who may call it. Temporal is not there.
type apiTest struct {
	*storagetest.Env
	url      string
	promised *api.Promise
	patient  bool // what is not known yet is looked for again, as the answer asks for
	holder   storagetest.Person
	people   map[string]storagetest.Person // by who, those who are students
	tokens   *sync.Map                     // by who: student, freshman, reviewer, centre, other; texts
	reviewer campus.StaffMember
}

// callbackSecret is what the card bureau signs with.
const callbackSecret = "whsec_dGhlIHNlY3JldCBvZiBldmVyeSB0ZXN0IGJ1cmVhdQ=="

// What the HR systems of two universities sign with.
const (
	hrSecret      = "whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdHMnIEhSIHN5c3RlbQ=="
	otherHRSecret = "whsec_dGhlIHNlY3JldCBvZiBhbm90aGVyIEhSIHN5c3RlbQ=="
)

// chipKey is what the bureau has made the chips of plastics with.
const chipKey = "a2V5IG9mIHRlc3QgY2hpcA=="

func config(h *storagetest.Env) api.Config {
	return api.Config{Version: "test", Policies: h.Policies, SignInsPerSec: 1000, CallbackSecret: callbackSecret,
		HRSecrets:      map[string]string{storagetest.University: hrSecret, "lcvtc": otherHRSecret},
		ChannelSecrets: map[string]string{"wallet/" + storagetest.University: walletSecret, "wallet/lcvtc": otherWalletSecret},
		ChipKeys:       map[string]string{"1": chipKey},
		TemporalUI:     "http://temporal.example/", Namespace: "test"}
}

// nowhere is a client of a Temporal that does not answer.
func nowhere(t *testing.T) client.Client {
	t.Helper()
	quiet := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	temporal, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1", Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	return temporal
}

func newAPITest(t *testing.T) *apiTest {
	t.Helper()
	h := &apiTest{Env: storagetest.New(t)}
	server, err := api.New(config(h.Env), h.Store, nowhere(t), h.Log)
	require.NoError(t, err)
	h.serve(t, server)
	h.holder = h.Person(registered)
	h.University("lcvtc")
	other := h.PersonOf("lcvtc", registered)
	h.people = map[string]storagetest.Person{"student": h.holder, "other": other}
	h.tokens = &sync.Map{}
	for who, token := range map[string]string{
		"student":  h.SignedIn(h.holder.ID),
		"freshman": h.InitialSession(h.holder.ID),
		"other":    h.SignedIn(other.ID),
	} {
		h.tokens.Store(who, token)
	}
	h.reviewer = h.hire("reviewer", storagetest.University, campus.Grant{Role: campus.Reviewer})
	h.hire("centre", storagetest.University,
		campus.Grant{Role: campus.CardCentre, Campuses: []string{storagetest.EastCampus}})
	return h
}

// registered makes somebody one whom the roster has as studying here.
func registered(p *people.RosterPerson) { p.Status = "registered" }

// hire makes a member of staff who calls under a name.
func (h *apiTest) hire(who, university string, grants ...campus.Grant) campus.StaffMember {
	member, token := h.Staff(university, grants...)
	h.tokens.Store(who, token)
	return member
}

// enrol makes a student of the default university who calls under a name.
func (h *apiTest) enrol(who string) {
	p := h.Person(registered)
	h.people[who] = p
	h.tokens.Store(who, h.SignedIn(p.ID))
}

// serve makes do talk to a server.
func (h *apiTest) serve(t *testing.T, server *api.Server) {
	t.Helper()
	listening := httptest.NewServer(server.Handler())
	t.Cleanup(listening.Close)
	h.url, h.promised = listening.URL, server.Promised()
}

// call is one request as a person or a program would send it. What is left out gets what a well-behaved caller sends.
type call struct {
	who    string // a key of tokens, or nobody
	method string
	path   string
	body   string
	header map[string]string                  // an empty value takes the header away
	sign   func(r *http.Request, body string) // a machine's signature, made anew each time
}

// in is the call in a language.
func (c call) in(language campus.Language) call { return c.with("Accept-Language", string(language)) }

// with is the call with a header, unless it has that header.
func (c call) with(name, value string) call {
	if _, found := c.header[name]; found {
		return c
	}
	header := map[string]string{name: value}
	maps.Copy(header, c.header)
	c.header = header
	return c
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

// problem is an answer of the kind RFC 9457 describes.
type problem struct {
	Type, Title, Detail, Code, Reason string
	Status                            int
	RequestID                         string `json:"request_id"`
	Errors                            []struct{ Location, Field, Reason, Message string }
}

func (h *apiTest) do(t *testing.T, c call) reply {
	t.Helper()
	if c.method == http.MethodPost {
		c = c.with("Idempotency-Key", uuid.NewString())
	}
	got := h.send(t, c)
	if h.patient && strings.HasPrefix(got.header.Get("Location"), "/api/v1/decisions/") {
		return h.outcome(t, c.who, got)
	}
	return got
}

// outcome is what becomes of a decision that was answered with 202, as whoever made it finds it.
func (h *apiTest) outcome(t *testing.T, who string, running reply) (got reply) {
	t.Helper()
	require.Equal(t, http.StatusAccepted, running.status, "%s", running.body)
	look := call{who: who, method: http.MethodGet, path: running.header.Get("Location")}
	require.NotEmpty(t, look.path)
	require.Eventually(t, func() bool {
		got = h.send(t, look)
		return got.status != http.StatusAccepted
	}, patience, 50*time.Millisecond, "%s", running.body)
	return got
}

func (h *apiTest) send(t *testing.T, c call) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), c.method, h.url+c.path, strings.NewReader(c.body))
	require.NoError(t, err)
	if token, known := h.tokens.Load(c.who); known {
		request.Header.Set("Authorization", "Bearer "+token.(string))
	}
	if c.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		request.Header.Del(name)
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	if c.sign != nil {
		c.sign(request, c.body)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NotEqual(t, http.StatusInternalServerError, response.StatusCode, "%s %s: %s", c.method, c.path, body)
	kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	require.Empty(t, h.promised.Broken(c.method, request.URL.Path, response.StatusCode, kind, body), "%s %s: %d %s",
		c.method, c.path, response.StatusCode, body)
	require.Empty(t, h.promised.Unsent(c.method, request.URL, []byte(c.body), body), "%s %s: %d %s",
		c.method, c.path, response.StatusCode, body)
	return reply{response.StatusCode, response.Header, body}
}

// read is the JSON of an answer.
func read[T any](t *testing.T, r reply) T {
	t.Helper()
	var value T
	require.NoError(t, json.Unmarshal(r.body, &value), "%s", r.body)
	return value
}

// scenario is a line of a table: what is sent, and what comes back. Field names where the problem says it is.
type scenario struct {
	call
	status int
	reason string
	field  string
}

// play sends every line on one server, in Chinese and in English, and checks what comes back; nothing may change.
func (h *apiTest) play(t *testing.T, table map[string]scenario) {
	t.Helper()
	before := h.facts()
	for name, line := range table {
		t.Run(name, func(t *testing.T) { h.playLine(t, line) })
	}
	require.Equal(t, before, h.facts(), "something was changed")
}

func (h *apiTest) playLine(t *testing.T, line scenario) {
	t.Helper()
	chinese := h.do(t, line.in(campus.Chinese))
	require.Equal(t, line.status, chinese.status, "%s", chinese.body)
	if line.reason == "" && line.status < 400 {
		return
	}
	zh, en := line.check(t, chinese), line.check(t, h.do(t, line.in(campus.English)))
	require.True(t, isHan(zh.Title) && isHan(zh.Detail), "%s", chinese.body)
	require.False(t, isHan(en.Title) || isHan(en.Detail), "%v", en)
}

// check wants an answer to be the problem of the line.
func (s scenario) check(t *testing.T, got reply) problem {
	t.Helper()
	require.Equal(t, s.status, got.status, "%s", got.body)
	require.Equal(t, "application/problem+json", got.header.Get("Content-Type"))
	p := read[problem](t, got)
	require.Equal(t, s.status, p.Status)
	require.Contains(t, classes(s.status), campus.Code(p.Code), "%s", got.body)
	if s.reason != "" {
		require.Equal(t, s.reason, p.Reason, "%s", got.body)
	}
	require.Equal(t, "urn:campuscard:problem:"+cmp.Or(p.Reason, p.Code), p.Type)
	require.NotEmpty(t, p.Title)
	require.NotEmpty(t, p.Detail)
	require.NotEmpty(t, p.RequestID)
	if s.status == http.StatusForbidden {
		require.NotEqual(t, p.Title, p.Detail, "a bare refusal helps nobody")
	}
	require.NotContains(t, string(got.body), `"problem.`, "a text is missing")
	if s.field != "" {
		require.NotEmpty(t, p.Errors, "%s", got.body)
		require.Equal(t, s.field, p.Errors[0].Field, "%s", got.body)
		require.NotEmpty(t, p.Errors[0].Message)
	}
	return p
}

// classes are the codes that a status stands for.
func classes(status int) []campus.Code {
	return map[int][]campus.Code{
		400: {campus.Invalid}, 401: {campus.Unauthenticated}, 403: {campus.Forbidden}, 404: {campus.NotFound},
		405: {campus.Invalid}, 409: {campus.Conflict}, 413: {campus.TooLarge}, 415: {campus.Unsupported},
		422: {campus.Invalid, campus.Refused}, 429: {campus.TooMany}, 503: {campus.Unavailable},
	}[status]
}

func isHan(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// facts are all rows of the database, as a hash for each table. What counts wrong tries is left out, and so are nonces,
// requests that have no answer, and how far the carrier is with a notice.
func (h *apiTest) facts() map[string]string {
	return storagetest.One[map[string]string](h.Env, `select jsonb_object_agg(name, coalesce(hash, '')) from (
		select table_name as name, (xpath('/row/h/text()', query_to_xml(format(
			'select md5(string_agg((to_jsonb(t) - %L::text[])::text, chr(10) order by to_jsonb(t)::text)) as h from %I t where %s',
			case table_name when 'notices' then '{tries,next_try,sms_at,mail_at,done_at,failure}' else '{pickup_tries}' end, table_name,
			case table_name when 'requests' then 'response is not null' else 'true' end), false, true, '')))[1]::text as hash
		from information_schema.tables
		where table_schema = 'public' and table_type = 'BASE TABLE' and table_name not in ('nonces', 'sign_in_entries', 'entry_delays', 'goose_db_version')) tables`)
}

// upload is a form with a file in it.
func upload(purpose, name, contentType string, content []byte) (body, header string) {
	var out bytes.Buffer
	form := multipart.NewWriter(&out)
	_ = form.WriteField("purpose", purpose) // a buffer takes everything
	head := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file"; filename=` + strconv.Quote(name)}}
	if contentType != "" {
		head.Set("Content-Type", contentType)
	}
	part, _ := form.CreatePart(head)
	_, _ = part.Write(content)
	_ = form.Close()
	return out.String(), form.FormDataContentType()
}

func uploadCall(purpose, name, contentType string, content []byte) call {
	body, header := upload(purpose, name, contentType, content)
	return call{who: "student", method: "POST", path: "/api/v1/uploads", body: body,
		header: map[string]string{"Content-Type": header}}
}

func credentials(p storagetest.Person, password string) string {
	body, _ := json.Marshal(map[string]string{"university": p.University, "number": p.Roster.Number, "password": password})
	return string(body)
}

// staffPassword is that of staff who sign in.
const staffPassword = "a good pass 1"

// staffOf is a staff seed with a password, for sign-ins.
func staffOf(username string) people.StaffSeed {
	return people.StaffSeed{University: storagetest.University, Username: username, Name: "王老师",
		Password: staffPassword,
		Grants:   []campus.Grant{{Role: campus.Reviewer}}}
}
