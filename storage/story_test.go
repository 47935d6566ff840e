package storage_test

import (
	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

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

// open asks for a decision on the story's application and answers the item.
func (s *story) open(item campus.NewWorkItem) uuid.UUID {
	s.t.Helper()
	m := s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer)
	m.Opens = []campus.NewWorkItem{item}
	require.NoError(s.t, second(s.Record(s.t.Context(), m)))
	return storagetest.One[uuid.UUID](s.House, `select id from work_items where kind = $1 and step = $2 and closed_at is null`, item.Kind, item.Step)
}

// colleague is a member of staff of the default university.
func (s *story) colleague(grants ...campus.Grant) campus.StaffMember {
	member, _ := s.Staff(storagetest.University, grants...)
	return member
}

// tell queues messages to the story's person with a move each, a minute apart.
func (s *story) tell(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		m := s.NextMove(s.application, campus.StageReview, campus.WaitsForReviewer)
		m.Notices = []campus.Notice{{Template: "notice.test", Params: map[string]string{"code": text}}}
		require.NoError(s.t, second(s.Record(s.t.Context(), m)))
		s.Clock.Advance(time.Minute)
	}
}

func (s *story) closeDecision(id uuid.UUID) {
	s.t.Helper()
	require.NoError(s.t, second(s.CloseDecision(s.t.Context(), id, []byte(`{}`))))
}

// resends are the decisions that are sent again now.
func (s *story) resends(limit int) []uuid.UUID {
	s.t.Helper()
	taken, err := s.TakeResends(s.t.Context(), limit)
	require.NoError(s.t, err)
	ids := make([]uuid.UUID, len(taken))
	for i, d := range taken {
		ids[i] = d.ID
	}
	return ids
}

// proposes makes a move one that proposes to a second person what to do with a step.
func (s *story) proposes(m *campus.Move, who campus.StaffMember, action campus.Settlement, step, note string) {
	s.t.Helper()
	by, said := campus.Staff(who.ID), campus.Said{Action: string(action), Step: step, Attempt: 1}
	m.Name = campus.SettleMove(said, true)
	m.Decision = s.Decision(m.Case, by, campus.SettleStepUpdate, said, storage.ReviewNote{Note: note})
	m.Proposes = []campus.Proposal{{Step: step, Action: action, By: by}}
}

// activates is the holder activating the approved card.
func (s *story) activates() error {
	m := s.activated()
	return s.answered(m, second(s.ActivateCard(s.t.Context(), m, s.activation())))
}

// pickup is what the kiosk sends when the right document lies on it.
func (s *story) pickup(code string) storage.Pickup {
	return storage.Pickup{Kiosk: storagetest.EastKiosk, Code: code, DocumentNumber: s.person.Roster.DocumentNumber,
		Tries: func(string) int { return pickupTries }}
}

// try is one request of the kiosk, with a key of its own.
func (s *story) try(p storage.Pickup) error {
	return second(s.PickUp(s.t.Context(), storagetest.Request(campus.Machine(p.Kiosk)), p))
}

// replacing is somebody with an active card who may not have it any longer, and whose new card is approved under
// another number. with is what happens to the first card in between.
func replacing(t *testing.T, with func(*story)) (first, next *story) {
	t.Helper()
	first = apply(t)
	with(first)
	first.Exec(`update people set status = 'graduated' where id = $1`, first.person.ID)
	return first, again(first).approve()
}

var centreGrant = campus.Grant{Role: campus.CardCentre}

func credentials(p storagetest.Person, password string) storage.Credentials {
	return storage.Credentials{University: p.University, Name: p.Roster.Number, Password: password}
}

// signInFirst signs in with the initial password.
func signInFirst(t *testing.T, h *storagetest.House, p storagetest.Person) (storage.Principal, string) {
	t.Helper()
	session, err := h.SignInStudent(t.Context(), h.Policy().SignIn, credentials(p, p.Initial))
	require.NoError(t, err)
	require.Equal(t, storage.InitialSession, session.Level)
	who, err := h.FindSession(t.Context(), session.Token)
	require.NoError(t, err)
	return who, session.Token
}

var rush = campus.RushPolicy{StartsPerSecond: 20, Backlog: 100_000} //nolint:gochecknoglobals // never changes

// letIn is whom one look at the line starts, in order.
func letIn(t *testing.T, h *storagetest.House, p campus.RushPolicy, limit int) []string {
	t.Helper()
	h.Exec(`delete from outbox`)
	n, err := h.LetIn(t.Context(), p, limit)
	require.NoError(t, err)
	started := strings.Fields(storagetest.One[string](h, `select coalesce(string_agg(workflow_id, ' ' order by id), '') from outbox`))
	require.Len(t, started, n)
	return started
}

const pickupTries = 5

// again is another application at the same house, of a person who has the document and the name of the story's.
func again(s *story, change ...func(*storage.RosterPerson)) *story {
	s.t.Helper()
	return againAt(s, storagetest.University, change...)
}

func againAt(s *story, university string, change ...func(*storage.RosterPerson)) *story {
	s.t.Helper()
	person := s.PersonOf(university, append([]func(*storage.RosterPerson){func(p *storage.RosterPerson) {
		p.DocumentNumber, p.Name = s.person.Roster.DocumentNumber, s.person.Roster.Name
	}}, change...)...)
	return &story{House: s.House, t: s.t, person: person, application: s.Applied(person)}
}
