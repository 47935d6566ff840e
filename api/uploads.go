package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage"
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

func uploadOf(u storage.Upload) uploadView {
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
	looked, err := s.inspect(ctx, policy, sent)
	if err != nil {
		return nil, err
	}
	request := s.request(ctx)
	request.BodyHash = hash(append([]byte(sent.purpose+"\n"), sent.content...)) // the form's boundary is new each time
	kept, err := s.store.AddUpload(ctx, request, storage.NewUpload{
		Person: person(ctx).ID, Purpose: sent.purpose, ContentType: looked.contentType,
		Width: looked.width, Height: looked.height, Content: sent.content,
	})
	return answered(uploadOf(kept)), err
}

func (s *Server) getUpload(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}) (*answer[uploadView], error) {
	found, err := s.store.OwnUpload(ctx, person(ctx).ID, in.ID)
	return answered(uploadOf(found)), err
}

// file is the form of an upload.
type file struct {
	purpose  campus.UploadPurpose
	name     string
	declared string // content type of the part
	content  []byte
}

// readForm reads purpose and file, once each and nothing else.
func readForm(contentType string, body []byte, maxBytes int64) (file, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return file{}, campus.Errorf(campus.Unsupported, "form_expected", "an upload is multipart/form-data")
	}
	var sent file
	form := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return sent, sent.complete()
		}
		if err != nil {
			return file{}, campus.Errorf(campus.Invalid, "form_broken", "the form ends early")
		}
		if err := sent.take(part, maxBytes); err != nil {
			return file{}, err
		}
	}
}

func (f *file) take(part *multipart.Part, maxBytes int64) error {
	content, err := io.ReadAll(part)
	if err != nil {
		return campus.Errorf(campus.Invalid, "form_broken", "the form ends early")
	}
	switch {
	case part.FormName() == "purpose" && f.purpose == "":
		f.purpose = campus.UploadPurpose(content)
	case part.FormName() == "file" && f.content == nil:
		if int64(len(content)) > maxBytes {
			return &campus.Error{Code: campus.TooLarge, Reason: "file_too_large", Field: "file",
				Message: "the file has too many bytes"}
		}
		f.name, f.declared, f.content = part.FileName(), part.Header.Get("Content-Type"), content
	default:
		return campus.Errorf(campus.Invalid, "form_unknown", "the form has a part that is not asked for")
	}
	return nil
}

func (f *file) complete() error {
	switch f.purpose {
	case campus.DocumentUpload, campus.CertificateUpload, campus.FrameUpload, campus.ResidenceUpload, campus.LetterUpload:
	default:
		return campus.FieldErrorf("purpose", "purpose_unknown", "no such purpose")
	}
	switch {
	case f.content == nil:
		return campus.FieldErrorf("file", "file_missing", "no file")
	case len(f.content) == 0:
		return campus.FieldErrorf("file", "file_empty", "the file has no bytes")
	}
	return nil
}
