package api

import (
	"bytes"
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
			return readPDF(t.Context(), content, readerOfPDF(policy, words))
		}
		require.NoError(t, read(int64(words)*(size+1000)), name)
		require.Error(t, read(int64(words)*(size-1000)), "%s: though one alone would be within the bound", name)
	}
}

// What a PDF says of itself is bounded before room is made for it: how many objects there are and how many a stream holds,
// and where in what a stream unpacks to they begin.
func TestAPDFCannotSayMoreThanItMay(t *testing.T) {
	t.Parallel()
	const packed, first = "<</Type /ObjStm /N 3 /First 15 /Filter /FlateDecode /Length ", "object stream First 600000 exceeds limit 500000"
	for name, c := range map[string]struct{ says, instead, refusal string }{
		"nothing else":                   {"", "", ""},
		"more objects":                   {"/XRef /Size 6", "/XRef /Size 500001", `"Size" 500001 exceeds limit 500000`},
		"objects again and again":        {"/Root 1", "/Index [0 300000 0 300000] /Root 1", "xref entry count exceeds limit 500000"},
		"more objects in a stream":       {packed, "<</Type/ObjStm/N 500001/First 15/Filter/FlateDecode /Length ", "object stream N 500001 exceeds limit 500000"},
		"objects far behind in a stream": {packed, "<</Type/ObjStm/N 3/First 600000/Filter/FlateDecode   /Length ", first},
	} {
		content := storagetest.PackedPDF(t, 1, 1000, true)
		require.Contains(t, string(content), c.says, name)
		content = bytes.Replace(content, []byte(c.says), []byte(c.instead), 1)
		words := streamWords(content)
		policy := campus.UploadPolicy{MaxBytes: 1 << 20, StreamBytes: 500_000 * int64(words)}
		err := readPDF(t.Context(), content, readerOfPDF(policy, words))
		if c.refusal == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, c.refusal, name)
		}
	}
}
