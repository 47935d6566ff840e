package storage_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
)

func TestDecisions(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	who := reviewer()
	req := storagetest.Request(who)
	payload := map[string]string{"note": "照片看不清"}
	open := func(change func(*storage.Request)) (storage.Decision, error) {
		mine := req
		mine.ID = uuid.Must(uuid.NewV7())
		change(&mine)
		return h.OpenDecision(t.Context(), mine, "application/1", payload)
	}
	same := func(*storage.Request) {}

	first, err := h.OpenDecision(t.Context(), req, "application/1", payload)
	require.NoError(t, err)
	require.Equal(t, storage.Decision{ID: req.ID, Key: req.Key, Workflow: "application/1"}, first)
	again, err := open(same)
	require.NoError(t, err)
	require.Equal(t, first, again, "the same request has the same update id")
	for name, change := range map[string]func(*storage.Request){
		"another body":  func(r *storage.Request) { r.BodyHash = []byte("other") },
		"another actor": func(r *storage.Request) { r.Actor = campus.System() },
		"another route": func(r *storage.Request) { r.Route = "POST /other" },
	} {
		require.Equal(t, "idempotency_key_reused", outcome(second(open(change))), name)
	}
	require.JSONEq(t, `{"note": "照片看不清"}`, storagetest.One[string](h, `select payload::text from requests where id = $1`, req.ID))

	found, err := h.FindDecision(t.Context(), who, req.ID)
	require.NoError(t, err)
	require.Equal(t, first, found, "no answer yet")
	require.NoError(t, h.CloseDecision(t.Context(), req.Key, 200, map[string]string{"stage": "done"}))
	require.NoError(t, h.CloseDecision(t.Context(), req.Key, 202, map[string]string{"stage": "other"}), "two may wait for the same answer")
	for name, look := range map[string]func() (storage.Decision, error){
		"the same request again": func() (storage.Decision, error) { return open(same) },
		"a look by its id":       func() (storage.Decision, error) { return h.FindDecision(t.Context(), who, req.ID) },
	} {
		found, err := look()
		require.NoError(t, err, name)
		require.Equal(t, 200, found.Status, name)
		require.JSONEq(t, `{"stage": "done"}`, string(found.Answer), "%s: the first answer stays", name)
	}

	require.Equal(t, "not_found", outcome(second(h.FindDecision(t.Context(), campus.Staff(uuid.New()), req.ID))), "somebody else's")
	require.Equal(t, "not_found", outcome(second(h.FindDecision(t.Context(), who, uuid.New()))))
	plain := storagetest.Request(who)
	require.NoError(t, second(h.AddChallenge(t.Context(), plain, h.Person().ID, campus.Nod, 1)))
	require.Equal(t, "not_found", outcome(second(h.FindDecision(t.Context(), who, plain.ID))), "a request that no workflow decides")
}

func TestDecisionAtOnce(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	req := storagetest.Request(reviewer())
	ids := make([]uuid.UUID, 20)
	errs := atOnce(20, func(i int) error {
		mine := req
		mine.ID = uuid.Must(uuid.NewV7())
		decision, err := h.OpenDecision(t.Context(), mine, "application/1", struct{}{})
		ids[i] = decision.ID
		return err
	})
	require.Equal(t, map[string]int{"done": 20}, outcomes(errs))
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	require.Equal(t, 1, count(h, `requests where workflow = 'application/1' and payload = '{}'`))
}

// A decision knows which version of its case it is about, at every try.
func TestDecisionSeesItsCase(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	p := h.Person()
	accepted, err := h.Apply(t.Context(), storagetest.Request(campus.Student(p.ID)), h.NewApplication(p))
	require.NoError(t, err)
	req := storagetest.Request(campus.Student(p.ID))
	for _, version := range []int64{0, 4, 5} {
		h.Exec(`update cases set version = $1`, version)
		decision, err := h.OpenDecision(t.Context(), req, "application/"+accepted.ID.String(), struct{}{})
		require.NoError(t, err)
		require.Equal(t, version, decision.Seen)
	}
}
