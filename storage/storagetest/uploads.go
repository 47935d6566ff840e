package storagetest

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"strconv"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/cards"
)

// Upload keeps a small picture of a person.
func (h *Env) Upload(person uuid.UUID, purpose campus.UploadPurpose) cards.Upload {
	h.t.Helper()
	upload, err := h.Cards.AddUpload(h.t.Context(), Request(campus.Student(person)), cards.NewUpload{
		Person: person, Purpose: purpose, ContentType: "image/jpeg", Width: 64, Height: 48, Content: JPEG(64, 48),
	})
	require.NoError(h.t, err)
	return upload
}

// JPEG returns a picture of that size with something on it.
func JPEG(width, height int) []byte {
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			picture.Set(x, y, color.RGBA{uint8(x), uint8(y), uint8(x ^ y), 255}) // wraps, as it should
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, picture, nil); err != nil {
		panic(err) // a buffer takes everything
	}
	return out.Bytes()
}

// Sealed is the content of an object. A test that fails says how long it is, not what is in it.
type Sealed []byte

// String implements fmt.Stringer.
func (s Sealed) String() string { return strconv.Itoa(len(s)) + " bytes" }

// Objects returns all objects of the test's bucket, as they lie there when the forgotten ones are gone.
func (h *Env) Objects() map[string]Sealed {
	h.t.Helper()
	_, err := h.DeleteFiles(h.t.Context(), 1000)
	require.NoError(h.t, err)
	found := map[string]Sealed{}
	for object := range h.client.ListObjectsIter(h.t.Context(), h.Config.Objects.Bucket,
		minio.ListObjectsOptions{Recursive: true}) {
		require.NoError(h.t, object.Err)
		content, err := h.client.GetObject(h.t.Context(), h.Config.Objects.Bucket, object.Key, minio.GetObjectOptions{})
		require.NoError(h.t, err)
		found[object.Key], err = io.ReadAll(content)
		require.NoError(h.t, err)
	}
	return found
}

// PutObject puts bytes into the bucket behind the store's back.
func (h *Env) PutObject(key string, content []byte) {
	h.t.Helper()
	_, err := h.client.PutObject(h.t.Context(), h.Config.Objects.Bucket, key, bytes.NewReader(content),
		int64(len(content)), minio.PutObjectOptions{})
	require.NoError(h.t, err)
}
