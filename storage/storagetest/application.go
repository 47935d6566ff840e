package storagetest

import (
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
)

// NewApplication returns an application of the person that will be accepted: their own files, and a challenge answered.
// change may spoil it.
func (h *Env) NewApplication(p Person, change ...func(*cards.NewApplication)) cards.NewApplication {
	h.t.Helper()
	a := cards.NewApplication{
		Person: p.ID, DocumentType: p.Roster.DocumentType, DocumentNumber: p.Roster.DocumentNumber,
		Evidence: []cards.Evidence{
			{Item: campus.DocumentItem, Upload: h.Upload(p.ID, campus.DocumentUpload).ID},
			{Item: campus.CertificateItem, Upload: h.Upload(p.ID, campus.CertificateUpload).ID, Code: "CERT" + p.Roster.Number},
		},
		ConsentVersion: campus.ConsentVersion, Liveness: h.LivenessAnswer(p.ID), PolicyVersion: h.Policies.Version(),
	}
	for _, fn := range change {
		fn(&a)
	}
	return a
}

// LivenessAnswer answers a new challenge with two frames that were just uploaded.
func (h *Env) LivenessAnswer(person uuid.UUID) cards.LivenessAnswer {
	h.t.Helper()
	challenge, err := h.Cards.AddChallenge(h.t.Context(), Request(campus.Student(person)), person, campus.Nod, time.Hour)
	require.NoError(h.t, err)
	return cards.LivenessAnswer{Challenge: challenge.ID, Frames: []uuid.UUID{
		h.Upload(person, campus.FrameUpload).ID, h.Upload(person, campus.FrameUpload).ID,
	}}
}

// Applied returns the case of an application the person has just handed in.
func (h *Env) Applied(p Person, change ...func(*cards.NewApplication)) campus.CaseRef {
	h.t.Helper()
	accepted, err := h.Apply(h.t.Context(), Request(campus.Student(p.ID)), h.NewApplication(p, change...))
	require.NoError(h.t, err)
	return campus.CaseRef{Kind: campus.ApplicationCase, ID: accepted.ID}
}

// Decision keeps what somebody decides about a case, as the API does before it tells the workflow. The case is put to a
// stage at which that can be decided, if it is at none.
func (h *Env) Decision(ref campus.CaseRef, by campus.Actor, update string, said campus.Said,
	payload any) campus.Decision {
	h.t.Helper()
	h.PutWhere(ref, update)
	decision, err := h.Casework.OpenDecision(h.t.Context(), Request(by),
		casework.NewDecision{Case: ref, Update: update, Said: said, Payload: payload})
	require.NoError(h.t, err)
	return decision.Decision
}

// PutWhere puts a case to a stage at which something is decided, if it is at none.
func (h *Env) PutWhere(ref campus.CaseRef, update string) {
	h.t.Helper()
	rule, known := campus.RuleOf(ref.Kind, update)
	require.True(h.t, known, "a case of kind %s takes no %s", ref.Kind, update)
	if !rule.At(One[campus.Stage](h, `select stage from cases where id = $1`, ref.ID)) {
		stage := campus.StageClosing
		if len(rule.Stages) > 0 {
			stage = rule.Stages[0]
		}
		h.Exec(`update cases set stage = $2 where id = $1`, ref.ID, stage)
	}
}

// NextMove returns the next move of a case to a stage.
func (h *Env) NextMove(ref campus.CaseRef, stage campus.Stage, waits campus.Party) campus.Move {
	h.t.Helper()
	version := One[int64](h, `select version from cases where id = $1`, ref.ID)
	return campus.Move{Case: ref, Version: version + 1, Name: "to:" + string(stage), Stage: stage, WaitsFor: waits}
}
