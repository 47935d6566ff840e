package files

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"runtime"
	"slices"

	"campuscard/campus"
)

// format is a kind of file we take, told by its first bytes.
type format struct {
	ContentType string
	magic       string
	extensions  []string
	aliases     []string                              // other names of the type that are in use
	work        func([]byte) pictureWork              // what decoding costs beside its pixels; nil: no picture
	config      func(io.Reader) (image.Config, error) // nil: no picture
	decode      func(io.Reader) (image.Image, error)
}

// Formats are the kinds of files that are taken.
func Formats() []format {
	return []format{
		{"image/jpeg", "\xff\xd8\xff", []string{".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp"},
			[]string{"image/jpg", "image/pjpeg", "image/jfif", "image/x-jpeg"}, jpegWork, jpeg.DecodeConfig, jpeg.Decode},
		{"image/png", "\x89PNG\r\n\x1a\n", []string{".png"}, []string{"image/x-png"}, pngWork, png.DecodeConfig, png.Decode},
		{ContentType: "application/pdf", magic: "%PDF-", extensions: []string{".pdf"},
			aliases: []string{"application/x-pdf"}},
	}
}

// begins tells whether a content is of the kind. Before a PDF there may be something else: see headPDF.
func (k format) begins(content []byte) bool {
	if k.config == nil {
		return headPDF(content) >= 0
	}
	return bytes.HasPrefix(content, []byte(k.magic))
}

// inspected is what a file turned out to be.
type inspected struct {
	ContentType   string
	Width, Height int
}

// Inspect looks at the content, never at the name alone: what it is, whether that is what it says and what its
// purpose allows, how much work the picture is before any is done on it, and whether it can be read to its end.
func (l *Looking) Inspect(ctx context.Context, whose campus.Actor, policy campus.UploadPolicy, f file) (inspected,
	error) {
	list := Formats()
	i := slices.IndexFunc(list, func(k format) bool { return k.begins(f.Content) })
	if i < 0 {
		return inspected{}, fileError(campus.Unsupported, "file_type", "the file is neither JPEG nor PNG nor PDF")
	}
	kind := list[i]
	if !kind.agrees(f) {
		return inspected{}, fileError(campus.Unsupported, "file_disguised", "the file is not what its name or type says")
	}
	if kind.config == nil {
		return inspected{ContentType: kind.ContentType}, l.inspectPDF(ctx, whose, policy, f)
	}
	work := kind.work(f.Content)
	if work.chunks > policy.MaxChunks { // before the head is read: a PNG may hide the end of it behind them
		return inspected{}, tooLaborious()
	}
	config, err := kind.config(bytes.NewReader(f.Content))
	if err != nil {
		return inspected{}, unreadable(err)
	}
	if config.Width < 1 || config.Height < 1 { // a JPEG may say its height at the end (DNL), where no browser looks
		return inspected{}, fileError(campus.Unsupported, "file_unusual", "the picture does not begin with its size")
	}
	pixels := int64(config.Width) * int64(config.Height)
	if pixels > policy.MaxPixels {
		return inspected{}, fileError(campus.TooLarge, "file_pixels", "the picture has too many pixels")
	}
	if f.Purpose == campus.FrameUpload {
		if err := policy.Frame.Check(config.Width, config.Height, len(f.Content)); err != nil {
			return inspected{}, err
		}
	}
	if !work.within(policy) || work.twice && pixels > policy.MaxPixels/2 {
		return inspected{}, tooLaborious()
	}
	err = l.decode(ctx, whose, policy, kind, f.Content)
	if pixels > policy.MaxPixels/4 {
		runtime.GC() // or what the next one takes comes on top of it; there are no pointers in pixels, so it takes little
	}
	return inspected{kind.ContentType, config.Width, config.Height}, err
}

// decode reads the whole picture, because a good head says nothing about the rest.
func (l *Looking) decode(ctx context.Context, whose campus.Actor, policy campus.UploadPolicy, kind format,
	content []byte) error {
	return l.while(ctx, whose, policy, func(ctx context.Context) error {
		if _, err := kind.decode(&heedful{ctx, content}); err != nil && ctx.Err() == nil {
			return unreadable(err)
		}
		return ctx.Err()
	})
}

// unreadable tells a picture that is whole, and encoded as few programs do it, from a broken one.
func unreadable(err error) error {
	_, rareJPEG := errors.AsType[jpeg.UnsupportedError](err)
	_, rarePNG := errors.AsType[png.UnsupportedError](err)
	if rareJPEG || rarePNG {
		return fileError(campus.Unsupported, "file_unusual", "the picture is encoded in a rare way")
	}
	return fileError(campus.Invalid, "file_damaged", "the picture cannot be read to its end")
}

// heedful is a content that ends with its context. It is given out in small pieces, so that a decoder that spends long
// on each byte comes back for more soon.
type heedful struct {
	ctx  context.Context
	rest []byte
}

const heedfulPiece = 64 // bytes: about one scan of a picture that is made to cost time

// Read implements io.Reader.
func (h *heedful) Read(p []byte) (int, error) {
	if err := h.ctx.Err(); err != nil {
		return 0, err
	}
	if len(h.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), heedfulPiece)], h.rest)
	h.rest = h.rest[n:]
	return n, nil
}

// pictureWork is what decoding a picture costs, beside its pixels.
type pictureWork struct {
	scans        int   // how often the decoder goes over the picture
	coefficients int64 // that are held until the last scan was read; the rest is done in one go, which heeds nothing
	chunks       int   // beside those of the pixels, for each of which the decoder takes 4 KB
	twice        bool  // a PNG of 16 bits a colour that comes in passes: each is held beside the picture it becomes part of
}

func (w pictureWork) within(p campus.UploadPolicy) bool {
	return w.scans <= p.MaxScans && w.coefficients <= p.MaxCoefficients && w.chunks <= p.MaxChunks
}

// jpegWork counts the scans of a JPEG, up to its end: each goes over the whole picture, however few bytes it has. The
// segments are walked as image/jpeg walks them. Scans that a crafted file hides from the count meet the limit of
// time; what comes before the first scan, and so the size of a progressive frame, cannot be hidden.
func jpegWork(content []byte) (work pictureWork) {
	const sof2, sos, eoi, rst0, rst7 = 0xc2, 0xda, 0xd9, 0xd0, 0xd7
	for i := 2; i+1 < len(content); {
		marker := content[i+1]
		switch {
		case content[i] != 0xff || marker == 0xff:
			i++ // inside a scan, or filled up
		case marker == 0 || marker >= rst0 && marker <= rst7:
			i += 2
		case marker == eoi || i+3 >= len(content):
			return work
		default:
			n := max(2, int(content[i+2])<<8+int(content[i+3]))
			switch marker {
			case sos:
				work.scans++
			case sof2:
				work.coefficients = max(work.coefficients, frameCoefficients(content[i+4:min(i+2+n, len(content))]))
			}
			i += 2 + n
		}
	}
	return work
}

// pngWork counts the chunks of a PNG that have no pixels, up to its end, as image/png walks them: length, type,
// content, checksum.
func pngWork(content []byte) (work pictureWork) {
	const signature, head, around = 8, 8, 12
	const depth, passes = 24, 28 // where the first chunk, which is as long as this, has them (ISO 15948, 11.2.2)
	work.twice = len(content) > passes && content[depth] == 16 && content[passes] == 1
	for i := signature; i+head <= len(content); {
		kind := string(content[i+4 : i+head])
		if kind == "IEND" {
			return work
		}
		if kind != "IDAT" {
			work.chunks++
		}
		i += around + int(binary.BigEndian.Uint32(content[i:]))
	}
	return work
}

// frameCoefficients counts the coefficients of a frame by its header (ITU-T T.81, B.2.2): each component has whole
// blocks of 64, as many in each unit of the picture as its sampling factors say.
func frameCoefficients(header []byte) int64 {
	const fixed, each, block = 6, 3, 8
	if len(header) < fixed+each {
		return 0 // the decoder refuses it
	}
	height, width := int(header[1])<<8+int(header[2]), int(header[3])<<8+int(header[4])
	wide, high, blocks := 1, 1, 0
	for i := fixed; i+each <= len(header); i += each {
		h, v := int(header[i+1]>>4), int(header[i+1]&0x0f)
		wide, high, blocks = max(wide, h), max(high, v), blocks+h*v
	}
	if len(header) < fixed+2*each { // one component is stored block by block, whatever it says
		wide, high, blocks = 1, 1, 1
	}
	across, down := (width+block*wide-1)/(block*wide), (height+block*high-1)/(block*high)
	return int64(across) * int64(down) * int64(blocks) * block * block
}
