package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// What all the streams of a PDF unpack to is bounded together, whether or not they say where they end: their reader goes by
// their length.
func TestStreamsOfAPDFHaveOneBound(t *testing.T) {
	t.Parallel()
	const size = 600 << 10
	for name, ended := range map[string]bool{"with ends": true, "without ends": false} {
		content := storagetest.PackedPDF(t, 3, size, ended)
		words := 4 // with the stream of references
		if ended {
			words *= 2
		}
		require.Equal(t, words, streamWords(content), name)
		read := func(bytes int64) error {
			policy := campus.UploadPolicy{MaxBytes: 1 << 20, StreamBytes: bytes}
			return readPDF(content, readerOfPDF(policy, words))
		}
		require.NoError(t, read(int64(words)*(size+1000)), name)
		require.Error(t, read(int64(words)*(size-1000)), "%s: though one alone would be within the bound", name)
	}
}
