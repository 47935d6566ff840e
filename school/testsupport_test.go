package school_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/school"
	"campuscard/school/simulator"
)

const (
	apiKey = "test-key"
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	lcu    = "lcu"
	people = 3000 // enough for every kind

	hrSecret    = "whsec_aGVyZSBpcyB3aGF0IEhSIHNpZ25zIHdpdGguLi4="
	otherSecret = "whsec_d2hhdCBhbm90aGVyIHVuaXZlcnNpdHkgc2lnbnM="
)

// hrSecrets are those of the universities of the simulator.
var hrSecrets = map[string]string{lcu: hrSecret, "lcvtc": otherSecret}

// bundle is a simulator and the clients that talk to it.
type bundle struct {
	*school.Systems
	t    *testing.T
	sim  *simulator.Simulator
	stop func()
}

// setup starts a simulator of its own for the test.
func setup(t *testing.T) *bundle { return start(t, t.TempDir(), "") }

func start(t *testing.T, dir, callbackURL string) *bundle {
	t.Helper()
	return startAs(t, simulator.Config{StateDir: dir, CallbackURL: callbackURL})
}

// startWith starts a simulator whose channels call back.
func startWith(t *testing.T, callbackURL string, channels map[string]string) *bundle {
	t.Helper()
	return startAs(t, simulator.Config{StateDir: t.TempDir(), CallbackURL: callbackURL, ChannelSecrets: channels})
}

func startAs(t *testing.T, cfg simulator.Config) *bundle {
	t.Helper()
	cfg.Address, cfg.SMTPAddress, cfg.APIKey, cfg.Seed, cfg.People = "127.0.0.1:0", "127.0.0.1:0", apiKey, 1, people
	cfg.CallbackSecret, cfg.HRCallbackSecrets = secret, hrSecrets
	sim, err := simulator.New(cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sim.Run(ctx) }()
	b := &bundle{t: t, sim: sim}
	stopped := false
	b.stop = func() {
		if cancel(); !stopped {
			stopped = true
			require.NoError(t, <-done)
		}
	}
	t.Cleanup(b.stop)
	b.Systems = b.clients(time.Minute) // who tests a time limit makes clients of their own
	return b
}

func (b *bundle) clients(timeout time.Duration) *school.Systems {
	b.t.Helper()
	systems, err := school.New(school.Config{BaseURL: b.sim.URL(), APIKey: apiKey, SMTPAddress: b.sim.SMTPAddress(),
		MailFrom: "campus card <card@campuscard.example>", Timeout: timeout})
	require.NoError(b.t, err)
	return systems
}

// admin asks the admin side and reads its answer into out.
func (b *bundle) admin(method, path string, body, out any) {
	b.t.Helper()
	var r io.Reader
	switch v := body.(type) {
	case nil:
	case []byte:
		r = bytes.NewReader(v)
	default:
		raw, err := json.Marshal(v)
		require.NoError(b.t, err)
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.sim.URL()+path, r)
	require.NoError(b.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(b.t, err)
	defer res.Body.Close() //nolint:errcheck // only read
	raw, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	require.Equal(b.t, http.StatusOK, res.StatusCode, "%s %s: %s", method, path, raw)
	if out != nil {
		require.NoError(b.t, json.Unmarshal(raw, out))
	}
}

type fields = map[string]any

func (b *bundle) fault(system string, fault fields) {
	b.t.Helper()
	b.admin(http.MethodPut, "/admin/faults/"+system, fault, nil)
}

// effects is how often something was done under the key.
func (b *bundle) effects(key string) int {
	b.t.Helper()
	var got struct{ Count int }
	b.admin(http.MethodGet, "/admin/effects?key="+key, nil, &got)
	return got.Count
}

// person is somebody the admin side offers to tests.
type person struct {
	school.Student
	University      string
	Kind            string
	CertificateCode string `json:"certificate_code"`
	Identity        string

	LetterCode       string `json:"letter_code"`
	RegistrationCode string `json:"residence_registration_code"`
}

func (b *bundle) somebody(kind string) person {
	return b.one("document_type=resident_card&kind=" + kind)
}

// one is somebody of lcu who matches.
func (b *bundle) one(query string) person {
	b.t.Helper()
	var got struct{ People []person }
	b.admin(http.MethodGet, "/admin/people?university=lcu&limit=1&"+query, nil, &got)
	require.Len(b.t, got.People, 1, query)
	return got.People[0]
}

// change lays fields over somebody's, and answers what they are now.
func (b *bundle) change(p person, fields fields) (now person) {
	b.t.Helper()
	b.admin(http.MethodPut, "/admin/people/"+p.University+"/"+p.Number, fields, &now)
	return now
}

func (p person) holder() school.Holder {
	return school.Holder{CardID: "card-" + p.Number, Number: p.Number, Name: p.Name, Group: p.Level, Campus: p.Campus}
}

func (p person) order(reference string) school.Order {
	return school.Order{Reference: reference, University: p.University, Number: p.Number, HolderName: p.Name,
		CardNumber: "6217000000000001", Kiosk: "lcu-east-1", DueOn: p.GraduatesOn}
}
