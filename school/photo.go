package school

import (
	"bytes"
	"context"
	"image"
	_ "image/jpeg" // the two formats of a register's photos
	_ "image/png"
	"mime"
	"strings"
)

// Photo is a register's picture of a person.
type Photo struct {
	Version     string // the PhotoVersion of the Student or Employee
	ContentType string // image/jpeg or image/png, if there is a Content
	Content     []byte // at most maxPhoto; empty when the picture is none that anybody could compare
}

// photo makes a call that is answered with a picture. A register keeps what was once handed in: a picture that is too
// large, or neither JPEG nor PNG, is its answer all the same, and for it to renew (B2).
func (c *client) photo(ctx context.Context, r call) (Photo, error) {
	r.cut = true
	got, err := c.do(ctx, r, maxPhoto)
	if err != nil {
		return Photo{}, err
	}
	kind, _, _ := mime.ParseMediaType(got.header.Get("Content-Type"))
	if !strings.HasPrefix(kind, "image/") {
		return Photo{}, c.badAnswer("wrong content type")
	}
	version := got.header.Get("Photo-Version")
	if version == "" || !opaque(version) {
		return Photo{}, c.badAnswer("a photo without a version, or with none that is one")
	}
	_, format, err := image.DecodeConfig(bytes.NewReader(got.body))
	compared := err == nil && (format == "jpeg" || format == "png") // other packages bring more formats
	if !compared || len(got.body) > maxPhoto {
		return Photo{Version: version, ContentType: kind}, nil
	}
	return Photo{version, "image/" + format, got.body}, nil
}
