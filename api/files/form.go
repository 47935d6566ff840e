package files

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"

	"campuscard/campus"
)

// FormSlack is what a form is more than its file, in bytes.
const FormSlack = 64 << 10

// file is the form of an upload.
type file struct {
	Purpose  campus.UploadPurpose
	name     string
	declared string // content type of the part
	Content  []byte
}

// ReadForm reads purpose and file, once each and nothing else.
func ReadForm(contentType string, body []byte, maxBytes int64) (file, error) {
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
	case part.FormName() == "purpose" && f.Purpose == "":
		f.Purpose = campus.UploadPurpose(content)
	case part.FormName() == "file" && f.Content == nil:
		if int64(len(content)) > maxBytes {
			return &campus.Error{Code: campus.TooLarge, Reason: "file_too_large", Field: "file",
				Message: "the file has too many bytes"}
		}
		f.name, f.declared, f.Content = part.FileName(), part.Header.Get("Content-Type"), content
	default:
		return campus.Errorf(campus.Invalid, "form_unknown", "the form has a part that is not asked for")
	}
	return nil
}

func (f *file) complete() error {
	switch f.Purpose {
	case campus.DocumentUpload, campus.CertificateUpload, campus.FrameUpload, campus.ResidenceUpload, campus.LetterUpload:
	default:
		return campus.FieldErrorf("purpose", "purpose_unknown", "no such purpose")
	}
	switch {
	case f.Content == nil:
		return campus.FieldErrorf("file", "file_missing", "no file")
	case len(f.Content) == 0:
		return campus.FieldErrorf("file", "file_empty", "the file has no bytes")
	}
	return nil
}
