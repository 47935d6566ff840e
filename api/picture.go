package api

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"image/png"
	"mime"
	"path"
	"slices"
	"strings"

	"campuscard/campus"
)

// picturesAtOnce bounds the memory: a picture of the largest size takes up to 320 MB while it is decoded.
const picturesAtOnce = 2

// format is a kind of file we take, told by its first bytes.
type format struct {
	contentType string
	magic       string
	extensions  []string
	config      func([]byte) (image.Config, error)
	decode      func([]byte) error
}

func formats() []format {
	return []format{
		{"image/jpeg", "\xff\xd8\xff", []string{".jpg", ".jpeg", ".jpe"},
			func(b []byte) (image.Config, error) { return jpeg.DecodeConfig(bytes.NewReader(b)) },
			func(b []byte) error { _, err := jpeg.Decode(bytes.NewReader(b)); return err }},
		{"image/png", "\x89PNG\r\n\x1a\n", []string{".png"},
			func(b []byte) (image.Config, error) { return png.DecodeConfig(bytes.NewReader(b)) },
			func(b []byte) error { _, err := png.Decode(bytes.NewReader(b)); return err }},
		{contentType: "application/pdf", magic: "%PDF-", extensions: []string{".pdf"}},
	}
}

// inspected is what a file turned out to be.
type inspected struct {
	contentType   string
	width, height int
}

// inspect looks at the content, never at the name alone: what it is, whether that is what it says and what its
// purpose allows, how large the picture is before any memory is spent on it, and whether it can be decoded.
func (s *Server) inspect(ctx context.Context, policy campus.UploadPolicy, f file) (inspected, error) {
	list := formats()
	i := slices.IndexFunc(list, func(k format) bool { return bytes.HasPrefix(f.content, []byte(k.magic)) })
	if i < 0 {
		return inspected{}, fileError(campus.Unsupported, "file_type", "the file is neither JPEG nor PNG nor PDF")
	}
	kind := list[i]
	if !kind.agrees(f) {
		return inspected{}, fileError(campus.Unsupported, "file_disguised", "the file is not what its name or type says")
	}
	if kind.config == nil {
		return inspected{contentType: kind.contentType}, checkPDF(f)
	}
	config, err := kind.config(f.content)
	if err != nil {
		return inspected{}, fileError(campus.Invalid, "file_damaged", "the picture cannot be read")
	}
	if int64(config.Width)*int64(config.Height) > policy.MaxPixels {
		return inspected{}, fileError(campus.TooLarge, "file_pixels", "the picture has too many pixels")
	}
	return inspected{kind.contentType, config.Width, config.Height}, s.decode(ctx, kind, f.content)
}

// decode reads the whole picture, because a good head says nothing about the rest.
func (s *Server) decode(ctx context.Context, kind format, content []byte) error {
	select {
	case s.pictures <- struct{}{}:
		defer func() { <-s.pictures }()
	case <-ctx.Done():
		return campus.Errorf(campus.Unavailable, "uploads_busy", "too many pictures at once")
	}
	if err := kind.decode(content); err != nil {
		return fileError(campus.Invalid, "file_damaged", "the picture cannot be read to its end")
	}
	return nil
}

// agrees tells whether name and declared type, where there are any, say what the content is.
func (k format) agrees(f file) bool {
	extension := strings.ToLower(path.Ext(f.name))
	if extension != "" && !slices.Contains(k.extensions, extension) {
		return false
	}
	declared, _, err := mime.ParseMediaType(f.declared)
	return f.declared == "" || err == nil && (declared == k.contentType || declared == "application/octet-stream")
}

// checkPDF takes a PDF as a paper only, not as a picture of a document or a face. It is not rendered here; its end shows that it came whole.
func checkPDF(f file) error {
	if f.purpose == campus.DocumentUpload || f.purpose == campus.FrameUpload {
		return fileError(campus.Unsupported, "file_not_picture", "this purpose takes pictures only")
	}
	if !bytes.Contains(f.content[max(0, len(f.content)-1024):], []byte("%%EOF")) {
		return fileError(campus.Invalid, "file_damaged", "the PDF has no end")
	}
	return nil
}

func fileError(code campus.Code, reason, message string) error {
	return &campus.Error{Code: code, Reason: reason, Field: "file", Message: message}
}
