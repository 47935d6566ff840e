package workflowtest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/school"
	"campuscard/school/portrait"
	"campuscard/storage/storagetest"
)

const apiKey = "the key of every test school"

// School is the admin side of a simulator.
type School struct {
	t    testing.TB
	url  string
	smtp string
	mu   sync.Mutex
	used int
}

// Fields is a JSON object.
type Fields = map[string]any

// Flaw is something wrong with live frames.
type Flaw = portrait.Flaw

// The flaws that tests use.
const (
	Good    = portrait.NoFlaw
	TooDark = portrait.TooDark
)

// What people hand in who are not in front of the camera.
const (
	Copied     Flaw = "copied"  // the photo on file, moved as in a nod
	Encoded    Flaw = "encoded" // one frame, encoded anew each time
	BlankWhite Flaw = "blank_white"
	BlankGrey  Flaw = "blank_grey"
	BlankBlack Flaw = "blank_black"
)

// Tiny are pictures that the face service does not take, and Heavy is one that nobody takes.
const (
	Tiny  Flaw = "tiny"
	Heavy Flaw = "heavy"
)

type person struct {
	school.Student
	CertificateCode  string `json:"certificate_code"`
	LetterCode       string `json:"letter_code"`
	RegistrationCode string `json:"residence_registration_code"`
	Identity         string
}

// one is the first of those whom the school has under some criteria, e.g. "kind=admitted&category=mainland".
func (s *School) one(criteria string) person {
	s.t.Helper()
	var found struct{ People []person }
	s.ask(http.MethodGet, "/admin/people?limit=1&university="+storagetest.University+"&"+criteria, nil, &found)
	require.NotEmpty(s.t, found.People, criteria)
	return found.People[0]
}

// next is the next student with a resident card for whom all is well, from the youngest year: their certificates last.
func (s *School) next() person {
	s.t.Helper()
	var found struct{ People []person }
	s.ask(http.MethodGet, "/admin/people?kind=plain&document_type=resident_card&limit=1000&university="+storagetest.University, nil, &found)
	s.mu.Lock()
	defer s.mu.Unlock()
	skip := s.used
	for _, p := range found.People {
		if !strings.HasPrefix(p.Number, "2026") {
			continue
		}
		if skip == 0 {
			s.used++
			return p
		}
		skip--
	}
	require.Fail(s.t, "the school has no more students")
	return person{}
}

// Fault makes a system misbehave from now on; mode "none" ends it.
func (s *School) Fault(system, mode string, more ...Fields) {
	s.t.Helper()
	fault := Fields{"mode": mode}
	for _, fields := range more {
		maps.Copy(fault, fields)
	}
	s.ask(http.MethodPut, "/admin/faults/"+system, fault, nil)
}

// Change changes what the school's systems know of a student; the roster of the house stays as it is.
func (s *School) Change(who Student, fields Fields) {
	s.t.Helper()
	s.ask(http.MethodPut, "/admin/people/"+storagetest.University+"/"+who.Number, fields, nil)
}

// ChangePaper lays fields over a letter of the International Student Service Centre or a residence registration; kind
// is "letters" or "residence-registrations".
func (s *School) ChangePaper(kind, code string, fields Fields) {
	s.t.Helper()
	s.ask(http.MethodPut, "/admin/"+kind+"/"+storagetest.University+"/"+code, fields, nil)
}

// RenewPhoto puts the face of an identity into the register; empty is the student's own.
func (s *School) RenewPhoto(who Student, identity string) {
	s.t.Helper()
	s.ask(http.MethodPut, "/admin/photos/"+storagetest.University+"/"+who.Number, Fields{"identity": identity}, nil)
}

// PutPhoto puts the first live frame of the student into the register.
func (s *School) PutPhoto(who Student, flaw Flaw) {
	s.t.Helper()
	s.send(http.MethodPut, "/admin/photos/"+storagetest.University+"/"+who.Number, "image/jpeg",
		frames(who.Identity, flaw)[0], nil)
}

// PaidBy has somebody pay at a channel, which tells nobody.
func (s *School) PaidBy(channel, transaction string, cents int64) {
	s.t.Helper()
	s.ask(http.MethodPost, "/admin/"+channel+"/"+storagetest.University+"/payments",
		Fields{"order": "of nobody", "transaction": transaction, "amount_cents": cents, "silent": true}, nil)
}

// ChannelFile has something go wrong in the files of a channel.
func (s *School) ChannelFile(channel string, settings Fields) {
	s.t.Helper()
	s.ask(http.MethodPut, "/admin/"+channel+"/"+storagetest.University+"/file", settings, nil)
}

// Bureau changes how the card bureau works.
func (s *School) Bureau(settings Fields) {
	s.t.Helper()
	s.ask(http.MethodPut, "/admin/bureau", settings, nil)
}

// Effects is how often an operation of the school has had its effect.
func (s *School) Effects(operation string) int {
	s.t.Helper()
	var found struct{ Count int }
	s.ask(http.MethodGet, "/admin/effects?limit=1&operation="+url.QueryEscape(operation), nil, &found)
	return found.Count
}

// AllEffects is how often each operation of the school has had its effect.
func (s *School) AllEffects() map[string]int {
	s.t.Helper()
	var found struct {
		Count   int
		Effects []struct{ Operation string }
	}
	s.ask(http.MethodGet, "/admin/effects?limit=1000", nil, &found)
	require.Len(s.t, found.Effects, found.Count, "all are told")
	effects := map[string]int{}
	for _, effect := range found.Effects {
		effects[effect.Operation]++
	}
	return effects
}

// Calls is how often an operation of the school was called.
func (s *School) Calls(operation string) int {
	s.t.Helper()
	var found struct{ Count int }
	s.ask(http.MethodGet, "/admin/calls?limit=1&operation="+url.QueryEscape(operation), nil, &found)
	return found.Count
}

// Keys are the idempotency keys under which an operation of the school was called, each once, in the order of their
// first call.
func (s *School) Keys(operation string) (keys []string) {
	s.t.Helper()
	var found struct{ Calls []struct{ Key string } }
	s.ask(http.MethodGet, "/admin/calls?limit=1000&operation="+url.QueryEscape(operation), nil, &found)
	for _, call := range found.Calls {
		if !slices.Contains(keys, call.Key) {
			keys = append(keys, call.Key)
		}
	}
	return keys
}

// Mail is a mail that the catcher has taken.
type Mail struct{ Subject, Text string }

// Mails are the mails to an address, oldest first.
func (s *School) Mails(to string) []Mail {
	s.t.Helper()
	var found struct{ Mails []Mail }
	s.ask(http.MethodGet, "/admin/mails?to="+url.QueryEscape(to), nil, &found)
	return found.Mails
}

// Messages are the texts of the short messages to a phone.
func (s *School) Messages(phone string) (texts []string) {
	s.t.Helper()
	var found struct{ Messages []struct{ Text string } }
	s.ask(http.MethodGet, "/admin/messages?phone="+url.QueryEscape(phone), nil, &found)
	for _, m := range found.Messages {
		texts = append(texts, m.Text)
	}
	return texts
}

func (s *School) ask(method, path string, body, answer any) {
	s.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(s.t, err)
	s.send(method, path, "application/json", raw, answer)
}

func (s *School) send(method, path, kind string, body []byte, answer any) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(body))
	require.NoError(s.t, err)
	request.Header.Set("Content-Type", kind)
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close() //nolint:errcheck // only read
	content, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, response.StatusCode, "%s %s: %s", method, path, content)
	if answer != nil {
		require.NoError(s.t, json.Unmarshal(content, answer))
	}
}

// frames draws live frames; drawing is slow, and most tests want the same student's.
func frames(identity string, flaw Flaw) [][]byte {
	type key struct {
		identity string
		flaw     Flaw
	}
	drawn, _ := drawnFrames.LoadOrStore(key{identity, flaw}, sync.OnceValue(func() [][]byte {
		return draw(identity, flaw)
	}))
	return drawn.(func() [][]byte)()
}

func draw(identity string, flaw Flaw) [][]byte {
	switch flaw {
	case Copied:
		return portrait.Copies(identity, 3)
	case Encoded:
		return portrait.Encoded(identity, 3)
	case BlankWhite:
		return portrait.Blank(255, 3)
	case BlankGrey:
		return portrait.Blank(128, 3)
	case BlankBlack:
		return portrait.Blank(0, 3)
	case Tiny:
		return [][]byte{storagetest.JPEG(8, 8), storagetest.JPEG(8, 9), storagetest.JPEG(8, 10)}
	case Heavy:
		return [][]byte{append(storagetest.JPEG(800, 1000), make([]byte, 9<<20)...)}
	}
	return portrait.FlawedFrames(identity, portrait.Nod, 3, flaw)
}

//nolint:gochecknoglobals // pictures that never change, drawn once for each test process
var drawnFrames sync.Map
