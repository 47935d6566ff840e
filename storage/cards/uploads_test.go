package cards_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/storagetest"
)

func newUpload(p storagetest.Person) cards.NewUpload {
	return cards.NewUpload{Person: p.ID, Purpose: campus.DocumentUpload, ContentType: "image/jpeg", Width: 1, Height: 1,
		Content: []byte("the picture of a document")}
}

func TestUploads(t *testing.T) {
	t.Parallel()

	t.Run("what is kept is sealed, and opens again", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		upload, err := h.Cards.AddUpload(t.Context(), storagetest.Request(campus.Student(p.ID)), newUpload(p))
		require.NoError(t, err)
		found, content, err := h.Cards.ReadUpload(t.Context(), upload.ID)
		require.NoError(t, err)
		require.Equal(t, "the picture of a document", string(content))
		require.Equal(t, upload.SHA256, found.SHA256)
		objects := h.Objects()
		require.Len(t, objects, 1)
		require.False(t, bytes.Contains(objects["uploads/"+upload.ID.String()], []byte("picture")))
	})

	t.Run("a sealed file moved to another place does not open", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		one, other := h.Upload(p.ID, campus.DocumentUpload), h.Upload(p.ID, campus.DocumentUpload)
		h.Exec(`update uploads set object_key = (select object_key from uploads where id = $1) where id = $2`, one.ID,
			other.ID)
		_, _, err := h.Cards.ReadUpload(t.Context(), other.ID)
		require.NoError(t, err, "the key is what it is bound to")
		sealed := h.Objects()["uploads/"+one.ID.String()]
		h.PutObject("uploads/elsewhere", sealed)
		h.Exec(`update uploads set object_key = 'uploads/elsewhere' where id = $1`, other.ID)
		_, _, err = h.Cards.ReadUpload(t.Context(), other.ID)
		require.ErrorContains(t, err, "wrong key or damaged")
	})

	t.Run("somebody else's is as if it did not exist", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p, other := h.Person(), h.Person()
		upload := h.Upload(p.ID, campus.DocumentUpload)
		_, theirs := h.Cards.OwnUpload(t.Context(), other.ID, upload.ID)
		require.Equal(t, "upload_unknown", campus.ReasonOf(theirs))
		_, none := h.Cards.OwnUpload(t.Context(), other.ID, uuid.New())
		require.Equal(t, campus.NotFound, campus.CodeOf(none))
	})

	t.Run("deleting twice is harmless", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		upload := h.Upload(p.ID, campus.FrameUpload)
		for range 2 {
			require.NoError(t, h.Cards.ForgetUploads(t.Context(), []uuid.UUID{upload.ID}))
			require.Empty(t, h.Objects())
			_, _, err := h.Cards.ReadUpload(t.Context(), upload.ID)
			require.Equal(t, "file_gone", campus.ReasonOf(err))
		}
	})

	t.Run("unused ones go, used ones stay", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		unused, used := h.Upload(p.ID, campus.FrameUpload), h.Upload(p.ID, campus.FrameUpload)
		h.Exec(`update uploads set taken_by = $1 where id = $2`, uuid.New(), used.ID)
		n, err := h.Cards.ExpireUnusedUploads(t.Context(), h.Clock.Now(), 10)
		require.NoError(t, err)
		require.Zero(t, n, "not old enough")
		h.Clock.Advance(49 * time.Hour)
		n, err = h.Cards.ExpireUnusedUploads(t.Context(), h.Clock.Now().Add(-48*time.Hour), 10)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		_, _, err = h.Cards.ReadUpload(t.Context(), unused.ID)
		require.Equal(t, "file_gone", campus.ReasonOf(err))
		_, _, err = h.Cards.ReadUpload(t.Context(), used.ID)
		require.NoError(t, err)
	})
}

func TestObjectOutage(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	p := h.Person()
	kept, more := h.Upload(p.ID, campus.DocumentUpload), h.Upload(p.ID, campus.CertificateUpload)
	cfg := h.Config
	cfg.Objects.Endpoint = "http://127.0.0.1:1"
	store, err := storage.Open(t.Context(), cfg, h.Clock.Now, h.Log)
	require.NoError(t, err, "applications are accepted without the object store")
	defer store.Close()
	_, err = store.Cards.AddUpload(t.Context(), storagetest.Request(campus.Student(p.ID)), newUpload(p))
	require.Equal(t, "objects_down", campus.ReasonOf(err))
	_, _, err = store.Cards.ReadUpload(t.Context(), kept.ID)
	require.Equal(t, campus.Unavailable, campus.CodeOf(err))
	for i, id := range []uuid.UUID{kept.ID, more.ID} {
		require.NoError(t, store.Cards.ForgetUploads(t.Context(), []uuid.UUID{id}), "no case stops for it")
		_, _, err = h.Cards.ReadUpload(t.Context(), id)
		require.Equal(t, "file_gone", campus.ReasonOf(err), "nobody reads it any more")
		require.Equal(t, campus.Unavailable, campus.CodeOf(storagetest.Err(store.DeleteFiles(t.Context(), 10))))
		require.Equal(t, i+1, storagetest.Count(h, `file_deletions`), "it waits for the object store")
	}
	mute := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_,
			_ = w.Write([]byte("well"))
	}))
	defer mute.Close()
	cfg.Objects.Endpoint = mute.URL
	strange, err := storage.Open(t.Context(), cfg, h.Clock.Now, h.Log)
	require.NoError(t, err)
	defer strange.Close()
	gone, err := strange.DeleteFiles(t.Context(), 10)
	require.Error(t, err)
	require.Zero(t, gone, "an answer that nobody understands is none")
	require.Equal(t, 2, storagetest.Count(h, `file_deletions`))
	gone, err = h.DeleteFiles(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 1, gone, "no more than asked for")
	require.Empty(t, h.Objects())
	require.Zero(t, storagetest.Count(h, `file_deletions`))
}

func TestIdempotency(t *testing.T) {
	t.Parallel()

	t.Run("the same request gets the first answer and leaves one file", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		req := storagetest.Request(campus.Student(p.ID))
		first, err := h.Cards.AddUpload(t.Context(), req, newUpload(p))
		require.NoError(t, err)
		h.Clock.Advance(time.Minute)
		req.ID = uuid.Must(uuid.NewV7())
		again, err := h.Cards.AddUpload(t.Context(), req, newUpload(p))
		require.NoError(t, err)
		require.Equal(t, first.ID, again.ID)
		require.True(t, first.CreatedAt.Equal(again.CreatedAt))
		require.Len(t, h.Objects(), 1)
	})

	for name, change := range map[string]func(*casework.Request){
		"another body":   func(r *casework.Request) { r.BodyHash = []byte("other") },
		"another person": func(r *casework.Request) { r.Actor = campus.Student(uuid.New()) },
		"another route":  func(r *casework.Request) { r.Route = "POST /other" },
	} {
		t.Run("the same key with "+name+" is a conflict", func(t *testing.T) {
			t.Parallel()
			h := storagetest.New(t)
			p := h.Person()
			req := storagetest.Request(campus.Student(p.ID))
			_, err := h.Cards.AddUpload(t.Context(), req, newUpload(p))
			require.NoError(t, err)
			req.ID = uuid.Must(uuid.NewV7())
			change(&req)
			_, err = h.Cards.AddUpload(t.Context(), req, newUpload(p))
			require.Equal(t, "idempotency_key_reused", campus.ReasonOf(err))
			require.Len(t, h.Objects(), 1)
		})
	}

	t.Run("the same key at once makes one row", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		req := storagetest.Request(campus.Student(p.ID))
		ids := make([]uuid.UUID, 8)
		var all sync.WaitGroup
		for i := range ids {
			all.Go(func() {
				mine := req
				mine.ID = uuid.Must(uuid.NewV7())
				kept, err := h.Cards.AddChallenge(t.Context(), mine, p.ID, campus.Nod, time.Minute)
				if err == nil {
					ids[i] = kept.ID
				}
			})
		}
		all.Wait()
		for _, id := range ids {
			require.Equal(t, ids[0], id)
		}
		require.Equal(t, 1, storagetest.One[int](h, `select count(*) from challenges`))
	})

	t.Run("what was refused may be tried again under the same key", func(t *testing.T) {
		t.Parallel()
		h := storagetest.New(t)
		p := h.Person()
		who, _ := storagetest.SignInFirst(t, h, p)
		req := storagetest.Request(campus.Student(p.ID))
		h.Exec(`update people set phone = ''`)
		_, err := h.People.SendPhoneCode(t.Context(), req, h.Policy().SignIn, who)
		require.Equal(t, "phone_missing", campus.ReasonOf(err))
		h.Exec(`update people set phone = '+8613800000001'`)
		_, err = h.People.SendPhoneCode(t.Context(), req, h.Policy().SignIn, who)
		require.NoError(t, err)
	})
}
