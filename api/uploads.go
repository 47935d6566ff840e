package api

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/cards"
)

type uploadView struct {
	ID          uuid.UUID            `json:"id" format:"uuid"`
	Purpose     campus.UploadPurpose `json:"purpose"`
	ContentType string               `json:"content_type"`
	Bytes       int64                `json:"bytes"`
	Width       int                  `json:"width" doc:"Pixels; 0 for a PDF"`
	Height      int                  `json:"height"`
	SHA256      string               `json:"sha256"`
	CreatedAt   time.Time            `json:"created_at"`
}

func uploadOf(u cards.Upload) uploadView {
	return uploadView{u.ID, u.Purpose, u.ContentType, u.Bytes, u.Width, u.Height, hex.EncodeToString(u.SHA256),
		u.CreatedAt}
}

type uploadInput struct {
	ContentType string `header:"Content-Type" required:"true"`
}

// addUpload takes a file that is what it says. The form is read by us and stays in memory: the standard library would
// put a large part on disk, unsealed.
func (s *Server) addUpload(ctx context.Context, in *uploadInput) (*answer[uploadView], error) {
	policy := s.policies.For(person(ctx).University).Uploads
	sent, err := readForm(in.ContentType, rawBody(ctx), policy.MaxBytes)
	if err != nil {
		return nil, err
	}
	looked, err := s.looking.inspect(ctx, actor(ctx), policy, sent)
	if err != nil {
		return nil, err
	}
	request := s.request(ctx)
	request.BodyHash = hash(append([]byte(sent.purpose+"\n"), sent.content...)) // the form's boundary is new each time
	kept, err := s.store.Cards.AddUpload(ctx, request, cards.NewUpload{
		Person: person(ctx).ID, Purpose: sent.purpose, ContentType: looked.contentType,
		Width: looked.width, Height: looked.height, Content: sent.content,
	})
	return answered(uploadOf(kept)), err
}

func (s *Server) getUpload(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}) (*answer[uploadView], error) {
	found, err := s.store.Cards.OwnUpload(ctx, person(ctx).ID, in.ID)
	return answered(uploadOf(found)), err
}
