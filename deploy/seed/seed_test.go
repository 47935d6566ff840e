package seed_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy/seed"
	"campuscard/school"
	"campuscard/school/simulator"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

const apiKey = "the key of the test of the seed"

// schools are the school's systems of a small population, and the address of their admin side.
func schools(t *testing.T, people int) (*school.Systems, string) {
	t.Helper()
	sim, err := simulator.New(simulator.Config{Address: "127.0.0.1:0", SMTPAddress: "127.0.0.1:0", StateDir: t.TempDir(),
		APIKey:         apiKey,
		CallbackSecret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		Seed:           1, People: people}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- sim.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	systems, err := school.New(school.Config{BaseURL: sim.URL(), APIKey: apiKey, SMTPAddress: sim.SMTPAddress(),
		MailFrom: "campus card <card@campuscard.example>", Timeout: time.Minute})
	require.NoError(t, err)
	return systems, sim.URL()
}

// house has both universities, with every campus of the population.
func newEnv(t *testing.T) *storagetest.Env {
	t.Helper()
	h := storagetest.New(t)
	for code, campuses := range map[string][]string{"lcu": {"east", "west"}, "lcvtc": {"main"}} {
		university := people.University{Code: code, NameZH: code, NameEN: code}
		for _, name := range campuses {
			university.Campuses = append(university.Campuses, people.Campus{Code: name, NameZH: name, NameEN: name})
		}
		require.NoError(t, h.People.SeedUniversity(t.Context(), university))
	}
	return h
}

func peopleOf(h *storagetest.Env, university string) int {
	return storagetest.One[int](h, `select count(*) from people where university = $1`, university)
}

// rosterPage is how many lines of an export are asked for at once.
const rosterPage = 500

// A bad line is left out with a warning by its number in the export, however many pages that has, the rest goes in, and
// the next university is reached.
func TestBadLinesOfARosterAreLeftOut(t *testing.T) {
	t.Parallel()
	systems, admin := schools(t, 800) // two pages of students at the first
	whole := newEnv(t)
	both := []string{"lcu", "lcvtc"}
	require.NoError(t, seed.ImportRosters(t.Context(), whole.Store, systems, both, whole.Log))
	for _, system := range []string{"academic", "hr"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, admin+"/admin/faults/"+system,
			strings.NewReader(`{"mode":"malformed","malformed":"lines","university":"lcu"}`))
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusOK, answer.StatusCode)
	}
	h := newEnv(t)
	var out bytes.Buffer
	require.NoError(t, seed.ImportRosters(t.Context(), h.Store, systems, both, slog.New(slog.NewTextHandler(&out, nil))))
	warned, without := strings.Count(out.String(), "level=WARN"), strings.Count(out.String(), "went in without")
	require.GreaterOrEqual(t, warned, 2*8+1, "eight lines of each page of the students, and some of staff:\n%s", &out)
	require.Equal(t, peopleOf(whole, "lcu")-warned+without, peopleOf(h, "lcu"), "all others went in")
	require.Equal(t, peopleOf(whole, "lcvtc"), peopleOf(h, "lcvtc"))
	const left, taken = `"a line of the roster was left out"`, `"a line of the roster went in without what is wrong"`
	for line, want := range map[int]string{1: left + " roster.unreadable", 2: left + " roster.unreadable",
		4: left + " roster.incomplete",
		5: left + " roster.incomplete", 7: left + " roster.phone", 8: taken + " roster.phone_unreachable"} {
		what, reason, _ := strings.Cut(want, " roster.")
		for _, before := range []int{0, rosterPage} {
			require.Contains(t, out.String(),
				fmt.Sprintf("msg=%s export=students university=lcu line=%d reason=roster.%s\n", what, before+line, reason))
		}
	}
	require.Contains(t, out.String(), "export=employees university=lcu line=1 reason=roster.unreadable",
		"a line number alone could be of either")
	names := storagetest.One[string](whole,
		`select string_agg(name || '|' || number || '|' || phone, '|') from people where university = 'lcu'`)
	for _, content := range strings.Split(names, "|") {
		require.NotContains(t, out.String(), content, "a log is no place for what a line says")
	}
}

// An import that fails at one university is told, and the next one is reached.
func TestTheNextUniversityIsReached(t *testing.T) {
	t.Parallel()
	systems, _ := schools(t, 60)
	h := newEnv(t)
	err := seed.ImportRosters(t.Context(), h.Store, systems, []string{"elsewhere", "lcvtc"}, h.Log)
	require.ErrorContains(t, err, "the roster of elsewhere")
	require.ErrorContains(t, err, "the employees of elsewhere")
	require.NotEqual(t, campus.Internal, campus.CodeOf(err))
	require.Positive(t, peopleOf(h, "lcvtc"))
}
