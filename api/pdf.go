package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"

	"campuscard/campus"
)

// inspectPDF takes a PDF as a paper only, not as a picture of a document or a face. Staff have to be able to open it:
// it is read as a viewer without a password reads it, and has a page. Nothing is rendered here.
func (s *Server) inspectPDF(ctx context.Context, policy campus.UploadPolicy, f file) error {
	if f.purpose == campus.DocumentUpload || f.purpose == campus.FrameUpload {
		return fileError(campus.Unsupported, "file_not_picture", "this purpose takes pictures only")
	}
	words := streamWords(f.content)
	if words > 2*policy.MaxStreams {
		return tooLaborious()
	}
	conf := readerOfPDF(policy, words)
	return s.looking.while(ctx, actor(ctx), policy, func(ctx context.Context) error {
		err := readPDF(ctx, f.content, conf)
		switch {
		case err == nil || ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, pdfcpu.ErrWrongPassword), errors.Is(err, pdfcpu.ErrUnsupportedEncryptionFeature):
			return fileError(campus.Invalid, "file_locked", "the PDF cannot be opened without a password or key")
		}
		return fileError(campus.Invalid, "file_damaged", "the PDF cannot be read")
	})
}

// streamWords counts how often a PDF says "stream". Each stream has to say it once, in front; one that is written as it
// should be says it again at its end ("endstream"), which its reader does not need.
func streamWords(content []byte) int { return bytes.Count(content, []byte("stream")) }

// readerOfPDF bounds what reading may cost: all the streams together unpack to no more than policy.StreamBytes, however
// they are written.
func readerOfPDF(policy campus.UploadPolicy, words int) *model.Configuration {
	const mostObjects = 500_000
	each := policy.StreamBytes / int64(max(1, words))
	conf := model.NewDefaultConfiguration()
	conf.Cmd, conf.ValidationMode, conf.Offline = model.LISTINFO, model.ValidationRelaxed, true
	conf.Limits.MaxStreamBytes, conf.Limits.MaxDecodeBytes, conf.Limits.MaxObjectStreamFirst = policy.MaxBytes, each, each
	conf.Limits.MaxObjectCount, conf.Limits.MaxXRefEntries = mostObjects, mostObjects
	conf.Limits.MaxObjectStreamCount = mostObjects
	return conf
}

// readPDF reads the objects of a PDF and counts its pages. Files from anywhere make the library panic now and then.
func readPDF(ctx context.Context, content []byte, conf *model.Configuration) (err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = errors.New("the PDF breaks its reader")
		}
	}()
	read, err := pdfcpu.ReadWithContext(ctx, bytes.NewReader(content), conf)
	if err != nil {
		return fmt.Errorf("read a PDF: %w", err)
	}
	if err := read.EnsurePageCount(); err != nil {
		return fmt.Errorf("count the pages of a PDF: %w", err)
	}
	if read.PageCount < 1 {
		return errors.New("a PDF without pages")
	}
	return nil
}

// The library would make a folder of settings at home otherwise.
func init() { model.ConfigPath = "disable" }
