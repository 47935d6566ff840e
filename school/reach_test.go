package school_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
)

func TestReachKnocksAtEverySystem(t *testing.T) {
	t.Parallel()
	b := setup(t)
	found := b.Reach(t.Context(), []string{lcu, "lcvtc"}, []string{"gym"}, []string{"wallet"})
	for _, system := range []string{"academic", "carrier", "face", "bureau", "access", "library", "canteen", "sms",
		"mail", "hr", "international", "gym", "wallet"} {
		require.Contains(t, found, system)
	}
	for system, err := range found {
		require.NoError(t, err, system)
	}
	var calls struct{ Count int }
	b.admin(http.MethodGet, "/admin/calls?limit=1", nil, &calls)
	require.Zero(t, calls.Count, "nothing was asked for")
}

func TestReachTellsWhichSystemIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
		_ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer broken.Close()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	systems, err := school.New(school.Config{
		BaseURL: b.sim.URL(), APIKey: apiKey, SMTPAddress: "127.0.0.1:1", MailFrom: "card@campuscard.example", Timeout: time.Second,
		Addresses: map[string]string{"library/lcu": "http://127.0.0.1:1", "canteen": broken.URL, "face": silent.URL,
			"wallet/lcu": broken.URL},
	})
	require.NoError(t, err)
	for university, away := range map[string][]string{
		lcu:     {"library", "canteen", "face", "mail", "wallet"},
		"lcvtc": {"canteen", "face", "mail"},
	} {
		found := systems.Reach(t.Context(), []string{university}, nil, []string{"wallet", "bank"})
		for system, err := range found {
			want := campus.Code("")
			for _, name := range away {
				if name == system {
					want = campus.Unavailable
				}
			}
			require.Equal(t, want, campus.CodeOf(err), "%s of %s: %v", system, university, err)
		}
	}
}
