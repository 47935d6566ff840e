package files

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// What all the streams of a PDF unpack to is bounded together, whether or not they say where they end: their reader
// goes by their length.
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

		policy := pdfPolicy(8441)
		policy.StreamBytes = int64(words) * (size - 1000)
		err := inspectorOfPDFs(t).inspectPDF(t.Context(), sender(), policy, certificate(content))
		require.Equal(t, "file_laborious", campus.ReasonOf(err), "%s: it may be whole", name)
	}
}

// What a PDF says of itself is bounded before room is made for it: how many objects there are and how many a stream
// holds, and where in what a stream unpacks to they begin.
func TestAPDFCannotSayMoreThanItMay(t *testing.T) {
	t.Parallel()
	const stream = "<</Type /ObjStm /N 3 /First 14 /Filter /FlateDecode /Length "
	for name, c := range map[string]struct {
		objects       int // in its table
		says, instead string
		refusal       string
	}{
		"what it has":               {0, "", "", ""},
		"as many objects as may be": {500_000, "", "", ""},
		"more objects":              {500_001, "", "", "missing root"},
		"the same objects again": {600_000, "/Size 600000", "/Size 300000 /Index [0 300000 0 300000]",
			"missing root"},
		"more objects in a stream": {0, stream, "<</Type/ObjStm/N 500001/First 14/Filter/FlateDecode /Length ",
			"stream N 500001 exceeds"},
		"objects far behind in a stream": {0, stream, "<</Type/ObjStm/N 3/First 6000000/Filter/FlateDecode  /Length ",
			"First 6000000 exceeds"},
		"fewer of them again than may be": {400_000, "/Size 400000", "/Size 200000 /Index [0 200000 0 200000]", ""},
	} {
		content := storagetest.CrowdedPDF(t, 1, 1000, true, c.objects)
		require.Contains(t, string(content), c.says, name)
		content = bytes.Replace(content, []byte(c.says), []byte(c.instead), 1)
		words := streamWords(content)
		policy := campus.UploadPolicy{MaxBytes: 1 << 20, StreamBytes: 5_000_000 * int64(words)}
		err := readPDF(content, readerOfPDF(policy, words))
		if c.refusal == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorContains(t, err, c.refusal, name)
		}
	}
}
