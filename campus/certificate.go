package campus

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A certificate says of a phone's key that it pays at a university until a moment. The phone shows it behind its code,
// so that a till without network can tell a false one (E1). It is bytes in base64url:
//
//	0         C
//	1 to 2    the number of the key that has signed it
//	3 to 10   until when: milliseconds since 1970
//	11 to 43  the phone's key, compressed
//	44 to 107 the signature: Ed25519
//
// Signed is a text of its own, bytes 0 to 43, the id of the key that the code names, and the university.
const (
	certificateMark   = 'C'
	certificateHead   = 1 + 2 + 8 + 33
	certificateSize   = certificateHead + ed25519.SignatureSize
	certificateDomain = "campuscard phone certificate v1\n"
)

// CertificateTime is how long a certificate is good, and so how long the codes of a phone are taken that is not heard
// of.
const CertificateTime = 24 * time.Hour

// CertificatePeriod is how long we sign with a key. Each has a number; a certificate of its last day is good for a day
// more.
const CertificatePeriod = 7 * 24 * time.Hour

// IssuerNumber is the number of the key with which certificates are signed at a moment.
func IssuerNumber(now time.Time) int { return int(now.Unix() / int64(CertificatePeriod/time.Second)) }

// IssuersAt are the two keys that a till needs from a moment on, for as long as it may go on without network: for a day
// the one before and the present one, then that and the next.
func IssuersAt(now time.Time) [2]int {
	n := IssuerNumber(now)
	if IssuerNumber(now.Add(-CertificateTime)) < n {
		return [2]int{n - 1, n}
	}
	return [2]int{n, n + 1}
}

// Certify makes the certificate of a phone's key.
func Certify(issuer ed25519.PrivateKey, number int, key uuid.UUID, university string, public *ecdsa.PublicKey,
	until time.Time) string {
	certificate := append(make([]byte, 0, certificateSize), certificateMark)
	certificate = binary.BigEndian.AppendUint16(certificate, uint16(number))            //nolint:gosec // of weeks
	certificate = binary.BigEndian.AppendUint64(certificate, uint64(until.UnixMilli())) //nolint:gosec // after 1970
	certificate = append(certificate, elliptic.MarshalCompressed(elliptic.P256(), public.X, public.Y)...)
	signature := ed25519.Sign(issuer, certified(certificate, key, university))
	return base64.RawURLEncoding.EncodeToString(append(certificate, signature...))
}

// certified is what is signed.
func certified(head []byte, key uuid.UUID, university string) []byte {
	text := append([]byte(certificateDomain), head...)
	return append(append(text, key[:]...), university...)
}

// WithCertificate is a code as a phone shows it to a till that may have no network.
func WithCertificate(code, certificate string) string {
	if certificate == "" {
		return code
	}
	return code + "." + certificate
}

// CheckCertificate tells whether the key of a code was certified for a university at a moment, by a key of ours that
// issuer finds by its number, nil if there is none; and answers the phone's key. Refused: certificate_missing,
// certificate_forged (also of another university), certificate_stale.
func CheckCertificate(code, university string, issuer func(number int) ed25519.PublicKey,
	now time.Time) (*ecdsa.PublicKey, error) {
	short, text, found := strings.Cut(code, ".")
	if !found {
		return nil, Errorf(Refused, "certificate_missing", "the code has no certificate")
	}
	parsed, err := ParsePhoneCode(short)
	if err != nil {
		return nil, err
	}
	forged := Errorf(Refused, "certificate_forged", "the certificate is not ours, or of another university")
	certificate, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(certificate) != certificateSize || certificate[0] != certificateMark {
		return nil, forged
	}
	head := certificate[:certificateHead]
	public := issuer(int(binary.BigEndian.Uint16(head[1:3])))
	if public == nil || !ed25519.Verify(public, certified(head, parsed.Key, university), certificate[certificateHead:]) {
		return nil, forged
	}
	x, y := elliptic.UnmarshalCompressed(elliptic.P256(), head[11:])
	if x == nil {
		return nil, forged
	}
	until := time.UnixMilli(int64(binary.BigEndian.Uint64(head[3:11]))) //nolint:gosec // we have signed it
	if !now.Before(until) {
		return nil, Errorf(Refused, "certificate_stale", "the certificate has run out")
	}
	return &ecdsa.PublicKey{Curve: elliptic.P256(), X: x, Y: y}, nil
}

// CheckOffline is all that a till without network can look at in a phone's code. Errors as of CheckCertificate and
// PhoneCode.Check.
func CheckOffline(text, university string, issuer func(number int) ed25519.PublicKey, now time.Time) (PhoneCode, error) {
	code, err := ParsePhoneCode(text)
	if err != nil {
		return code, err
	}
	public, err := CheckCertificate(text, university, issuer, now)
	if err != nil {
		return code, err
	}
	return code, code.Check(public, ToPay, now)
}
