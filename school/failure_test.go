package school_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/school/portrait"
)

// everyCall is one call of every method that goes over HTTP and has an answer to read.
func everyCall(ctx context.Context, s *school.Systems, others cast, orderID string) map[string]func(key string) error {
	p := others.student
	photo := portrait.Photo(p.Identity)
	return map[string]func(string) error{
		"academic student": func(string) error { _, err := s.Academic.Student(ctx, lcu, p.Number); return err },
		"academic roster":  func(string) error { _, _, err := s.Academic.Roster(ctx, lcu, "", 3); return err },
		"academic photo":   func(string) error { _, err := s.Academic.Photo(ctx, lcu, p.Number); return err },
		"academic certificate": func(string) error {
			_,
				err := s.Academic.Certificate(ctx, lcu, p.CertificateCode)
			return err
		},
		"carrier verification": func(string) error {
			_, err := s.Carrier.VerifyHolder(ctx, p.Phone, p.Name, p.DocumentNumber)
			return err
		},
		"face liveness":   func(k string) error { _, err := s.Face.Liveness(ctx, k+"l", "nod", [][]byte{photo}); return err },
		"face comparison": func(k string) error { _, err := s.Face.Compare(ctx, k+"c", photo, photo); return err },
		"bureau order":    func(k string) error { _, err := s.Bureau.PlaceOrder(ctx, k, p.order("plastic-"+k)); return err },
		"bureau production": func(string) error {
			_, err := s.Bureau.Production(ctx, orderID)
			return err
		},
		"bureau cancellation": func(k string) error { _, err := s.Bureau.Cancel(ctx, k+"x", orderID); return err },
		"access grant":        func(k string) error { _, err := s.Access.Grant(ctx, lcu, k, p.holder()); return err },
		"library patron":      func(k string) error { _, err := s.Library.OpenPatron(ctx, lcu, k, p.holder()); return err },
		"canteen account":     func(k string) error { _, err := s.Canteen.OpenAccount(ctx, lcu, k, p.holder()); return err },
		"sms message":         func(k string) error { return s.SMS.Send(ctx, k, p.Phone, "text") },

		"academic admission": func(string) error {
			_,
				err := s.Academic.Admission(ctx, lcu, others.freshman.Number)
			return err
		},
		"hr employee":  func(string) error { _, err := s.HR.Employee(ctx, lcu, others.employee.Number); return err },
		"hr employees": func(string) error { _, _, err := s.HR.Employees(ctx, lcu, "", 3); return err },
		"hr photo":     func(string) error { _, err := s.HR.Photo(ctx, lcu, others.employee.Number); return err },
		"international letter": func(string) error {
			_, err := s.International.Letter(ctx, lcu, others.foreigner.LetterCode)
			return err
		},
		"international registration": func(string) error {
			_, err := s.International.ResidenceRegistration(ctx, lcu, others.foreigner.RegistrationCode)
			return err
		},
		"laundry subscription": func(k string) error {
			_, err := s.Services.Subscribe(ctx, "laundry", lcu, k, p.holder())
			return err
		},
	}
}

// cast are the people of everyCall: systems other than the registry know other people.
type cast struct{ student, freshman, employee, foreigner person }

func (b *bundle) cast() cast {
	return cast{b.somebody("plain"), b.somebody("admitted"), b.somebody("staff"), b.one("kind=plain&category=foreign")}
}

func TestEveryFaultOfEverySystemIsSorted(t *testing.T) {
	t.Parallel()
	faults := map[string]struct {
		fault fields
		want  campus.Code
	}{
		"outage":        {fields{"mode": "outage"}, campus.Unavailable},
		"flaky before":  {fields{"mode": "flaky", "rate": 1, "moment": "before"}, campus.Unavailable},
		"flaky after":   {fields{"mode": "flaky", "rate": 1, "moment": "after"}, campus.Unavailable},
		"slow before":   {fields{"mode": "slow", "latency_ms": 60_000, "moment": "before"}, campus.Unavailable},
		"slow after":    {fields{"mode": "slow", "latency_ms": 60_000, "moment": "after"}, campus.Unavailable},
		"HTML":          {fields{"mode": "malformed", "malformed": "html"}, campus.BadAnswer},
		"half":          {fields{"mode": "malformed", "malformed": "half"}, campus.BadAnswer},
		"wrong type":    {fields{"mode": "malformed", "malformed": "type"}, campus.BadAnswer},
		"missing field": {fields{"mode": "malformed", "malformed": "missing"}, campus.BadAnswer},
		"too large":     {fields{"mode": "malformed", "malformed": "large"}, campus.BadAnswer},
	}
	for name, test := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			people := b.cast()
			order, err := b.Bureau.PlaceOrder(t.Context(), "first", people.student.order("plastic-first"))
			require.NoError(t, err)
			timeout := time.Minute
			if test.fault["mode"] == "slow" {
				timeout = 150 * time.Millisecond
			}
			calls := everyCall(t.Context(), b.clients(timeout), people, order.OrderID)
			for _, system := range []string{"academic", "carrier", "face", "bureau", "access", "library", "canteen", "sms",
				"hr", "international", "laundry"} {
				b.fault(system, test.fault)
			}
			for _, call := range slices.Sorted(maps.Keys(calls)) {
				err := calls[call]("faulty")
				if strings.HasSuffix(call, " photo") && name == "half" {
					require.NoError(t, err, "the header of half a JPEG is whole") // whoever decodes it finds out
					continue
				}
				require.Equal(t, test.want, campus.CodeOf(err), "%s: %v", call, err)
				requireNothingPersonal(t, people, err)
			}
		})
	}
}

func requireNothingPersonal(t *testing.T, who cast, err error) {
	t.Helper()
	for _, p := range []person{who.student, who.freshman, who.employee, who.foreigner} {
		for _, secret := range []string{p.Number, p.Name, p.Phone[3:], p.DocumentNumber, p.CertificateCode, p.LetterCode,
			p.RegistrationCode} {
			if secret != "" {
				require.NotContains(t, err.Error(), secret)
			}
		}
	}
}

func TestStatusesAreSorted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		kind   string
		body   string
		want   campus.Code
		reason string
	}{
		"not found":                    {404, "application/json", `{"code":"not_found"}`, campus.NotFound, "not_found"},
		"not found, says a proxy":      {404, "text/html", `<html>404</html>`, campus.BadAnswer, ""},
		"conflict":                     {409, "application/json", `{"code":"delivered"}`, campus.Conflict, "delivered"},
		"refused":                      {422, "application/json", `{"code":"phone_form"}`, campus.Refused, "phone_form"},
		"refused with a text":          {422, "application/json", `{"code":"王小明 is unknown"}`, campus.Refused, ""},
		"refused with a long word":     {422, "application/json", fmt.Sprintf(`{"code":"%0100d"}`, 0), campus.Refused, ""},
		"too many":                     {429, "application/json", `{"code":"slow_down"}`, campus.Unavailable, ""},
		"our key is not taken":         {401, "application/json", `{"code":"unauthenticated"}`, campus.Unavailable, ""},
		"internal":                     {500, "application/json", `{"code":"x"}`, campus.Unavailable, ""},
		"redirect to a login":          {302, "text/html", ``, campus.BadAnswer, ""},
		"nothing":                      {200, "application/json", ``, campus.BadAnswer, ""},
		"null":                         {200, "application/json", `null`, campus.BadAnswer, ""},
		"two answers":                  {200, "application/json", `{"match":true}{"match":true}`, campus.BadAnswer, ""},
		"right, and more than we know": {200, "application/json; charset=utf-8", `{"match":true,"more":1}`, "", ""},
	}
	for name, test := range tests {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", test.kind)
			w.Header().Set("Location", "/login")
			w.WriteHeader(test.status)
			_, _ = w.Write([]byte(test.body))
		}))
		systems, err := school.New(school.Config{BaseURL: "http://localhost",
			Addresses: map[string]string{"carrier": server.URL}})
		require.NoError(t, err)
		_, err = systems.Carrier.VerifyHolder(t.Context(), "+8613900000001", "王小明", "37150220060901001X")
		require.Equal(t, test.want, campus.CodeOf(err), name)
		require.Equal(t, test.reason, campus.ReasonOf(err), name)
		server.Close()
	}
}

func TestAnAnswerThatBreaksOffIsNoAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte(`{"match":true}`))
	}))
	defer server.Close()
	systems, err := school.New(school.Config{BaseURL: server.URL})
	require.NoError(t, err)
	_, err = systems.Carrier.VerifyHolder(t.Context(), "+8613900000001", "name", "document")
	require.Equal(t, campus.BadAnswer, campus.CodeOf(err))
}

func TestNobodyThereIsUnavailable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	people := b.cast()
	b.stop()
	for name, call := range everyCall(t.Context(), b.Systems, people, "bo-1") {
		err := call("key")
		require.Equal(t, campus.Unavailable, campus.CodeOf(err), name)
		requireNothingPersonal(t, people, err)
	}
}

func TestTheCallersEndIsTheCallersError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.somebody("plain")
	b.fault("academic", fields{"mode": "slow", "latency_ms": 60_000})

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Academic.Student(cancelled, lcu, p.Number)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, campus.Internal, campus.CodeOf(err), "a cancelled call says nothing about the system")

	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = b.Academic.Student(short, lcu, p.Number)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, campus.Unavailable, campus.CodeOf(err))
}
