package storage_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
)

// atOnce runs fn n times at the same time and answers what each said.
func atOnce(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

// outcome is an error in a word: "done", its reason, or its code when it has none.
func outcome(err error) string {
	switch {
	case err == nil:
		return "done"
	case campus.ReasonOf(err) != "":
		return campus.ReasonOf(err)
	}
	return string(campus.CodeOf(err))
}

// outcomes counts what each of many said.
func outcomes(errs []error) map[string]int {
	counts := map[string]int{}
	for _, err := range errs {
		counts[outcome(err)]++
	}
	return counts
}

// second is the second of two results: the error.
func second[T any](_ T, err error) error { return err }

// count is how many rows a condition finds.
func count(h *storagetest.House, from string, args ...any) int {
	return storagetest.One[int](h, `select count(*) from `+from, args...)
}

// everything is the content of all tables, so that "nothing has changed" can be said of the whole database.
func everything(t *testing.T, h *storagetest.House) map[string]string {
	t.Helper()
	tables := storagetest.One[[]string](h, `select array_agg(tablename::text) from pg_tables where schemaname = 'public'`)
	queries := make([]string, len(tables))
	for i, table := range tables {
		queries[i] = fmt.Sprintf(`select '%[1]s' as name, coalesce(string_agg(r::text, E'\n' order by r::text), '') as rows from %[1]s r`, table)
	}
	conn := connect(t, h)
	rows, err := conn.Query(t.Context(), strings.Join(queries, " union all "))
	require.NoError(t, err)
	type content struct{ Name, Rows string }
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[content])
	require.NoError(t, err)
	all := map[string]string{}
	for _, table := range found {
		all[table.Name] = table.Rows
	}
	return all
}

// connect opens a connection of its own to the test's database.
func connect(t *testing.T, h *storagetest.House) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), h.Config.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) }) // the database goes with the test
	return conn
}

// story is one student on the way from the application to the plastic in the kiosk.
type story struct {
	*storagetest.House
	t           *testing.T
	person      storagetest.Person
	application campus.CaseRef
	card        uuid.UUID
	plasticCase campus.CaseRef
	plastic     uuid.UUID
}

// handedIn are the pictures that a story begins with.
var handedIn = campus.Images{Purposes: []campus.UploadPurpose{campus.FrameUpload, campus.DocumentUpload, campus.CertificateUpload}}

// apply begins a story.
func apply(t *testing.T) *story {
	t.Helper()
	h := storagetest.New(t)
	person := h.Person()
	return &story{House: h, t: t, person: person, application: h.Applied(person)}
}

// approve makes the pending card.
func (s *story) approve() *story {
	s.t.Helper()
	s.card = uuid.Must(uuid.NewV7())
	m := s.NextMove(s.application, campus.StageActivation, campus.WaitsForStudent)
	m.Decision = s.Decision(s.application, reviewer(), campus.ReviewUpdate, approve, storage.ReviewNote{})
	require.NoError(s.t, s.answered(m, second(s.CreateCard(s.t.Context(), m, s.card, approval()))))
	return s
}

// activate makes the card active and orders the plastic.
func (s *story) activate() *story {
	s.t.Helper()
	s.approve()
	m := s.activated()
	require.NoError(s.t, s.answered(m, second(s.ActivateCard(s.t.Context(), m, s.activation()))))
	require.NoError(s.t, s.NoteOrder(s.t.Context(), s.plastic, "order-1")) // what was never ordered is not reported on
	return s
}

// activation is what activating the story's card sets going.
func (s *story) activation() storage.Activation {
	s.plastic = uuid.Must(uuid.NewV7())
	s.plasticCase = campus.CaseRef{Kind: campus.PlasticCase, ID: uuid.Must(uuid.NewV7())}
	return storage.Activation{
		Card: s.card, PlasticCase: s.plasticCase.ID, Plastic: s.plastic, CardLife: 365 * 24 * time.Hour,
		PromisedAt: campus.Date{Year: 2026, Month: time.November, Day: 20}.End(),
		Change:     campus.Change{Actor: campus.Student(s.person.ID), Channel: "app", Reason: "activated"},
	}
}

// activated is the move by which the student activates the card, which closes the application well.
func (s *story) activated() campus.Move {
	s.t.Helper()
	m := s.done()
	m.Decision = s.Decision(s.application, campus.Student(s.person.ID), campus.ActivateUpdate, campus.Said{}, struct{}{})
	return m
}

// lapse is the student not activating the card in time.
func (s *story) lapse() {
	s.t.Helper()
	require.NoError(s.t, second(s.Record(s.t.Context(), s.NextMove(s.application, campus.StageLapsed, campus.WaitsForStudent))))
}

// answered ends the decision of a move, as whoever has sent it to the workflow does.
func (s *story) answered(m campus.Move, err error) error {
	s.t.Helper()
	if err != nil {
		require.NoError(s.t, second(s.RefuseDecision(s.t.Context(), m.Decision.ID, err)))
		return err
	}
	require.NoError(s.t, second(s.CloseDecision(s.t.Context(), m.Decision.ID, []byte(`{}`))))
	return nil
}

// approve and askMore are what reviewers say.
var (
	approve = campus.Said{Action: "approve"}
	askMore = campus.Said{Action: "ask_more"}
)

// done is the move that closes the application well.
func (s *story) done() campus.Move {
	m := s.NextMove(s.application, campus.StageDone, campus.WaitsForNobody)
	m.Outcome = campus.Completed
	return m
}

// deliver brings the plastic to the kiosk and answers its pickup code.
func (s *story) deliver() (code string) {
	s.t.Helper()
	s.activate()
	require.NoError(s.t, s.SaveOrder(s.t.Context(), s.plastic, "bo-1"))
	require.NoError(s.t, s.TakeReport(s.t.Context(), s.report(campus.PlasticReady, 4)))
	code, err := s.PickupCode(s.currentPlastic())
	require.NoError(s.t, err)
	return code
}

// report is what the bureau says about the story's plastic.
func (s *story) report(state campus.PlasticState, sequence int) storage.Report {
	r := storage.Report{CallbackID: uuid.NewString(), BodyHash: []byte("hash"), OrderID: "bo-1", Plastic: s.plastic,
		State: state, Sequence: sequence}
	if state == campus.PlasticReady {
		r.Kiosk, r.Compartment = storagetest.EastKiosk, "A01"
	}
	return r
}

func (s *story) currentPlastic() storage.Plastic {
	s.t.Helper()
	p, err := s.CurrentPlastic(s.t.Context(), s.plasticCase.ID)
	require.NoError(s.t, err)
	return p
}

// reviewer is somebody who decides; who it is does not matter to storage.
func reviewer() campus.Actor {
	return campus.Staff(uuid.NewSHA1(uuid.NameSpaceOID, []byte("reviewer")))
}

func approval() campus.Change {
	return campus.Change{Actor: reviewer(), Channel: "workflow", Reason: "approved"}
}

// twins are n more applications of the story's person, closed, each with a pending card under the same id.
func (s *story) twins(n int) []uuid.UUID {
	s.t.Helper()
	return s.Twins(s.application, n)
}
