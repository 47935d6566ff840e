package api

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

const (
	testBureau = "whsec_dGhlIHNlY3JldCBvZiBldmVyeSB0ZXN0IGJ1cmVhdQ=="
	testWallet = "whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdHMnIHdhbGxldA=="
	testHR     = "whsec_dGhlIHNlY3JldCBvZiB0aGUgdGVzdHMnIEhSIHN5c3RlbQ=="
)

// prober sends requests to every route as somebody who may call it.
type prober struct {
	*testing.T
	s       *Server
	h       *storagetest.Env
	callers map[string]caller
	paths   map[string]*strings.Replacer // by the first words of a route: what its {id} is
}

func newProber(t *testing.T) *prober {
	t.Helper()
	s, h := newServer(t)
	s.Cfg.CallbackSecret, s.Cfg.HRSecrets = testBureau, map[string]string{storagetest.University: testHR}
	s.Cfg.ChannelSecrets = map[string]string{"wallet/" + storagetest.University: testWallet}
	p := &prober{T: t, s: s, h: h, callers: callers(h)}
	person := h.Person(func(r *people.RosterPerson) { r.Status = "registered" })
	application := h.Applied(person)
	token := h.SignedIn(person.ID)
	p.callers["student"] = caller{core.Student, nil,
		func(r *http.Request, _ string) { r.Header.Set("Authorization", "Bearer "+token) }}
	ids := func(id uuid.UUID) *strings.Replacer {
		return strings.NewReplacer("{generation}", "1", "{sequence}", "1", "{number}", "1", "{day}", "2026-11-17", "{id}", id.String(),
			"{file}", uuid.NewString(), "{step}", "phone", "{code}", "laundry",
			"{name}", "approved", "{key}", "s-000001", "{channel}", "wallet",
			"{university}", storagetest.University)
	}
	p.paths = map[string]*strings.Replacer{
		"/api/v1/staff/people/": ids(person.ID), "/api/v1/staff/cases/": ids(application.ID), "/api/v1/applications/": ids(application.ID), "": ids(uuid.New()),
	}
	return p
}

// student makes one more student who calls.
func (p *prober) student() caller {
	p.Helper()
	token := p.h.SignedIn(p.h.Person(func(r *people.RosterPerson) { r.Status = "registered" }).ID)
	return caller{core.Student, nil, func(r *http.Request, _ string) { r.Header.Set("Authorization", "Bearer "+token) }}
}

// path is a route's address of something that is there, where something is.
func (p *prober) path(r *core.Route) string {
	for prefix, ids := range p.paths {
		if prefix != "" && strings.HasPrefix(r.Path, prefix) {
			return ids.Replace(r.Path)
		}
	}
	return p.paths[""].Replace(r.Path)
}

// who may call a route.
func (p *prober) who(a core.Access) string {
	return map[core.Audience]string{core.Anyone: "nobody", core.Hook: "nobody", core.Kiosk: "kiosk", core.Till: "till",
		core.FirstTimer: "freshman", core.Student: "student", core.SignedIn: "student",
		core.StaffMember: string(campus.Administrator)}[a.Audience]
}

// send asks a route. header is set last.
func (p *prober) send(r *core.Route, path, body string, header map[string]string) *httptest.ResponseRecorder {
	p.Helper()
	request := httptest.NewRequestWithContext(p.Context(), r.Method, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(core.KeyHeader, uuid.NewString())
	p.callers[p.who(r.Access)].authorize(request, body)
	if r.Access.Audience == core.Hook {
		p.sign(r, request, body, header[webhooks.HeaderWebhookID])
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	p.s.Handler().ServeHTTP(answer, request)
	return answer
}

// sign signs a call-back under an id.
func (p *prober) sign(r *core.Route, request *http.Request, body, id string) {
	p.Helper()
	secret := testBureau
	if strings.HasSuffix(r.Path, "/hr") {
		secret = testHR
	}
	if strings.Contains(r.Path, "/channels/") {
		secret = testWallet
	}
	if id == "" {
		id = uuid.NewString()
	}
	signer, err := webhooks.NewWebhook(secret)
	require.NoError(p, err)
	signature, err := signer.Sign(id, p.h.Clock.Now(), []byte(body))
	require.NoError(p, err)
	request.Header.Set(webhooks.HeaderWebhookID, id)
	request.Header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(p.h.Clock.Now().Unix(), 10))
	request.Header.Set(webhooks.HeaderWebhookSignature, signature)
}

// operation is what /openapi.json says of a route; none for those outside of it.
func (p *prober) operation(r *core.Route) *huma.Operation {
	item := p.s.Huma.OpenAPI().Paths[r.Path]
	if item == nil {
		return nil
	}
	return map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "DELETE": item.Delete}[r.Method]
}

// leaf is a single value in a body. body is the whole of it with a value put there, which is JSON.
type leaf struct {
	name   string
	schema *huma.Schema
	body   func(value string) string
}

// hole marks where a leaf's value goes.
const hole = "@@here@@"

// leaves are all single values of a route's body, each in a body that is right otherwise.
func (p *prober) leaves(r *core.Route) (all []leaf) {
	op := p.operation(r)
	if r.Access.Audience == core.Hook {
		return p.hookLeaves(r)
	}
	if op == nil || op.RequestBody == nil || op.RequestBody.Content["application/json"] == nil {
		return nil
	}
	schema := op.RequestBody.Content["application/json"].Schema
	p.sample(schema, "", func(name string, s *huma.Schema) {
		at, count := len(all), 0
		whole := p.sample(schema, "", nil, func() bool { count++; return count == at+1 })
		raw, err := json.Marshal(whole)
		require.NoError(p, err)
		all = append(all, leaf{name, s,
			func(value string) string { return strings.Replace(string(raw), `"`+hole+`"`, value, 1) }})
	})
	return all
}

// hookLeaves are those of the call-backs, of which only the other systems' interfaces tell.
func (p *prober) hookLeaves(r *core.Route) (all []leaf) {
	body := `{"type":"production.updated","timestamp":"2026-11-17T02:00:00Z","data":{"order_id":"bo-1","reference":"` + uuid.NewString() +
		`","status":"delivered","reason":"none","kiosk":"` + storagetest.EastKiosk + `","compartment":"A07","updated_at":"2026-11-17T02:00:00Z","sequence":1}}`
	if strings.HasSuffix(r.Path, "/hr") {
		body = `{"type":"staff.submitted","university":"lcu","submitted_at":"2026-11-17T02:00:00Z","employees":[{"number":"E1"}]}`
	}
	if strings.Contains(r.Path, "/channels/") {
		body = `{"type":"order.paid","timestamp":"2026-11-17T02:00:00Z","data":{"order":"` + uuid.NewString() +
			`","transaction":"wx-1","amount_cents":500,"currency":"CNY","paid_at":"2026-11-17T02:00:00Z"}}`
	}
	for _, value := range []string{`"wx-1"`, `500`, `"CNY"`, `"bo-1"`, `"none"`, `"A07"`, `"` + storagetest.EastKiosk + `"`,
		`"2026-11-17T02:00:00Z"`, `:1}`, `"lcu"`, `"E1"`, `"delivered"`} {
		if !strings.Contains(body, value) {
			continue
		}
		all = append(all, leaf{value, &huma.Schema{Type: huma.TypeString}, func(with string) string {
			if value == `:1}` {
				with = ":" + with + "}"
			}
			return strings.Replace(body, value, with, 1)
		}})
	}
	return all
}

// samplesOf are values of the patterns that there are.
var samplesOf = map[string]string{
	"^[a-z][a-z0-9-]*$": "wallet",
	"^[A-Za-z0-9-]+$":   "CERT-1", campus.SaleKey: "s-000001", "^[a-z_]+$": "resident_card", "^[a-z_]*$": "document_wrong",
	"^[0-9]{8,20}$": "1234567890", "^[A-Z][0-9]{1,3}$": "A07", core.PlausibleDays: "2027-06-30",
}

// sample is a value that a schema takes. seen hears of each single value in it, and the one of which here is true is a
// hole.
func (p *prober) sample(s *huma.Schema, name string, seen func(string, *huma.Schema), here ...func() bool) any {
	if s.Ref != "" {
		return p.sample(p.s.Huma.OpenAPI().Components.Schemas.SchemaFromRef(s.Ref), name, seen, here...)
	}
	switch s.Type {
	case huma.TypeObject:
		object := map[string]any{}
		for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
			if field != "$schema" {
				object[field] = p.sample(s.Properties[field], field, seen, here...)
			}
		}
		return object
	case huma.TypeArray:
		list := []any{}
		least := 1
		if s.MinItems != nil {
			least = max(least, *s.MinItems)
		}
		for range least {
			list = append(list, p.sample(s.Items, name, seen, here...))
		}
		return list
	}
	if seen != nil {
		seen(name, s)
	}
	if len(here) > 0 && here[0]() {
		return hole
	}
	return p.single(s)
}

// single is a value of a schema that has no parts.
func (p *prober) single(s *huma.Schema) any {
	switch {
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type == huma.TypeBoolean:
		return false
	case s.Type == huma.TypeInteger, s.Type == huma.TypeNumber:
		return 1
	case s.Format == "uuid":
		return uuid.NewString()
	case s.Pattern != "":
		require.Contains(p, samplesOf, s.Pattern)
		return samplesOf[s.Pattern]
	case s.MinLength != nil:
		return strings.Repeat("7", *s.MinLength)
	}
	return "7"
}

// values are what Go takes and Postgres does not, or what nobody means, as JSON.
func values() map[string]string {
	long := strings.Repeat("字", 4000) + uuid.NewString() // Postgres compresses it
	return map[string]string{
		"NUL": `"a\u0000"`, "NUL alone": `"\u0000"`, "half of a pair": `"\ud800"`, "no UTF-8": "\"\xff\xfe\"", "9,000 bytes": `"` + long + `"`,
		"the year 0": `"0000-12-31"`, "the year 1": `"0001-01-01"`, "the year 9999": `"9999-12-31"`, "an instant of the year 0": `"0000-01-01T00:00:00Z"`,
		"blanks": `"\u3000\u200b"`, "an override": `"a\u202eb"`, "int4 and one": "2147483648", "int4 below": "-2147483649",
		"int8 and one": "9223372036854775808", "half": "0.5", "beyond": "1e400", "null": "null", "a list": "[]", "a truth": "true", "9,000 letters": `"` + randomWord(9000) + `"`,
	}
}

// momentNobodyMeans is refused wherever a moment is asked for, as days are.
const momentNobodyMeans = "a moment that nobody means"

// nullOfABody is refused at every field: it is read as one that was left out, and that can mean more.
const nullOfABody = "null in a body"

// No value is a fault of ours: what Postgres would refuse is refused before, at every field of every route.
func TestEveryRouteRefusesWhatPostgresWould(t *testing.T) {
	t.Parallel()
	p := newProber(t)
	sent := 0
	for _, name := range slices.Sorted(maps.Keys(p.s.Declared)) {
		r := p.s.Declared[name]
		check := func(what, path, body string, header map[string]string) {
			sent++
			answer := p.send(r, path, body, header)
			if answer.Code != http.StatusServiceUnavailable || !strings.HasPrefix(r.Path, "/api/v1/staff/receipts/") { // no font here
				require.Less(t, answer.Code, 500, "%s of %s: %s", what, name, answer.Body)
			}
			require.NotContains(t, answer.Body.String(), `"address_busy"`, "%s of %s: nothing was looked at", what, name)
			if what == "NUL" || what == "no UTF-8" {
				require.GreaterOrEqual(t, answer.Code, 400, "%s of %s: %s", what, name, answer.Body)
			}
			if what == nullOfABody {
				require.GreaterOrEqual(t, answer.Code, 400, "%s of %s: %s", what, name, answer.Body)
			}
			if what == momentNobodyMeans {
				require.Equal(t, http.StatusUnprocessableEntity, answer.Code, "%s of %s: %s", what, name, answer.Body)
			}
		}
		for _, l := range p.leaves(r) {
			for what, value := range values() {
				check(what, p.path(r), l.body(value), nil)
			}
			check(nullOfABody, p.path(r), l.body("null"), nil)
			if l.schema.Format == "date-time" {
				for _, moment := range []string{`"9999-12-31T00:00:00Z"`, `"0001-01-01T00:00:00Z"`} {
					check(momentNobodyMeans, p.path(r), l.body(moment), nil)
				}
			}
		}
		p.probePath(r, check)
		for _, header := range []string{core.KeyHeader, "Authorization", "Accept-Language", "X-Request-Id", "Traceparent",
			"Tracestate", "User-Agent",
			"Content-Type", core.KioskHeader, core.NonceHeader, core.TimestampHeader, core.SignatureHeader, webhooks.HeaderWebhookID, webhooks.HeaderWebhookTimestamp} {
			if r.Path == "/healthz" || r.Path == "/readyz" { // Temporal is not there
				continue
			}
			for _, value := range []string{randomWord(9000), "\xff\xfe", "a\x00b", "9223372036854775808"} {
				check("a header "+header, p.path(r), "{}", map[string]string{header: value})
			}
		}
	}
	require.Greater(t, sent, 5000)
}

// probePath spoils each parameter of a route's address, and each that it may be asked with.
func (p *prober) probePath(r *core.Route, check func(what, path, body string, header map[string]string)) {
	for _, part := range strings.Split(r.Path, "/") {
		if !strings.HasPrefix(part, "{") {
			continue
		}
		for what, value := range map[string]string{"NUL": "a%00", "no UTF-8": "%ff", "9,000 bytes": randomWord(9000),
			"blanks": "%E3%80%80"} {
			check(what, p.path(&core.Route{Path: strings.Replace(r.Path, part, value, 1)}), "{}", nil)
		}
	}
	op := p.operation(r)
	if op == nil {
		return
	}
	for _, q := range op.Parameters {
		if q.In != "query" {
			continue
		}
		for what, value := range values() {
			var text string
			if what == "no UTF-8" || json.Unmarshal([]byte(value), &text) != nil {
				text = strings.Trim(value, `"`)
			}
			check(what, p.path(r)+"?"+p.others(op, q.Name)+url.QueryEscape(q.Name)+"="+url.QueryEscape(text), "{}", nil)
		}
		if q.Schema.Format == "date-time" {
			check(momentNobodyMeans, p.path(r)+"?"+p.others(op, q.Name)+url.QueryEscape(q.Name)+"=1899-12-31T00:00:00Z", "{}", nil)
		}
		if q.Name == "cursor" {
			for _, key := range []string{"2147483648", "-1", "1e3", `"a"`, "null", `"0000-01-01T00:00:00Z"`,
				`{"at":"0000-01-01T00:00:00Z"}`} {
				check("a cursor of "+key, p.path(r)+"?"+p.others(op,
					q.Name)+"cursor="+base64.RawURLEncoding.EncodeToString([]byte(key)), "{}", nil)
			}
		}
	}
}

// others are the parameters that have to be there beside one.
func (p *prober) others(op *huma.Operation, but string) string {
	all := url.Values{}
	for _, q := range op.Parameters {
		if q.In == "query" && q.Required && q.Name != but {
			raw, err := json.Marshal(p.sample(q.Schema, q.Name, nil))
			require.NoError(p, err)
			all.Set(q.Name, strings.Trim(string(raw), `"`))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return all.Encode() + "&"
}

// randomWord cannot be compressed: an index of Postgres takes 2,700 bytes.
func randomWord(n int) string {
	var word strings.Builder
	for word.Len() < n {
		word.WriteString(strings.ReplaceAll(uuid.NewString(), "-", ""))
	}
	return word.String()[:n]
}

// Every text that a person writes has the one rule (campus.CheckWords). A field that is free text and none of these has
// to be marked with the tag words; what is looked up, or compared with something, stands here.
func TestEveryTextOfPeopleHasTheRule(t *testing.T) {
	t.Parallel()
	p := newProber(t)
	codes := []string{
		"university", "number", "username", "password", "code", "document_number", "kiosk", "version", "step", "cause", "packages", // in a body
		"keys", "missing", "damaged", "no_room", "frames", "public_key", "phone", // numbers of cards, ids, keys, phones
		"cursor", "campus", "stage", "waits_for", "kind", "permission", // in a query
	}
	templates := []string{"subject", "mail", "sms"} // NoticeTemplate.Check has the rule, and reasons of its own
	marked := 0
	for name, r := range p.s.Declared {
		if r.Access.Audience == core.Hook {
			continue
		}
		for _, l := range p.leaves(r) {
			if !freeText(l.schema) || slices.Contains(codes, l.name) {
				continue
			}
			for value, reason := range map[string]string{"\u3000\u200b\u3000": "words_blank", "a\u202ebc": "words_unreadable",
				"ab\x1bc": "words_unreadable"} {
				raw, err := json.Marshal(value)
				require.NoError(t, err)
				answer := p.send(r, p.path(r), l.body(string(raw)), nil)
				require.Equal(t, http.StatusUnprocessableEntity, answer.Code, "%s of %s: %s", l.name, name, answer.Body)
				var got core.Problem
				require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &got))
				if slices.Contains(templates, l.name) && strings.Contains(r.Path, "notice-templates") {
					reason = map[string]string{"words_blank": "template_empty", "words_unreadable": "words_unreadable"}[reason]
				} else {
					require.True(t, strings.HasSuffix(got.Errors[0].Field, l.name), "%s of %s: %s", l.name, name, answer.Body)
				}
				require.Equal(t, reason, got.Reason, "%s of %s: %s", l.name, name, answer.Body)
				marked++
			}
		}
		op := p.operation(r)
		if op == nil {
			continue
		}
		for _, q := range op.Parameters {
			if q.In != "query" || !freeText(q.Schema) || slices.Contains(codes, q.Name) {
				continue
			}
			answer := p.send(r, p.path(r)+"?"+p.others(op, q.Name)+q.Name+"="+url.QueryEscape("\u3000\u200b"), "", nil)
			require.Equal(t, http.StatusUnprocessableEntity, answer.Code, "%s of %s: %s", q.Name, name, answer.Body)
			require.Contains(t, answer.Body.String(), "words_blank", "%s of %s", q.Name, name)
			marked++
		}
	}
	require.Greater(t, marked, 25)
}

func freeText(s *huma.Schema) bool {
	return s.Type == huma.TypeString && len(s.Enum) == 0 && s.Format == "" && s.Pattern == ""
}

// Postgres keeps numbers of ours in four bytes, so every number that is taken has an end that fits.
func TestEveryNumberHasAnEnd(t *testing.T) {
	t.Parallel()
	p := newProber(t)
	seen := 0
	check := func(s *huma.Schema, told string) {
		if s.Type != huma.TypeInteger && s.Type != huma.TypeNumber {
			return
		}
		seen++
		require.NotNil(t, s.Minimum, told)
		require.NotNil(t, s.Maximum, told)
		require.GreaterOrEqual(t, *s.Minimum, 0.0, told)
		require.LessOrEqual(t, *s.Maximum, float64(math.MaxInt32), told)
	}
	for name, r := range p.s.Declared {
		for _, l := range p.leaves(r) {
			check(l.schema, l.name+" of "+name)
		}
		if op := p.operation(r); op != nil {
			for _, q := range op.Parameters {
				check(q.Schema, q.Name+" of "+name)
			}
		}
	}
	require.Greater(t, seen, 10)
}
