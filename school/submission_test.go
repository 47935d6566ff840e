package school_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
)

const submissionBody = `{"type":"staff.submitted","university":"lcu","submitted_at":"2026-11-22T08:00:00Z",
	"employees":[{"number":"T2019001"},{"number":"T2019002","new":1},{"number":"T2019001"}]}`

func TestSubmissionIsVerified(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	with := func(from, to string) string { return strings.Replace(submissionBody, from, to, 1) }
	employees := func(list string) string {
		return `{"type":"staff.submitted","university":"lcu","submitted_at":"2026-11-22T08:00:00Z","employees":` + list + `}`
	}
	many := "[" + strings.Repeat(`{"number":"T1"},`, school.MostSubmitted) + `{"number":"T1"}]`
	longWord := `"` + strings.Repeat("a", 201) + `"`
	tests := map[string]struct {
		key, signedBody, sentBody string
		now                       time.Time
		want                      campus.Code
	}{
		"good": {hrSecret, submissionBody, submissionBody, at, ""},
		"too old": {hrSecret, submissionBody, submissionBody, at.Add(5*time.Minute + time.Second),
			campus.Unauthenticated},
		"with the bureau's secret": {secret, submissionBody, submissionBody, at, campus.Unauthenticated},
		"altered":                  {hrSecret, submissionBody, with("T2019002", "T2019003"), at, campus.Unauthenticated},
		"not JSON":                 {hrSecret, "hello", "hello", at, campus.Invalid},
		"the bureau's kind":        {hrSecret, callbackBody, callbackBody, at, campus.Invalid},
		"of no university":         {hrSecret, with(`"lcu"`, `""`), with(`"lcu"`, `""`), at, campus.Invalid},
		"at no time": {hrSecret, with("submitted_at", "sent_at"), with("submitted_at", "sent_at"), at,
			campus.Invalid},
		"nobody":                    {hrSecret, employees("[]"), employees("[]"), at, campus.Invalid},
		"somebody without a number": {hrSecret, employees("[{}]"), employees("[{}]"), at, campus.Invalid},
		"a number that is none":     {hrSecret, employees(`[{"number":7}]`), employees(`[{"number":7}]`), at, campus.Invalid},
		"a number twice": {hrSecret, employees(`[{"number":"T1","number":"T2"}]`),
			employees(`[{"number":"T1","number":"T2"}]`), at, campus.Invalid},
		"in two cases": {hrSecret, employees(`[{"number":"T1","Number":"T2"}]`),
			employees(`[{"number":"T1","Number":"T2"}]`), at, campus.Invalid},
		"two universities": {hrSecret, with(`"university"`, `"university":"lcvtc","university"`),
			with(`"university"`, `"university":"lcvtc","university"`), at, campus.Invalid},
		"another university's HR": {otherSecret, submissionBody, submissionBody, at, campus.Forbidden},
		"for another university":  {hrSecret, with(`"lcu"`, `"lcvtc"`), with(`"lcu"`, `"lcvtc"`), at, campus.Forbidden},
		"of a long word":          {hrSecret, with(`"lcu"`, longWord), with(`"lcu"`, longWord), at, campus.Invalid},
		"too many":                {hrSecret, employees(many), employees(many), at, campus.Invalid},
	}
	for name, test := range tests {
		got, err := school.VerifySubmission(hrSecrets, signed(t, test.key, test.signedBody, at), []byte(test.sentBody),
			test.now)
		require.Equal(t, test.want, campus.CodeOf(err), name)
		if test.want == "" {
			require.Equal(t, school.Submission{ID: "msg_1", University: "lcu", SubmittedAt: at,
				Numbers: []string{"T2019001", "T2019002", "T2019001"}}, got, name)
		}
	}
	_, err := school.VerifySubmission(map[string]string{lcu: ""}, signed(t, secret, submissionBody, at),
		[]byte(submissionBody), at)
	require.Equal(t, campus.Internal, campus.CodeOf(err), "an empty secret verifies nothing")
	_, err = school.VerifySubmission(nil, signed(t, hrSecret, submissionBody, at), []byte(submissionBody), at)
	require.Equal(t, "callback_signature", campus.ReasonOf(err), "nobody may sign")
	other := school.CheckSecretsOfHR(map[string]string{lcu: hrSecret, "lcvtc": hrSecret})
	require.Error(t, other, "who has signed could not be told")
	require.NoError(t, school.CheckSecretsOfHR(hrSecrets))
	_, err = school.VerifyCallback(hrSecret, signed(t, hrSecret, submissionBody, at), []byte(submissionBody), at)
	require.Equal(t, campus.Invalid, campus.CodeOf(err), "nor is HR's kind the bureau's")
}

// HR repeats a submission, with one id, until it is taken; that it was taken before will do.
func TestStaffAreSubmitted(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]int{"taken": http.StatusNoContent, "taken before": http.StatusConflict} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int32
			heard := make(chan any, 10) // a submission, or what was wrong with the request
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil || r.URL.Path != "/hooks/hr" {
					heard <- fmt.Errorf("%s: %w", r.URL.Path, err)
				}
				got, err := school.VerifySubmission(hrSecrets, r.Header, body, time.Now())
				if err != nil {
					heard <- err
				}
				if tries.Add(1) < 3 {
					w.WriteHeader(http.StatusServiceUnavailable)
				} else {
					w.WriteHeader(last)
				}
				heard <- got
			}))
			t.Cleanup(server.Close)
			b := start(t, t.TempDir(), server.URL+"/hooks")
			p := b.somebody("staff")
			var sent struct{ ID string }
			b.admin(http.MethodPost, "/admin/hr/lcu/submissions", fields{"numbers": []string{p.Number, "T0000000"}}, &sent)
			for range 3 {
				got, ok := (<-heard).(school.Submission)
				require.True(t, ok)
				require.Equal(t, sent.ID, got.ID)
				require.Equal(t, lcu, got.University)
				require.Equal(t, []string{p.Number, "T0000000"}, got.Numbers)
			}
			require.Eventually(t, func() bool { return b.waitingCallbacks() == 0 }, time.Minute, 10*time.Millisecond)
			require.EqualValues(t, 3, tries.Load())
		})
	}
}

func TestSubmissionWaitsWhileNobodyListens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, dir, "http://127.0.0.1:1")
	b.admin(http.MethodPost, "/admin/hr/lcu/submissions", fields{"numbers": []string{"T2019001"}}, nil)
	b.admin(http.MethodPost, "/admin/hr/lcvtc/submissions", fields{"numbers": []string{"T2019001"}}, nil)
	require.Equal(t, 2, b.waitingCallbacks())
	b.stop()
	heard := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got struct{ University string }
		_ = json.NewDecoder(r.Body).Decode(&got) // empty is as wrong as any other
		heard <- got.University
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	b = start(t, dir, server.URL)
	require.ElementsMatch(t, []string{lcu, "lcvtc"}, []string{<-heard, <-heard})
	require.Eventually(t, func() bool { return b.waitingCallbacks() == 0 }, time.Minute, 10*time.Millisecond)
}

func (b *bundle) waitingCallbacks() int {
	b.t.Helper()
	var waiting struct{ Count int }
	b.admin(http.MethodGet, "/admin/callbacks", nil, &waiting)
	return waiting.Count
}
