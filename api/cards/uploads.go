package cards

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/api/files"
	"campuscard/campus"
	"campuscard/storage/cards"
)

// UploadView is what is known about a file that was handed in.
type UploadView struct {
	ID          uuid.UUID            `json:"id" format:"uuid"`
	Purpose     campus.UploadPurpose `json:"purpose"`
	ContentType string               `json:"content_type"`
	Bytes       int64                `json:"bytes"`
	Width       int                  `json:"width" doc:"Pixels; 0 for a PDF"`
	Height      int                  `json:"height"`
	SHA256      string               `json:"sha256"`
	CreatedAt   time.Time            `json:"created_at"`
}

// UploadOf shows a file.
func UploadOf(u cards.Upload) UploadView {
	return UploadView{u.ID, u.Purpose, u.ContentType, u.Bytes, u.Width, u.Height, hex.EncodeToString(u.SHA256),
		u.CreatedAt}
}

type uploadInput struct {
	ContentType string `header:"Content-Type" required:"true"`
}

// addUpload takes a file that is what it says. The form is read by us and stays in memory: the standard library would
// put a large part on disk, unsealed.
func (s *Server) addUpload(ctx context.Context, in *uploadInput) (*core.Answer[UploadView], error) {
	policy := s.Policies.For(core.Person(ctx).University).Uploads
	sent, err := files.ReadForm(in.ContentType, core.RawBody(ctx), policy.MaxBytes)
	if err != nil {
		return nil, err
	}
	looked, err := s.Looking.Inspect(ctx, core.Actor(ctx), policy, sent)
	if err != nil {
		return nil, err
	}
	request := s.Request(ctx)
	request.BodyHash = core.Hash(append([]byte(sent.Purpose+"\n"), sent.Content...)) // the form's boundary is new each time
	kept, err := s.Store.Cards.AddUpload(ctx, request, cards.NewUpload{
		Person: core.Person(ctx).ID, Purpose: sent.Purpose, ContentType: looked.ContentType,
		Width: looked.Width, Height: looked.Height, Content: sent.Content,
	})
	return core.Answered(UploadOf(kept)), err
}

func (s *Server) getUpload(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}) (*core.Answer[UploadView], error) {
	found, err := s.Store.Cards.OwnUpload(ctx, core.Person(ctx).ID, in.ID)
	return core.Answered(UploadOf(found)), err
}
