package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/pdfcpu/pdfcpu/pkg/filter"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"campuscard/campus"
)

// inspectPDF takes a PDF as a paper only, not as a picture of a document or a face. Staff have to be able to open it:
// it is read as a viewer without a password reads it, and has a page. Nothing is rendered here.
func (l *Looking) inspectPDF(ctx context.Context, whose campus.Actor, policy campus.UploadPolicy, f file) error {
	if f.Purpose == campus.DocumentUpload || f.Purpose == campus.FrameUpload {
		return fileError(campus.Unsupported, "file_not_picture", "this purpose takes pictures only")
	}
	if streamWords(f.Content) > 2*policy.MaxStreams {
		return tooLaborious()
	}
	return l.while(ctx, whose, policy, func(ctx context.Context) error {
		verdict, err := l.readPDFApart(ctx, policy, f.Content)
		switch {
		case err != nil:
			return err
		case verdict == pdfReadable:
			return nil
		case verdict == pdfLocked:
			return fileError(campus.Invalid, "file_locked", "the PDF cannot be opened without a password or key")
		case verdict == pdfLaborious:
			return tooLaborious()
		}
		return fileError(campus.Invalid, "file_damaged", "the PDF cannot be read")
	})
}

// verdictOfPDF reads a PDF in the process that is there for it.
func verdictOfPDF(policy campus.UploadPolicy, content []byte) pdfVerdict {
	head := headPDF(content)
	if head < 0 {
		return pdfDamaged
	}
	err := readPDF(content[head:], readerOfPDF(policy, streamWords(content)))
	switch {
	case err == nil:
		return pdfReadable
	case errors.Is(err, pdfcpu.ErrWrongPassword), errors.Is(err, pdfcpu.ErrUnsupportedEncryptionFeature):
		return pdfLocked
	case errors.Is(err, filter.ErrDecodeLimitExceeded):
		return pdfLaborious
	}
	return pdfDamaged
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

// headPDF returns where a PDF begins; -1: it is none. Viewers look for its head in the first 1024 bytes, because mail
// and web programs put a mark of UTF-8 or lines of their own before it.
func headPDF(content []byte) int {
	return bytes.Index(content[:min(len(content), 1024)], []byte("%PDF-"))
}

// readPDF reads the objects of a PDF and looks at its pages. Files from anywhere make the library panic now and then.
func readPDF(content []byte, conf *model.Configuration) (err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = errors.New("the PDF breaks its reader")
		}
	}()
	read, err := pdfcpu.ReadWithContext(context.Background(), bytes.NewReader(content), conf)
	if err != nil {
		return fmt.Errorf("read a PDF: %w", err)
	}
	root, err := read.Pages()
	if err != nil || root == nil {
		return errors.New("a PDF without pages")
	}
	if !hasTrailer(content) {
		return errors.New("a PDF without its end")
	}
	pages, err := walkPages(read.XRefTable, *root, map[int]bool{})
	if err == nil && pages < 1 {
		err = errors.New("a PDF without pages")
	}
	return err
}

// hasTrailer tells whether a PDF says where its objects begin. The library finds them without; viewers give up. One
// that is linearized, for the web, says it in front, before the trailer of its other objects (ISO 32000-1, annex F).
func hasTrailer(content []byte) bool {
	parts := bytes.Split(content, []byte("trailer"))
	root := []byte("/Root")
	switch {
	case len(parts) > 1 && bytes.Contains(parts[len(parts)-1], root), bytes.Contains(content, []byte("/XRef")):
		return true
	}
	return len(parts) > 2 && bytes.Contains(parts[1], root) && bytes.Contains(parts[0], []byte("/Linearized"))
}

// walkPages counts the pages below a node of the tree. A page that is not there, and a tree that comes back to itself,
// show nothing to whoever opens it.
func walkPages(objects *model.XRefTable, node types.IndirectRef, seen map[int]bool) (pages int, err error) {
	found, err := objects.DereferenceDict(node)
	if err != nil || found == nil {
		return 0, errors.New("a page is missing")
	}
	below, parent := found.Find("Kids")
	if !parent {
		return 1, nil
	}
	number := node.ObjectNumber.Value()
	if seen[number] {
		return 0, errors.New("the pages of a PDF come back to themselves")
	}
	seen[number] = true
	kids, err := objects.DereferenceArray(below)
	if err != nil {
		return 0, fmt.Errorf("read the pages of a PDF: %w", err)
	}
	for _, kid := range kids {
		ref, ok := kid.(types.IndirectRef)
		if !ok {
			return 0, errors.New("a page is missing")
		}
		more, err := walkPages(objects, ref, seen)
		if err != nil {
			return 0, err
		}
		pages += more
	}
	return pages, nil
}

// The library would make a folder of settings at home otherwise.
func init() { model.ConfigPath = "disable" }
