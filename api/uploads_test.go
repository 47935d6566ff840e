package api_test

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/api"
	"campuscard/campus"
	"campuscard/deploy"
	"campuscard/storage/storagetest"
)

// linearizedPDF was made by qpdf --linearize --object-streams=disable, of a page with a line.
//
//go:embed testdata/linearized.pdf
var linearizedPDF []byte

// hugePNG says that it has 20,000 x 20,000 pixels and has none: only its head is there to be read.
func hugePNG() []byte {
	head := []byte("IHDR")
	head = binary.BigEndian.AppendUint32(head, 20_000)
	head = binary.BigEndian.AppendUint32(head, 20_000)
	head = append(head, 8, 2, 0, 0, 0)
	out := []byte("\x89PNG\r\n\x1a\n")
	out = binary.BigEndian.AppendUint32(out, uint32(len(head)-4))
	out = append(out, head...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(head))
}

func smallPNG(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, image.NewGray(image.Rect(0, 0, 32, 16))))
	return out.Bytes()
}

// textsPNG is a picture with so many texts behind its head.
func textsPNG(t *testing.T, texts int) []byte {
	t.Helper()
	chunk := binary.BigEndian.AppendUint32([]byte("\x00\x00\x00\x03tEXta\x00b"), crc32.ChecksumIEEE([]byte("tEXta\x00b")))
	picture, behind := smallPNG(t), len("\x89PNG\r\n\x1a\n")+25
	return slices.Concat(picture[:behind], bytes.Repeat(chunk, texts), picture[behind:])
}

func TestUploadRefusals(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	cfg := config(h.Env) // one student sends all of it, and starting a process takes long under the race detector
	var err error
	cfg.Policies, err = campus.LoadPolicies(deploy.Policy, []byte("uploads: {look_share: 1h, look_window: 2h}"))
	require.NoError(t, err)
	server, err := api.New(cfg, h.Store, nowhere(t), h.Log)
	require.NoError(t, err)
	h.serve(t, server)
	picture := storagetest.JPEG(64, 64)
	pdf := storagetest.PDF(t)
	const document, certificate, frame = "identity_document", "certificate", "live_frame"
	plain := func(body, contentType string) call {
		return call{who: "student", method: "POST", path: "/api/v1/uploads", body: body,
			header: map[string]string{"Content-Type": contentType}}
	}
	twice, form := upload(document, "a.jpg", "image/jpeg", picture)
	boundary := strings.TrimPrefix(form, "multipart/form-data; boundary=")
	extra := strings.Replace(twice, "--"+boundary+"\r\n",
		"--"+boundary+"\r\nContent-Disposition: form-data; name=\"colour\"\r\n\r\nred\r\n--"+boundary+"\r\n", 1)
	nobody := uploadCall(document, "a.jpg", "image/jpeg", picture)
	nobody.who = "nobody"
	keyless := uploadCall(document, "a.jpg", "image/jpeg", picture)
	keyless.header["Idempotency-Key"] = ""
	h.play(t, map[string]scenario{
		"a text that is called a picture": {uploadCall(document, "a.jpg", "image/jpeg",
			[]byte("hello, I am a picture")), 415, "file_type", "file"},
		"a PNG that is called JPEG": {uploadCall(document, "a.jpg", "", smallPNG(t)), 415, "file_disguised",
			"file"},
		"a PNG that is declared JPEG": {uploadCall(document, "a.png", "image/jpeg", smallPNG(t)), 415,
			"file_disguised", "file"},
		"a JPEG declared PNG, with a name": {uploadCall(document, "a", "image/png; name=IMG 1.jpg", picture), 415,
			"file_disguised", "file"},
		"a program's name": {uploadCall(document, "a.exe", "", picture), 415, "file_disguised",
			"file"},
		"20,000 by 20,000 pixels": {uploadCall(document, "a.png", "image/png", hugePNG()), 413,
			"file_pixels", "file"},
		"half a picture": {uploadCall(document, "a.jpg", "image/jpeg", picture[:len(picture)/2]),
			422, "file_damaged", "file"},
		"a head and nothing else": {uploadCall(document, "a.jpg", "image/jpeg", []byte("\xff\xd8\xff")),
			422, "file_damaged", "file"},
		"a PDF as identity document": {uploadCall(document, "a.pdf", "application/pdf", pdf), 415,
			"file_not_picture", "file"},
		"half a PDF": {uploadCall(certificate, "a.pdf", "application/pdf", pdf[:len(pdf)/2]),
			422, "file_damaged", "file"},
		"the end of a PDF and no more": {uploadCall(certificate, "a.pdf", "application/pdf",
			[]byte("%PDF-%%EOF")), 422, "file_damaged", "file"},
		"a PDF with an object and no end": {uploadCall(certificate, "a.pdf", "application/pdf",
			[]byte("%PDF-1.7\n1 0 obj\n%%EOF\n")), 422, "file_damaged", "file"},
		"a PDF without pages": {uploadCall(certificate, "a.pdf", "", pagelessPDF()), 422,
			"file_damaged", "file"},
		"a PDF whose pages come back": {uploadCall(certificate, "a.pdf", "",
			treePDF("<</Type/Pages/Kids[2 0 R]/Count 1>>")), 422, "file_damaged", "file"},
		"a PDF whose page is not there": {uploadCall(certificate, "a.pdf", "",
			treePDF("<</Type/Pages/Kids[9 0 R]/Count 1>>")), 422, "file_damaged", "file"},
		"a PDF whose page is nothing": {uploadCall(certificate, "a.pdf", "",
			treePDF("<</Type/Pages/Kids[null]/Count 1>>")), 422, "file_damaged", "file"},
		"a PDF without its last bytes": {uploadCall(certificate, "a.pdf", "",
			pdf[:bytes.LastIndex(pdf, []byte("/Root"))]), 422, "file_damaged", "file"},
		"a PDF that begins after 1024 bytes": {uploadCall(certificate, "a.pdf", "",
			append(make([]byte, 1024), pdf...)), 415, "file_type", "file"},
		"a text about PDFs": {uploadCall(certificate, "a.pdf", "",
			[]byte("they begin with %PDF-1.7")), 422, "file_damaged", "file"},
		"a JPEG with its height at the end": {uploadCall(document, "a.jpg", "", rareJPEG(picture, 0xc0, 0)), 415,
			"file_unusual", "file"},
		"a JPEG in arithmetic coding": {uploadCall(document, "a.jpg", "", rareJPEG(picture, 0xc9, 64)), 415,
			"file_unusual", "file"},
		"a PDF with a password": {uploadCall(certificate, "a.pdf", "",
			storagetest.LockedPDF(t, "secret", "owner", false)), 422, "file_locked", "file"},
		"a PDF with a password, AES": {uploadCall(certificate, "a.pdf", "",
			storagetest.LockedPDF(t, "secret", "owner", true)), 422, "file_locked", "file"},
		"a PDF of too many parts": {uploadCall(certificate, "a.pdf", "",
			append(pdf, bytes.Repeat([]byte("stream "), 4001)...)), 422, "file_laborious", "file"},
		"a JPEG of 10,000 scans": {uploadCall(document, "a.jpg", "",
			storagetest.LaboriousJPEG(6000, 6600, 10_000)), 422, "file_laborious", "file"},
		"a JPEG of 51 scans": {uploadCall(document, "a.jpg", "",
			storagetest.LaboriousJPEG(64, 64, 50)), 422, "file_laborious", "file"},
		"a progressive JPEG with much to hold": {uploadCall(document, "a.jpg", "",
			storagetest.JPEGHead(0xc2, 6200, 6400, 0x11, 0x11, 0x11)), 422, "file_laborious", "file"},
		"another, of the colours most have": {uploadCall(document, "a.jpg", "",
			storagetest.JPEGHead(0xc2, 6200, 6400, 0x22, 0x11, 0x11)), 422, "file_damaged", "file"},
		"another, that is not progressive": {uploadCall(document, "a.jpg", "",
			storagetest.JPEGHead(0xc0, 6200, 6400, 0x11, 0x11, 0x11)), 422, "file_damaged", "file"},
		"a PNG of 1001 chunks beside pixels": {uploadCall(document, "a.png", "", textsPNG(t, 1000)), 422,
			"file_laborious", "file"},
		"a JPEG that is called .png": {uploadCall(document, "a.png", "", picture), 415, "file_disguised",
			"file"},
		"a JPEG that is declared PNG": {uploadCall(document, "a", "image/png", picture), 415, "file_disguised",
			"file"},
		"a PNG that is called .jfif": {uploadCall(document, "a.jfif", "", smallPNG(t)), 415, "file_disguised",
			"file"},
		"a JPEG that is called .png, more or less": {uploadCall(document, "a.jpg.PNG. ", "", picture), 415, "file_disguised",
			"file"},
		"a live frame of 8 x 8": {uploadCall(frame, "a.jpg", "", storagetest.JPEG(8, 8)), 422,
			"frame_small", "file"},
		"a live frame of 3600 x 4800": {uploadCall(frame, "a.jpg", "", storagetest.JPEG(3600, 4800)), 413,
			"frame_large", "file"},
		"a live frame of 20000 x 64": {uploadCall(frame, "a.jpg", "", storagetest.JPEG(20_000, 64)), 413,
			"frame_large", "file"},
		"a live frame of over 8 MB": {uploadCall(frame, "a.jpg", "", append(picture, make([]byte, 8<<20)...)),
			413, "frame_large", "file"},
		"over 10 MiB": {uploadCall(document, "a.jpg", "image/jpeg",
			append(picture, make([]byte, 10<<20)...)), 413, "file_too_large", ""},
		"far over 10 MiB": {uploadCall(document, "a.jpg", "image/jpeg", make([]byte, 11<<20)), 413,
			"file_too_large", ""},
		"an empty file": {uploadCall(document, "a.jpg", "image/jpeg", nil), 422, "file_empty",
			"file"},
		"a purpose nobody knows": {uploadCall("selfie", "a.jpg", "image/jpeg", picture), 422,
			"purpose_unknown", "purpose"},
		"a part nobody asked for": {plain(extra, form), 422, "form_unknown", ""},
		"a form that ends early":  {plain(twice[:len(twice)/2], form), 422, "form_broken", ""},
		"JSON":                    {plain(`{}`, "application/json"), 415, "form_expected", ""},
		"a form without boundary": {plain(twice, "multipart/form-data"), 415, "form_expected", ""},
		"nobody":                  {nobody, 401, "token_missing", ""},
		"no idempotency key":      {keyless, 400, "idempotency_key_missing", ""},
	})
	require.Zero(t, storagetest.One[int](h.Env, `select count(*) from uploads`), "nothing of this was kept")
	require.Empty(t, h.Objects())
}

func TestUpload(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]call{
		"a JPEG": uploadCall("identity_document", "证件.JPG", "image/jpeg",
			storagetest.JPEG(64, 48)),
		"a JPEG with a name that has no quotes": uploadCall("identity_document", "a.jpg", "image/jpeg; name=IMG 1.jpg",
			storagetest.JPEG(64, 48)),
		"a JPEG declared a picture of some kind": uploadCall("identity_document", "a.jpg", "image/*",
			storagetest.JPEG(64, 48)),
		"a JPEG of a content that nobody knows": uploadCall("identity_document", "a.jpg", "content/unknown",
			storagetest.JPEG(64, 48)),
		"a PNG without a name": uploadCall("identity_document", "blob", "application/octet-stream",
			smallPNG(t)),
		"a PDF that is a certificate": uploadCall("certificate", "a.pdf", "application/pdf",
			storagetest.PDF(t)),
		"a PDF after the mark of UTF-8": uploadCall("certificate", "a.pdf", "application/pdf",
			append([]byte("\ufeff"), storagetest.PDF(t)...)),
		"a PDF after 1000 bytes": uploadCall("certificate", "a.pdf", "",
			append(make([]byte, 1000), storagetest.PDF(t)...)),
		"a PDF of a tree of pages": uploadCall("certificate", "a.pdf", "",
			treePDF("<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Pages/Parent 2 0 R/Kids[4 0 R]/Count 1>>",
				"<</Type/Page/Parent 3 0 R/MediaBox[0 0 9 9]>>")),
		"a PDF that has lost its last line": uploadCall("certificate", "a.pdf", "",
			bytes.TrimSuffix(bytes.TrimSpace(storagetest.PDF(t)), []byte("%%EOF"))),
		"a PDF that is linearized": uploadCall("certificate", "a.pdf", "application/pdf", linearizedPDF),
		"a PDF that only its owner may change": uploadCall("certificate", "a.pdf", "application/pdf",
			storagetest.LockedPDF(t, "", "owner", false)),
		"a PDF that only its owner may change, AES": uploadCall("certificate", "a.pdf", "application/x-pdf",
			storagetest.LockedPDF(t, "", "owner", true)),
		"a PDF called after a day": uploadCall("issc_letter", "Letter 2026.11.28", "", storagetest.PDF(t)),
		"a JPEG called .jfif": uploadCall("identity_document", "a.jfif", "image/jpeg",
			storagetest.JPEG(64, 48)),
		"a JPEG declared image/jpg": uploadCall("identity_document", "a.jpg", "image/jpg",
			storagetest.JPEG(64, 48)),
		"a JPEG declared image/pjpeg": uploadCall("identity_document", "a.jpg", "image/pjpeg",
			storagetest.JPEG(64, 48)),
		"a JPEG called after a day": uploadCall("identity_document", "IMG.2026.11.28", "image/jpeg",
			storagetest.JPEG(64, 48)),
		"a JPEG called v1.final": uploadCall("identity_document", "证件.v1.final", "",
			storagetest.JPEG(64, 48)),
		"a JPEG of 50 scans": uploadCall("identity_document", "a.jpg", "",
			storagetest.LaboriousJPEG(64, 64, 49)),
		"a PNG of 1000 chunks beside pixels": uploadCall("identity_document", "a.png", "", textsPNG(t, 999)),
		"a live frame of 64 x 4096":          uploadCall("live_frame", "a.jpg", "", storagetest.JPEG(64, 4096)),
	} {
		t.Run(name+" is kept, once for a key, and shown to its owner only", func(t *testing.T) {
			t.Parallel()
			h := newAPITest(t)
			c.header = map[string]string{"Content-Type": c.header["Content-Type"], "Idempotency-Key": "one-key-for-it"}
			first := h.do(t, c)
			require.Equal(t, 201, first.status, "%s", first.body)
			kept := read[struct{ ID string }](t, first)
			require.Equal(t, string(first.body), string(h.do(t, c).body))
			require.Len(t, h.Objects(), 1)

			path := "/api/v1/uploads/" + kept.ID
			require.Equal(t, string(first.body), string(h.do(t, call{who: "student", method: "GET", path: path}).body))
			require.Equal(t, 404, h.do(t, call{who: "other", method: "GET", path: path}).status)
		})
	}

	t.Run("the same key with another file is a conflict; a new boundary is not another file", func(t *testing.T) {
		t.Parallel()
		h := newAPITest(t)
		send := func(content []byte) reply {
			c := uploadCall("identity_document", "a.jpg", "image/jpeg", content) // a new boundary each time
			c.header["Idempotency-Key"] = "always-the-same"
			return h.do(t, c)
		}
		require.Equal(t, 201, send(storagetest.JPEG(8, 8)).status)
		require.Equal(t, 201, send(storagetest.JPEG(8, 8)).status)
		got := send(storagetest.JPEG(9, 9))
		require.Equal(t, 409, got.status)
		require.Equal(t, "idempotency_key_reused", read[problem](t, got).Reason)
	})
}
