package workflowtest

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/school/simulator"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

// Env is a store and a school for one test.
type Env struct {
	*storagetest.Env
	Systems *school.Systems
	School  *School

	t      testing.TB
	policy string // laid over the default
}

// New opens a house. policy is YAML laid over the default policy; empty leaves it as it is.
func New(t testing.TB, policy string) *Env {
	t.Helper()
	h := &Env{Env: storagetest.New(t), School: startSchool(t), t: t, policy: policy}
	h.University(storagetest.University)
	for _, name := range []string{"reviewer", "operator", "first", "second"} {
		h.Exec(`insert into staff (id, university, username, name, password_hash, grants) values ($1, $2, $3, $3, '', '[]')`,
			Staff(name).ID, storagetest.University, name)
	}
	files := policyFiles(policy)
	var err error
	h.Policies, err = readPolicies(policy)
	require.NoError(t, err)
	require.NoError(t, h.Casework.KeepPolicy(t.Context(), h.Policies.Version(), files))
	h.Systems, err = school.New(school.Config{BaseURL: h.School.url, APIKey: apiKey, SMTPAddress: h.School.smtp,
		MailFrom: "card@campuscard.example", Timeout: patience})
	require.NoError(t, err)
	return h
}

// readPolicies reads a policy once: a variable, because reading takes a tenth of a second under the race detector.
func readPolicies(over string) (*campus.Policies, error) {
	read, _ := policies.LoadOrStore(over, sync.OnceValues(func() (*campus.Policies, error) {
		return campus.LoadPolicies(policyFiles(over)...)
	}))
	return read.(func() (*campus.Policies, error))()
}

var policies sync.Map // by what is laid over the default

// Student is a student in the house's roster and in the school's registers.
type Student struct {
	ID          uuid.UUID
	Number      string
	Route       campus.Route
	Category    campus.Category
	Type        campus.DocumentType
	Certificate string
	Letter      string
	Residence   string
	Identity    string // whose face they have
	Document    string
	Name        string
	Phone       string
	Email       string
}

// Student imports the next student of the school for whom all is well.
func (h *Env) Student() Student {
	h.t.Helper()
	return h.enroll(h.School.next())
}

// Applicant imports one of those whom the school has under some criteria, e.g. "kind=admitted&category=mainland".
func (h *Env) Applicant(criteria string) Student {
	h.t.Helper()
	return h.enroll(h.School.one(criteria))
}

// Stranger is on the house's roster and nobody at the school knows them.
func (h *Env) Stranger() Student {
	h.t.Helper()
	p := h.School.next()
	p.Number, p.CertificateCode = "1999010001", "NOBODYSCODE"
	return h.enroll(p)
}

func (h *Env) enroll(p person) Student {
	h.t.Helper()
	faults, err := h.People.ImportPeople(h.t.Context(), storagetest.University, []people.RosterPerson{{
		Number: p.Number, Name: p.Name, DocumentType: campus.DocumentType(p.DocumentType), DocumentNumber: p.DocumentNumber,
		Category: campus.Category(p.Category), Phone: p.Phone, Email: p.Email, Level: p.Level, College: p.College,
		Campus: p.Campus,
		Status: p.Status, EnrolledOn: cmp.Or(p.EnrolledOn, p.EnrolsOn), GraduatesOn: p.GraduatesOn,
	}})
	require.NoError(h.t, err)
	require.Empty(h.t, faults)
	route, _ := campus.RouteOf(p.Status)
	return Student{
		Route: route, Category: campus.Category(p.Category), Type: campus.DocumentType(p.DocumentType),
		Letter: p.LetterCode, Residence: p.RegistrationCode,
		ID:     storagetest.One[uuid.UUID](h.Env, `select id from people where number = $1`, p.Number),
		Number: p.Number, Certificate: p.CertificateCode, Identity: p.Identity, Document: p.DocumentNumber, Name: p.Name,
		Phone: p.Phone, Email: p.Email,
	}
}

// Apply hands in an application of the student with live frames that have a flaw, and answers the case. change may
// leave something out.
func (h *Env) Apply(s Student, flaw Flaw, change ...func(*cards.NewApplication)) campus.CaseRef {
	h.t.Helper()
	application := cards.NewApplication{
		Person: s.ID, Kiosk: storagetest.EastKiosk, DocumentType: s.Type, DocumentNumber: s.Document,
		Evidence: h.Papers(s, campus.Papers(s.Route, s.Category)...), ConsentVersion: "1",
		PolicyVersion: h.Policies.Version(),
	}
	for _, fn := range change {
		fn(&application)
	}
	if !application.Counter {
		application.Liveness = h.Answer(s, flaw)
	}
	accepted, err := h.Store.Apply(h.t.Context(), storagetest.Request(campus.Student(s.ID)), application)
	require.NoError(h.t, err)
	return campus.CaseRef{Kind: campus.ApplicationCase, ID: accepted.ID}
}

// Submit is HR's call for a member of staff (A2), and answers the case that it opens.
func (h *Env) Submit(s Student) campus.CaseRef {
	h.t.Helper()
	call := casework.Callback{Sender: casework.HRSender(storagetest.University), ID: uuid.NewString(),
		BodyHash: []byte("body")}
	opened, err := h.SubmitEmployees(h.t.Context(), call, storagetest.University, []string{s.Number}, h.Policies.Version())
	require.NoError(h.t, err)
	require.Equal(h.t, "opened", opened[0].Outcome)
	return campus.CaseRef{Kind: campus.ApplicationCase, ID: opened[0].ID}
}

// Papers are papers of the student, uploaded anew.
func (h *Env) Papers(s Student, items ...campus.Item) []cards.Evidence {
	h.t.Helper()
	codes := map[campus.Item]string{campus.CertificateItem: s.Certificate, campus.ResidenceItem: s.Residence,
		campus.LetterItem: s.Letter}
	brought := make([]cards.Evidence, len(items))
	for i, item := range items {
		brought[i] = cards.Evidence{Item: item, Upload: h.Upload(s.ID, campus.UploadPurpose(item)).ID, Code: codes[item]}
	}
	return brought
}

// Answer answers a new challenge with live frames that have a flaw.
func (h *Env) Answer(s Student, flaw Flaw) cards.LivenessAnswer {
	h.t.Helper()
	challenge, err := h.Cards.AddChallenge(h.t.Context(), storagetest.Request(campus.Student(s.ID)), s.ID, campus.Nod,
		time.Hour)
	require.NoError(h.t, err)
	answer := cards.LivenessAnswer{Challenge: challenge.ID}
	for _, frame := range frames(s.Identity, flaw) {
		upload, err := h.Cards.AddUpload(h.t.Context(), storagetest.Request(campus.Student(s.ID)), cards.NewUpload{
			Person: s.ID, Purpose: campus.FrameUpload, ContentType: "image/jpeg", Width: 640, Height: 480, Content: frame,
		})
		require.NoError(h.t, err)
		answer.Frames = append(answer.Frames, upload.ID)
	}
	return answer
}

// Decide keeps a decision on a case, as the API does before its workflow is told.
func (h *Env) Decide(ref campus.CaseRef, update string, by campus.Actor, said campus.Said,
	payload any) (casework.Decision, error) {
	h.t.Helper()
	return h.Casework.OpenDecision(h.t.Context(), storagetest.Request(by),
		casework.NewDecision{Case: ref, Update: update, Said: said, Payload: payload})
}

// Hold keeps the worker from sending a decision: the test does so. Were it for longer, the worker took it for the work
// of a clock that was set back, and brings it forward (storage/casework/upkeep.go).
func (h *Env) Hold(d casework.Decision) {
	h.t.Helper()
	h.Exec(`update requests set resend_at = $2 where id = $1`, d.ID, h.Now().Add(time.Minute))
}

// Staff is somebody who works here, another one for each name.
func Staff(name string) campus.Actor {
	return campus.Staff(uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)))
}

// everything is a member of staff who may see every case.
//
//nolint:gochecknoglobals // it never changes
var everything = campus.StaffMember{University: storagetest.University,
	Grants: []campus.Grant{{Role: campus.Administrator}}}

// SetBack has Postgres forget the newest move of a case and its line in the timeline, as a copy does that was made
// before.
func (h *Env) SetBack(ref campus.CaseRef, event string) {
	h.t.Helper()
	h.ExecAsOwner(`delete from moves m using cases c where c.id = $1 and m.case_id = c.id and m.version = c.version`, ref.ID)
	h.ExecAsOwner(`delete from events where case_id = $1 and kind = $2`, ref.ID, event)
	h.ExecAsOwner(`update moves set at = at - interval '1 hour'`)
	h.ExecAsOwner(`update cases c set version = m.version, stage = m.stage, waits_for = m.waits_for, due = m.due,
			entered = m.version, entered_at = m.at
		from moves m where m.case_id = c.id and m.version = c.version - 1 and c.id = $1`, ref.ID)
}

// Case is how a case stands in the tables.
func (h *Env) Case(ref campus.CaseRef) casework.Case {
	h.t.Helper()
	found, err := h.Casework.StaffCase(h.t.Context(), everything, ref.ID)
	require.NoError(h.t, err)
	require.Equal(h.t, ref, found.Ref())
	return found
}

// Events are the kinds of the timeline of a case, in order.
func (h *Env) Events(ref campus.CaseRef) []string {
	h.t.Helper()
	timeline, err := h.Casework.Timeline(h.t.Context(), ref.ID, false)
	require.NoError(h.t, err)
	kinds := make([]string, len(timeline))
	for i, event := range timeline {
		kinds[i] = event.Kind
	}
	return kinds
}

// OpenItems are the open work items of a case.
func (h *Env) OpenItems(ref campus.CaseRef) []casework.WorkItem {
	h.t.Helper()
	items, err := h.Casework.CaseWorkItems(h.t.Context(), ref.ID)
	require.NoError(h.t, err)
	return items
}

// Verdicts are the verdicts of an application by item, each with its reason if it has one: "fail phone_of_another".
func (h *Env) Verdicts(ref campus.CaseRef) map[campus.Item]string {
	h.t.Helper()
	findings, err := h.Casework.Findings(h.t.Context(), ref.ID)
	require.NoError(h.t, err)
	verdicts := map[campus.Item]string{}
	for _, f := range findings {
		verdicts[f.Item] = string(f.Verdict)
		if f.Reason != "" {
			verdicts[f.Item] += " " + f.Reason
		}
	}
	return verdicts
}

// Tries are the attempts of a step, oldest first, as "attempt outcome".
func (h *Env) Tries(ref campus.CaseRef, step string) []casework.Attempt {
	h.t.Helper()
	all, err := h.Casework.Attempts(h.t.Context(), ref.ID)
	require.NoError(h.t, err)
	var tries []casework.Attempt
	for _, attempt := range all {
		if attempt.Step == step {
			tries = append(tries, attempt)
		}
	}
	return tries
}

// CardStates are the states of the student's cards, newest first.
func (h *Env) CardStates(s Student) []campus.CardState {
	h.t.Helper()
	cards, err := h.Cards.Cards(h.t.Context(), s.ID)
	require.NoError(h.t, err)
	states := make([]campus.CardState, len(cards))
	for i, card := range cards {
		states[i] = card.State
	}
	return states
}

// Notices are the templates of the messages a case has queued, oldest first.
func (h *Env) Notices(ref campus.CaseRef) []string {
	h.t.Helper()
	return storagetest.One[[]string](h.Env,
		`select coalesce(array_agg(template order by created_at, id), '{}') from notices where case_id = $1`, ref.ID)
}

// PlasticCase is the case of the plastic that an activated application has begun.
func (h *Env) PlasticCase(application campus.CaseRef) campus.CaseRef {
	h.t.Helper()
	return campus.CaseRef{Kind: campus.PlasticCase, ID: storagetest.One[uuid.UUID](h.Env,
		`select p.case_id from plastics p join cards c on c.id = p.card_id where c.application_id = $1 limit 1`,
		application.ID)}
}

// startSchool starts a simulator that ends with the test.
func startSchool(t testing.TB) *School {
	t.Helper()
	sim, err := simulator.New(simulator.Config{Address: "127.0.0.1:0", SMTPAddress: "127.0.0.1:0", StateDir: t.TempDir(),
		APIKey: apiKey, Seed: 1, People: 400}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- sim.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	s := &School{t: t, url: sim.URL(), smtp: sim.SMTPAddress()}
	s.Bureau(Fields{"produce_ms": 0, "ship_ms": 0, "deliver_ms": 0})
	return s
}

// Facts is a fingerprint of every table but the attempts, which are a new row each time by their nature, and those in
// which loops of the worker keep how far they have looked.
func (h *Env) Facts() string {
	h.t.Helper()
	return storagetest.One[string](h.Env,
		`select string_agg(relname || md5(query_to_xml('select * from ' || relname || ' t order by t::text',
		true, true, '')::text), ' ' order by relname) from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace
		and relname not in ('attempts', 'goose_db_version', 'told_until', 'account_checks')`)
}
