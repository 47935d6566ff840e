package storagetest

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"testing"

	"codeberg.org/go-pdf/fpdf"
	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/stretchr/testify/require"
)

// PDF returns a paper of one page.
func PDF(t testing.TB) []byte {
	t.Helper()
	paper := fpdf.New("P", "mm", "A4", "")
	paper.AddPage()
	paper.SetFont("Helvetica", "", 12)
	paper.Text(20, 20, "Certificate of enrolment")
	var out bytes.Buffer
	require.NoError(t, paper.Output(&out))
	return out.Bytes()
}

// PackedPDF returns a paper of one page whose objects are packed into so many streams, each of which unpacks to so many
// bytes. Their lengths say where they end; the word for it can be left out.
func PackedPDF(t testing.TB, streams, size int, ended bool) []byte {
	t.Helper()
	return CrowdedPDF(t, streams, size, ended, 0)
}

// CrowdedPDF returns a packed paper whose table has so many objects; most of them are not there.
func CrowdedPDF(t testing.TB, streams, size int, ended bool, objects int) []byte {
	t.Helper()
	out := bytes.NewBufferString("%PDF-1.7\n")
	first, padding := 4, 5+streams // the numbers of the streams, and of what fills all but the first of them
	refs := make([][6]byte, max(4+2*streams, objects))
	in := func(number, stream, index int) { // an object in a stream
		refs[number] = [6]byte{2, 0, 0, 0, byte(stream), byte(index)}
	}
	write := func(number int, dict string, content []byte) {
		place := out.Len()
		refs[number] = [6]byte{1, byte(place >> 24), byte(place >> 16), byte(place >> 8), byte(place)}
		fmt.Fprintf(out, "%d 0 obj\n<<%s /Filter /FlateDecode /Length %d>>\nstream\n", number, dict, len(content))
		out.Write(content)
		if ended {
			out.WriteString("\nendstream")
		}
		out.WriteString("\nendobj\n")
	}
	for i := range streams {
		head, count := fmt.Sprintf("%d 0 ", padding+i-1), 1
		objects := "<</Much 1>> "
		if i == 0 {
			catalog, pages := "<</Type /Catalog /Pages 2 0 R>> ", "<</Type /Pages /Kids [3 0 R] /Count 1>> "
			head, count = fmt.Sprintf("1 0 2 %d 3 %d ", len(catalog), len(catalog+pages)), 3
			objects = catalog + pages + "<</Type /Page /Parent 2 0 R /MediaBox [0 0 9 9]>> "
			in(1, first, 0)
			in(2, first, 1)
			in(3, first, 2)
		} else {
			in(padding+i-1, first+i, 0)
		}
		content := append([]byte(head+objects), bytes.Repeat([]byte(" "), size-len(head+objects))...)
		write(first+i, fmt.Sprintf("/Type /ObjStm /N %d /First %d", count, len(head)), deflated(t, content))
	}
	number := first + streams
	place := out.Len()
	refs[number] = [6]byte{1, byte(place >> 24), byte(place >> 16), byte(place >> 8), byte(place)}
	var table []byte
	for _, ref := range refs {
		table = append(table, ref[:]...)
	}
	write(number, fmt.Sprintf("/Type /XRef /Size %d /W [1 4 1] /Root 1 0 R", len(refs)), deflated(t, table))
	fmt.Fprintf(out, "startxref\n%d\n%%%%EOF\n", place)
	return out.Bytes()
}

func deflated(t testing.TB, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, err := w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// LockedPDF returns PDF with passwords: user's to open it, owner's to change it. An empty one of the user is none.
// Sealed with AES of 256 bits, or else with RC4 as old programs do.
func LockedPDF(t testing.TB, user, owner string, aes bool) []byte {
	t.Helper()
	conf := model.NewRC4Configuration(user, owner, 128)
	if aes {
		conf = model.NewAESConfiguration(user, owner, 256)
	}
	var out bytes.Buffer
	require.NoError(t, api.Encrypt(bytes.NewReader(PDF(t)), &out, conf))
	return out.Bytes()
}
