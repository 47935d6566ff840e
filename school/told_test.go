package school_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
)

// B1: a status that is about the pictures is a verdict, if the face service says it itself. Any other is an error.
func TestStatusesAboutPictures(t *testing.T) {
	t.Parallel()
	const own = `{"code":"picture"}`
	for name, c := range map[string]struct {
		status int
		body   string
		want   campus.Code // empty: the pictures are unusable
	}{
		"too large":             {http.StatusRequestEntityTooLarge, own, ""},
		"of a kind it has not":  {http.StatusUnsupportedMediaType, own, ""},
		"nothing it can read":   {http.StatusUnprocessableEntity, own, ""},
		"too large for a proxy": {http.StatusRequestEntityTooLarge, "<html>413</html>", campus.BadAnswer},
		"wrong otherwise":       {http.StatusBadRequest, own, campus.Refused},
		"nothing there":         {http.StatusNotFound, own, campus.NotFound},
		"away":                  {http.StatusServiceUnavailable, own, campus.Unavailable},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		systems, err := school.New(school.Config{BaseURL: server.URL})
		require.NoError(t, err)
		alive, err := systems.Face.Liveness(t.Context(), "k", "nod", nil)
		require.Equal(t, c.want, campus.CodeOf(err), name)
		require.Equal(t, school.LivenessResult{Unusable: c.want == ""}, alive, name)
		same, err := systems.Face.Compare(t.Context(), "k", []byte{1}, nil)
		require.Equal(t, c.want, campus.CodeOf(err), name)
		require.Equal(t, school.Comparison{Unusable: c.want == ""}, same, name)
		server.Close()
	}
}

// E4: the carrier is asked about a name as identity documents have it, whatever blanks and marks came with it.
func TestTheCarrierIsSentACleanName(t *testing.T) {
	t.Parallel()
	var sent struct{ Name string }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if json.NewDecoder(r.Body).Decode(&sent) == nil {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"match":true}`))
		}
	}))
	defer server.Close()
	systems, err := school.New(school.Config{BaseURL: server.URL})
	require.NoError(t, err)
	for raw, want := range map[string]string{"张伟": "张伟", "\u3000张伟\u200b ": "张伟",
		"  Wang   Li ": "Wang Li"} {
		match, err := systems.Carrier.VerifyHolder(t.Context(), "+8613900000001", raw, "1")
		require.NoError(t, err)
		require.True(t, match)
		require.Equal(t, want, sent.Name, "%q", raw)
	}
}
