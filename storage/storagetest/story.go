package storagetest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/people"
	"campuscard/storage/production"
)

// Story is one student on the way from the application to the plastic in the kiosk.
type Story struct {
	*Env
	T           *testing.T
	Holder      Person
	Application campus.CaseRef
	Card        uuid.UUID
	PlasticCase campus.CaseRef
	Plastic     uuid.UUID
}

// HandedIn are the pictures that a story begins with.
var HandedIn = campus.Images{Purposes: []campus.UploadPurpose{campus.FrameUpload, campus.DocumentUpload,
	campus.CertificateUpload}}

// Apply begins a story.
func Apply(t *testing.T) *Story {
	t.Helper()
	h := New(t)
	person := h.Person()
	return &Story{Env: h, T: t, Holder: person, Application: h.Applied(person)}
}

// Approve makes the pending card.
func (s *Story) Approve() *Story {
	s.T.Helper()
	s.Card = uuid.Must(uuid.NewV7())
	m := s.NextMove(s.Application, campus.StageActivation, campus.WaitsForStudent)
	m.Decision = s.Decision(s.Application, Reviewer(), campus.ReviewUpdate, Approve, cards.ReviewNote{})
	require.NoError(s.T, s.Answered(m, Err(s.Cards.CreateCard(s.T.Context(), m, s.Card, Approval()))))
	return s
}

// Activate makes the card active and orders the plastic.
func (s *Story) Activate() *Story {
	s.T.Helper()
	s.Approve()
	m := s.Activated()
	require.NoError(s.T, s.Answered(m, Err(s.ActivateCard(s.T.Context(), m, s.Activation()))))
	require.NoError(s.T, s.Production.NoteOrder(s.T.Context(), s.Plastic, "order-1")) // what was never ordered is not reported on
	return s
}

// Activation is what activating the story's card sets going.
func (s *Story) Activation() cards.Activation {
	s.Plastic = uuid.Must(uuid.NewV7())
	s.PlasticCase = campus.CaseRef{Kind: campus.PlasticCase, ID: uuid.Must(uuid.NewV7())}
	return cards.Activation{
		Card: s.Card, PlasticCase: s.PlasticCase.ID, Plastic: s.Plastic, CardLife: 365 * 24 * time.Hour,
		PromisedAt: campus.Date{Year: 2026, Month: time.November, Day: 20}.End(),
		Change:     campus.Change{Actor: campus.Student(s.Holder.ID), Channel: "app", Reason: "activated"},
	}
}

// Activated is the move by which the student activates the card, which closes the application well.
func (s *Story) Activated() campus.Move {
	s.T.Helper()
	m := s.Done()
	m.Decision = s.Decision(s.Application, campus.Student(s.Holder.ID), campus.ActivateUpdate, campus.Said{}, struct{}{})
	return m
}

// Lapse is the student not activating the card in time.
func (s *Story) Lapse() {
	s.T.Helper()
	require.NoError(s.T, Err(s.Casework.Record(s.T.Context(),
		s.NextMove(s.Application, campus.StageLapsed, campus.WaitsForStudent))))
}

// Answered ends the decision of a move, as whoever has sent it to the workflow does.
func (s *Story) Answered(m campus.Move, err error) error {
	s.T.Helper()
	if err != nil {
		require.NoError(s.T, Err(s.Casework.RefuseDecision(s.T.Context(), m.Decision.ID, err)))
		return err
	}
	require.NoError(s.T, Err(s.Casework.CloseDecision(s.T.Context(), m.Decision.ID, []byte(`{}`))))
	return nil
}

// approve and askMore are what reviewers say.
var (
	Approve = campus.Said{Action: "approve"}
	AskMore = campus.Said{Action: "ask_more"}
)

// Done is the move that closes the application well.
func (s *Story) Done() campus.Move {
	m := s.NextMove(s.Application, campus.StageDone, campus.WaitsForNobody)
	m.Outcome = campus.Completed
	return m
}

// Deliver brings the plastic to the kiosk and answers its pickup code.
func (s *Story) Deliver() (code string) {
	s.T.Helper()
	s.Activate()
	require.NoError(s.T, s.Production.SaveOrder(s.T.Context(), s.Plastic, "bo-1"))
	require.NoError(s.T, s.TakeReport(s.T.Context(), s.Report(campus.PlasticReady, 4)))
	code, err := s.Production.PickupCode(s.CurrentPlastic())
	require.NoError(s.T, err)
	return code
}

// Report is what the bureau says about the story's plastic.
func (s *Story) Report(state campus.PlasticState, sequence int) production.Report {
	r := production.Report{CallbackID: uuid.NewString(), BodyHash: []byte("hash"), OrderID: "bo-1", Plastic: s.Plastic,
		State: state, Sequence: sequence}
	if state == campus.PlasticReady {
		r.Kiosk, r.Compartment = EastKiosk, "A01"
	}
	return r
}

// CurrentPlastic answers the plastic that the story's case is about now.
func (s *Story) CurrentPlastic() production.Plastic {
	s.T.Helper()
	p, err := s.Production.CurrentPlastic(s.T.Context(), s.PlasticCase.ID)
	require.NoError(s.T, err)
	return p
}

// Reviewer is somebody who decides; who it is does not matter to storage.
func Reviewer() campus.Actor {
	return campus.Staff(uuid.NewSHA1(uuid.NameSpaceOID, []byte("reviewer")))
}

// Approval is the change by which a reviewer approves.
func Approval() campus.Change {
	return campus.Change{Actor: Reviewer(), Channel: "workflow", Reason: "approved"}
}

// Open asks for a decision on the story's application and answers the item.
func (s *Story) Open(item campus.NewWorkItem) uuid.UUID {
	s.T.Helper()
	m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
	m.Opens = []campus.NewWorkItem{item}
	require.NoError(s.T, Err(s.Casework.Record(s.T.Context(), m)))
	return One[uuid.UUID](s.Env, `select id from work_items where kind = $1 and step = $2 and closed_at is null`,
		item.Kind, item.Step)
}

// Colleague is a member of staff of the default university.
func (s *Story) Colleague(grants ...campus.Grant) campus.StaffMember {
	member, _ := s.Staff(University, grants...)
	return member
}

// Tell queues messages to the story's person with a move each, a minute apart.
func (s *Story) Tell(texts ...string) {
	s.T.Helper()
	for _, text := range texts {
		m := s.NextMove(s.Application, campus.StageReview, campus.WaitsForReviewer)
		m.Notices = []campus.Notice{{Template: "notice.test", Params: map[string]string{"code": text}}}
		require.NoError(s.T, Err(s.Casework.Record(s.T.Context(), m)))
		s.Clock.Advance(time.Minute)
	}
}

// CloseDecision ends a decision as done, as whoever has sent it does.
func (s *Story) CloseDecision(id uuid.UUID) {
	s.T.Helper()
	require.NoError(s.T, Err(s.Casework.CloseDecision(s.T.Context(), id, []byte(`{}`))))
}

// Resends are the decisions that are sent again now.
func (s *Story) Resends(limit int) []uuid.UUID {
	s.T.Helper()
	taken, err := s.Casework.TakeResends(s.T.Context(), limit)
	require.NoError(s.T, err)
	ids := make([]uuid.UUID, len(taken))
	for i, d := range taken {
		ids[i] = d.ID
	}
	return ids
}

// Proposes makes a move one that proposes to a second person what to do with a step.
func (s *Story) Proposes(m *campus.Move, who campus.StaffMember, action campus.Settlement, step, note string) {
	s.T.Helper()
	by, said := campus.Staff(who.ID), campus.Said{Action: string(action), Step: step, Attempt: 1}
	m.Name = campus.SettleMove(said, true)
	m.Decision = s.Decision(m.Case, by, campus.SettleStepUpdate, said, cards.ReviewNote{Note: note})
	m.Proposes = []campus.Proposal{{Step: step, Action: action, By: by}}
}

// Activates is the holder activating the approved card.
func (s *Story) Activates() error {
	m := s.Activated()
	return s.Answered(m, Err(s.ActivateCard(s.T.Context(), m, s.Activation())))
}

// Pickup is what the kiosk sends when the right document lies on it.
func (s *Story) Pickup(code string) production.Pickup {
	return production.Pickup{Kiosk: EastKiosk, Code: code, DocumentNumber: s.Holder.Roster.DocumentNumber,
		Tries: func(string) int { return PickupTries }}
}

// Try is one request of the kiosk, with a key of its own.
func (s *Story) Try(p production.Pickup) error {
	return Err(s.PickUp(s.T.Context(), Request(campus.Machine(p.Kiosk)), p))
}

// Replacing is somebody with an active card who may not have it any longer, and whose new card is approved under
// another number. with is what happens to the first card in between.
func Replacing(t *testing.T, with func(*Story)) (first, next *Story) {
	t.Helper()
	first = Apply(t)
	with(first)
	first.Exec(`update people set status = 'graduated' where id = $1`, first.Holder.ID)
	return first, Again(first).Approve()
}

// CentreGrant is the grant of the card centre.
var CentreGrant = campus.Grant{Role: campus.CardCentre}

// Credentials are what a person signs in with.
func Credentials(p Person, password string) people.Credentials {
	return people.Credentials{University: p.University, Name: p.Roster.Number, Password: password}
}

// SignInFirst signs in with the initial password.
func SignInFirst(t *testing.T, h *Env, p Person) (people.Principal, string) {
	t.Helper()
	session, err := h.People.SignInStudent(t.Context(), h.Policy().SignIn, Credentials(p, p.Initial))
	require.NoError(t, err)
	require.Equal(t, people.InitialSession, session.Level)
	who, err := h.People.FindSession(t.Context(), session.Token)
	require.NoError(t, err)
	return who, session.Token
}

// Rush is a policy of the waiting line that lets twenty in a second.
var Rush = campus.RushPolicy{StartsPerSecond: 20, Backlog: 100_000} //nolint:gochecknoglobals // never changes

// Admit answers whom one look at the line starts, in order.
func Admit(t *testing.T, h *Env, p campus.RushPolicy, limit int) []string {
	t.Helper()
	h.Exec(`delete from outbox`)
	n, err := h.Outreach.Admit(t.Context(), p, limit)
	require.NoError(t, err)
	started := strings.Fields(One[string](h, `select coalesce(string_agg(workflow_id, ' ' order by id), '') from outbox`))
	require.Len(t, started, n)
	return started
}

// PickupTries is how many wrong codes a kiosk takes.
const PickupTries = 5

// Again is another application at the same house, of a person who has the document and the name of the story's.
func Again(s *Story, change ...func(*people.RosterPerson)) *Story {
	s.T.Helper()
	return AgainAt(s, University, change...)
}

// AgainAt has the same human apply at a university once more, under another number.
func AgainAt(s *Story, university string, change ...func(*people.RosterPerson)) *Story {
	s.T.Helper()
	person := s.PersonOf(university, append([]func(*people.RosterPerson){func(p *people.RosterPerson) {
		p.DocumentNumber, p.Name = s.Holder.Roster.DocumentNumber, s.Holder.Roster.Name
	}}, change...)...)
	return &Story{Env: s.Env, T: s.T, Holder: person, Application: s.Applied(person)}
}
