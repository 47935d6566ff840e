package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"campuscard/api"
	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
)

// house is a server on a store of its own, and everybody who may call it. Temporal is not there.
type house struct {
	*storagetest.House
	url      string
	holder   storagetest.Person
	tokens   map[string]string // by who: student, freshman, reviewer, centre, other
	reviewer campus.StaffMember
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{House: storagetest.New(t)}
	temporal, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	server, err := api.New(api.Config{Version: "test", Policies: h.Policies, SignInsPerSec: 1000}, h.Store, temporal, h.Log)
	require.NoError(t, err)
	h.serve(t, server)
	h.holder = h.Person()
	h.University("lcvtc")
	var reviewer, centre string
	h.reviewer, reviewer = h.Staff(storagetest.University, campus.Grant{Role: campus.Reviewer})
	_, centre = h.Staff(storagetest.University, campus.Grant{Role: campus.CardCentre, Campuses: []string{storagetest.EastCampus}})
	h.tokens = map[string]string{
		"student":  h.SignedIn(h.holder.ID),
		"freshman": h.InitialSession(h.holder.ID),
		"reviewer": reviewer,
		"centre":   centre,
		"other":    h.SignedIn(h.PersonOf("lcvtc").ID),
	}
	return h
}

// serve makes do talk to a server.
func (h *house) serve(t *testing.T, server *api.Server) {
	t.Helper()
	listening := httptest.NewServer(server.Handler())
	t.Cleanup(listening.Close)
	h.url = listening.URL
}

// call is one request as a person or a program would send it. What is left out gets what a well-behaved caller sends.
type call struct {
	who    string // a key of tokens, or nobody
	method string
	path   string
	body   string
	header map[string]string // an empty value takes the header away
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

func (h *house) do(t *testing.T, c call) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), c.method, h.url+c.path, strings.NewReader(c.body))
	require.NoError(t, err)
	if token := h.tokens[c.who]; token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if c.method == http.MethodPost {
		request.Header.Set("Idempotency-Key", uuid.NewString())
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
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
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

// play sends every line on one server and checks what comes back; nothing may change.
func (h *house) play(t *testing.T, table map[string]scenario) {
	t.Helper()
	for name, line := range table {
		t.Run(name, func(t *testing.T) {
			got := h.do(t, line.call)
			require.Equal(t, line.status, got.status, "%s", got.body)
			if line.reason == "" {
				return
			}
			require.Equal(t, "application/problem+json", got.header.Get("Content-Type"))
			p := read[problem](t, got)
			require.Equal(t, line.reason, p.Reason, "%s", got.body)
			require.Equal(t, line.status, p.Status)
			require.NotEmpty(t, p.RequestID)
			require.NotContains(t, p.Detail, "problem.", "a text is missing")
			if line.field != "" {
				require.NotEmpty(t, p.Errors, "%s", got.body)
				require.Equal(t, line.field, p.Errors[0].Field, "%s", got.body)
			}
		})
	}
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
	return call{who: "student", method: "POST", path: "/api/v1/uploads", body: body, header: map[string]string{"Content-Type": header}}
}

func credentials(p storagetest.Person, password string) string {
	body, _ := json.Marshal(map[string]string{"university": p.University, "number": p.Roster.Number, "password": password})
	return string(body)
}

// staffOf is a staff seed with a password, for sign-ins.
func staffOf(username, password string) storage.StaffSeed {
	return storage.StaffSeed{University: storagetest.University, Username: username, Name: "王老师", Password: password,
		Grants: []campus.Grant{{Role: campus.Reviewer}}}
}
