package school

import (
	"bytes"
	"context"
	"image"
	_ "image/jpeg" // the two formats of a register's photos
	_ "image/png"
)

// Photo is a register's picture of a person.
type Photo struct {
	Version     string // the PhotoVersion of the Student or Employee
	ContentType string // image/jpeg or image/png
	Content     []byte // at most 5 MiB
}

// photo makes a call that is answered with a picture.
func (c *client) photo(ctx context.Context, r call) (Photo, error) {
	got, err := c.do(ctx, r, maxPhoto)
	if err != nil {
		return Photo{}, err
	}
	if err := c.expectType(got, "image/jpeg", "image/png"); err != nil {
		return Photo{}, err
	}
	_, format, err := image.DecodeConfig(bytes.NewReader(got.body))
	if err != nil {
		return Photo{}, c.badAnswer("not a picture")
	}
	version := got.header.Get("Photo-Version")
	if version == "" || !opaque(version) {
		return Photo{}, c.badAnswer("a photo without a version, or with none that is one")
	}
	return Photo{version, "image/" + format, got.body}, nil
}
