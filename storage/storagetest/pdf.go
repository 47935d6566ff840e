package storagetest

import (
	"bytes"
	"testing"

	"codeberg.org/go-pdf/fpdf"
	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/stretchr/testify/require"
)

// PDF is a paper of one page.
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

// LockedPDF is PDF with passwords: user's to open it, owner's to change it. An empty one of the user is none. Sealed
// with AES of 256 bits, or else with RC4 as old programs do.
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
