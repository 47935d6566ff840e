package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/api"
	"campuscard/campus"
	"campuscard/storage/storagetest"
)

func TestAccess(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	h.tokens.Store("stranger", "no such token")
	table := map[string]scenario{
		"an address nobody has":     {call{method: "GET", path: "/api/v1/nothing"}, 404, "route_unknown", ""},
		"a method it does not take": {call{method: "PATCH", path: "/api/v1/me"}, 405, "method_not_allowed", ""},
		"no token":                  {call{method: "GET", path: "/api/v1/me"}, 401, "token_missing", ""},
		"an unknown token":          {call{who: "stranger", method: "GET", path: "/api/v1/me"}, 401, "session_over", ""},
		"a NUL in the address": {call{who: "student", method: "GET", path: "/api/v1/uploads/%00"}, 400, "text_invalid",
			""},
		"no text in the query": {call{method: "GET", path: "/api/v1/universities?x=%ff"}, 400, "text_invalid", ""},
		"an unknown query":     {call{method: "GET", path: "/api/v1/universities?x=1"}, 422, "fields", "x"},
		"no id":                {call{who: "student", method: "GET", path: "/api/v1/uploads/7"}, 422, "fields", "id"},
		"an id nobody has": {call{who: "student", method: "GET", path: "/api/v1/uploads/" + uuid.NewString()}, 404,
			"upload_unknown", ""},
	}
	who := []string{"nobody", "student", "freshman", "reviewer"}
	for path, want := range map[string][]int{
		"/api/v1/me":               {401, 200, 403, 403},
		"/api/v1/staff/me":         {401, 403, 403, 200},
		"/api/v1/sessions/current": {401, 200, 200, 200},
		"/api/v1/universities":     {200, 200, 200, 200},
	} {
		for i, name := range who {
			table[name+" at "+path] = scenario{call: call{who: name, method: "GET", path: path}, status: want[i]}
		}
	}
	h.play(t, table)
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	challenge := func(key string) call {
		return call{who: "student", method: "POST", path: "/api/v1/me/liveness-challenges",
			header: map[string]string{"Idempotency-Key": key}}
	}
	h.play(t, map[string]scenario{
		"none":                            {challenge(""), 400, "idempotency_key_missing", ""},
		"too short":                       {challenge("1234567"), 400, "idempotency_key_form", ""},
		"too long":                        {challenge(strings.Repeat("k", 129)), 400, "idempotency_key_form", ""},
		"with a blank":                    {challenge("1234 5678"), 400, "idempotency_key_form", ""},
		"with a letter of another script": {challenge("12345678é"), 400, "idempotency_key_form", ""},
	})
	first := h.do(t, challenge("a-key-of-mine"))
	require.Equal(t, 201, first.status, "%s", first.body)
	require.Equal(t, string(first.body), string(h.do(t, challenge("a-key-of-mine")).body))
	other := challenge("a-key-of-mine")
	other.who = "other"
	require.Equal(t, "idempotency_key_reused", read[problem](t, h.do(t, other)).Reason)
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	missing := call{who: "student", method: "GET", path: "/api/v1/uploads/" + uuid.NewString()}
	detail := func(accept string) string {
		missing.header = map[string]string{"Accept-Language": accept}
		return read[problem](t, h.do(t, missing)).Detail
	}
	require.Equal(t, "没有这个文件，或不是您上传的。请重新上传。", detail(""))
	require.Equal(t, "There is no such file of yours. Please send it again.", detail("en-GB,zh;q=0.5"))
	set := call{who: "student", method: "PUT", path: "/api/v1/me/language", body: `{"language":"en"}`}
	require.Equal(t, 204, h.do(t, set).status)
	require.Equal(t, "There is no such file of yours. Please send it again.", detail(""), "the person's own")
	require.Equal(t, "没有这个文件，或不是您上传的。请重新上传。", detail("zh-CN"))
	require.Equal(t, "There is no such file of yours. Please send it again.", detail("fr, de;q=0.5"),
		"who asks for what we do not speak gets their own, not ours")
	require.Equal(t, "There is no such file of yours. Please send it again.", detail("*"))
	require.Equal(t, "There is no such file of yours. Please send it again.", detail("zh;q=0.1,en;q=0.9"))
	require.Equal(t, "没有这个文件，或不是您上传的。请重新上传。", detail("en;q=0.1, zh;q=0.9"))
	set.body = `{"language":"fr"}`
	require.Equal(t, 422, h.do(t, set).status)
}

// RFC 9110: media types are the same in every case, and JSON is UTF-8.
func TestMediaTypes(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	for kind, want := range map[string]int{
		"application/json": 204, "APPLICATION/JSON": 204, "Application/Json; Charset=UTF-8": 204, `application/json;charset="utf-8"`: 204,
		"application/json; version=2": 204, "application/json; charset=gbk": 415, "application/json; charset=utf-16": 415,
		"text/json": 415, "application/xml": 415,
	} {
		set := call{who: "student", method: "PUT", path: "/api/v1/me/language", body: `{"language":"en"}`,
			header: map[string]string{"Content-Type": kind}}
		got := h.do(t, set)
		require.Equal(t, want, got.status, kind)
		if want == 415 {
			require.Equal(t, "media_type", read[problem](t, got).Reason, kind)
		}
	}
}

// RFC 9110: HEAD is answered wherever GET is, with the same headers and no content, and 405 tells what is taken.
func TestHead(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	for path, who := range map[string]string{"/api/v1/universities": "nobody", "/api/v1/me": "student",
		"/api/v1/staff/me": "reviewer",
		"/healthz":         "nobody", "/openapi.json": "nobody", "/docs": "nobody"} {
		want := h.do(t, call{who: who, method: "GET", path: path})
		got := h.do(t, call{who: who, method: "HEAD", path: path})
		require.Equal(t, 200, got.status, path)
		require.Empty(t, got.body, path)
		for _, name := range []string{"Content-Type", "Cache-Control", "Content-Security-Policy"} {
			require.Equal(t, want.header.Get(name), got.header.Get(name), path)
		}
	}
	for path, want := range map[string]int{"/api/v1/me": 401, "/api/v1/nothing": 404,
		"/api/v1/applications/x/withdrawal": 405} {
		require.Equal(t, want, h.do(t, call{method: "HEAD", path: path}).status, path)
	}
	require.Equal(t, 403, h.do(t, call{who: "reviewer", method: "HEAD", path: "/api/v1/me"}).status,
		"who may not GET may not HEAD")
	refused := h.do(t, call{method: "PATCH", path: "/api/v1/universities"})
	require.Equal(t, 405, refused.status)
	require.Equal(t, "GET, HEAD", refused.header.Get("Allow"))
}

func TestStaffReadTheirOwnLanguage(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	missing := call{who: "reviewer", method: "GET", path: "/api/v1/staff/work-items/" + uuid.NewString()}
	require.True(t, isHan(read[problem](t, h.do(t, missing)).Detail))
	require.Equal(t, 204, h.do(t, call{who: "reviewer", method: "PUT", path: "/api/v1/staff/me/language",
		body: `{"language":"en"}`}).status)
	require.False(t, isHan(read[problem](t, h.do(t, missing)).Detail))
	require.True(t, isHan(read[problem](t, h.do(t, missing.with("Accept-Language", "zh"))).Detail))
}

func TestBodies(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	big := call{method: "POST", path: "/api/v1/sessions", body: `{"number":"` + strings.Repeat("9", 1<<20) + `"}`}
	got := h.do(t, big)
	require.Equal(t, 413, got.status)
	require.Equal(t, "body_too_large", read[problem](t, got).Reason)
	got = h.do(t, call{method: "POST", path: "/api/v1/sessions",
		body: `{"university":"lcu","number":"1","password":"secret-1",}`})
	require.NotContains(t, string(got.body), "secret-1", "a problem repeats nothing")
	require.Equal(t, "body", read[problem](t, got).Errors[0].Location)
}

func TestHealth(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	require.Equal(t, 200, h.do(t, call{method: "GET", path: "/healthz"}).status)
	ready := h.do(t, call{method: "GET", path: "/readyz"})
	require.Equal(t, 200, ready.status, "without Temporal applications are still accepted")
	require.JSONEq(t, `{"status":"degraded","database":"up","temporal":"down","files":"up","receipts":"down"}`,
		string(ready.body))
	metrics := string(h.do(t, call{method: "GET", path: "/metrics"}).body)
	require.Contains(t, metrics, `campuscard_http_request_duration_seconds_count{method="GET",route="/readyz",status="200"} 1`)
	require.Contains(t, metrics, "go_goroutines ")
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	var spec struct {
		Paths map[string]map[string]struct {
			Access    string `json:"x-access"`
			Responses map[string]any
		}
		Components struct{ Schemas map[string]any }
	}
	require.NoError(t, json.Unmarshal(h.do(t, call{method: "GET", path: "/openapi.json"}).body, &spec))
	require.NotEmpty(t, spec.Paths["/api/v1/uploads"]["post"].Access)
	for path, operations := range spec.Paths {
		for method, operation := range operations {
			require.NotEmpty(t, operation.Access, "%s %s", method, path)
			require.Contains(t, operation.Responses, "default")
		}
	}
	names := slices.Collect(maps.Keys(spec.Components.Schemas))
	require.Contains(t, names, "Problem")
	require.NotContains(t, names, "ErrorModel")

	docs := h.do(t, call{method: "GET", path: "/docs"})
	require.Contains(t, docs.header.Get("Content-Security-Policy"), "default-src 'none'")
	for _, line := range []string{"/api/v1/uploads", "first-password", "Idempotency-Key"} {
		require.Contains(t, string(docs.body), line)
	}
	require.NotContains(t, string(docs.body), "https://", "the page loads nothing from elsewhere")
	require.NotContains(t, string(docs.body), "<script")
	_, rest, _ := strings.Cut(string(docs.body), "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	require.Contains(t, docs.header.Get("Content-Security-Policy"), base64.StdEncoding.EncodeToString(sum[:]),
		"the browser takes the style")
}

// A process whose documents cannot be written does not start: nobody is told so by a request.
func TestAServerThatCannotDescribeItselfDoesNotStart(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	server, err := api.New(config(h), h.Store, nowhere(t), h.Log)
	require.NoError(t, err)
	server.Spec = func() ([]byte, error) { return nil, errors.New("no schema") }
	soon, end := context.WithTimeout(t.Context(), 5*time.Second) // one that starts would go on
	defer end()
	require.ErrorContains(t, server.Run(soon), "write /openapi.json: no schema")
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	server, err := api.New(api.Config{Policies: h.Policies, SignInsPerSec: 0.1}, h.Store, nil, h.Log)
	require.NoError(t, err)
	h.serve(t, server)
	body := credentials(h.holder, h.holder.Initial)
	require.Equal(t, 201, h.do(t, call{method: "POST", path: "/api/v1/sessions", body: body}).status)
	got := h.do(t, call{method: "POST", path: "/api/v1/sessions", body: body})
	require.Equal(t, 429, got.status)
	require.NotEmpty(t, got.header.Get("Retry-After"))
	require.Equal(t, 200, h.do(t, call{method: "GET", path: "/api/v1/universities"}).status, "other routes are free")
}

func TestUniversities(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	got := h.do(t, call{method: "GET", path: "/api/v1/universities", header: map[string]string{"Accept-Language": "en"}})
	var list struct {
		Items []struct {
			Code, Name string
			Campuses   []struct {
				Code   string
				Kiosks []struct{ ID string }
			}
		}
	}
	require.NoError(t, json.Unmarshal(got.body, &list))
	require.Len(t, list.Items, 2)
	require.Equal(t, "Liaocheng University", list.Items[0].Name)
	require.Equal(t, storagetest.EastKiosk, list.Items[0].Campuses[0].Kiosks[0].ID)
	require.NotContains(t, string(got.body), "secret")
}

func TestMe(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	got := h.do(t, call{who: "student", method: "GET", path: "/api/v1/me"})
	require.Equal(t, 200, got.status)
	require.Contains(t, string(got.body), h.holder.Roster.Number)
	require.NotContains(t, string(got.body), h.holder.Roster.DocumentNumber)
	require.NotContains(t, string(got.body), h.holder.Roster.Phone)

	challenge := read[struct {
		Gesture, Text string
		ExpiresAt     time.Time `json:"expires_at"`
	}](t, h.do(t, call{who: "student", method: "POST", path: "/api/v1/me/liveness-challenges"}))
	require.Contains(t, []string{string(campus.Nod), string(campus.Blink)}, challenge.Gesture)
	require.NotContains(t, challenge.Text, "gesture.")
	require.True(t, h.Clock.Now().Add(h.Policy().Identity.ChallengeLife.Std()).Equal(challenge.ExpiresAt))
}
