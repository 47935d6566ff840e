package campus

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// E1: a till without network takes what the phone of a certificate has signed, and nothing else.
func TestCertificates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, Shanghai)
	ours, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	_, others, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	phone, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	thief, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	id, number := uuid.New(), IssuerNumber(now)
	issuer := func(n int) ed25519.PublicKey { return map[int]ed25519.PublicKey{number: ours}[n] }
	sign := func(by *ecdsa.PrivateKey, key uuid.UUID, purpose CodePurpose, at time.Time) string {
		code, err := SignPhoneCode(rand.Reader, by, key, purpose, at)
		require.NoError(t, err)
		return code
	}
	good := Certify(private, number, id, "lcu", &phone.PublicKey, now.Add(CertificateTime))
	code := sign(phone, id, ToPay, now)
	for name, c := range map[string]struct{ code, want string }{
		"a good one":                     {WithCertificate(code, good), ""},
		"without a certificate":          {code, "certificate_missing"},
		"signed by another phone":        {WithCertificate(sign(thief, id, ToPay, now), good), "code_forged"},
		"the certificate of another":     {WithCertificate(sign(thief, uuid.New(), ToPay, now), good), "certificate_forged"},
		"certified by somebody else":     {WithCertificate(code, Certify(others, number, id, "lcu", &phone.PublicKey, now.Add(time.Hour))), "certificate_forged"},
		"certified by an unknown key":    {WithCertificate(code, Certify(private, number+1, id, "lcu", &phone.PublicKey, now.Add(time.Hour))), "certificate_forged"},
		"of another university":          {WithCertificate(code, Certify(private, number, id, "lcvtc", &phone.PublicKey, now.Add(time.Hour))), "certificate_forged"},
		"another key in the certificate": {WithCertificate(sign(thief, id, ToPay, now), strings.Replace(good, good[20:24], "AAAA", 1)), "certificate_forged"},
		"run out":                        {WithCertificate(code, Certify(private, number, id, "lcu", &phone.PublicKey, now)), "certificate_stale"},
		"to prove":                       {WithCertificate(sign(phone, id, ToProve, now), good), "code_purpose"},
		"of ten minutes ago":             {WithCertificate(sign(phone, id, ToPay, now.Add(-10*time.Minute)), good), "code_stale"},
		"no code at all":                 {"nonsense." + good, "code_unreadable"},
		"half a certificate":             {WithCertificate(code, good[:40]), "certificate_forged"},
	} {
		_, err := CheckOffline(c.code, "lcu", issuer, now)
		require.Equal(t, c.want, ReasonOf(err), name)
	}
	require.Less(t, len(WithCertificate(code, good)), 272, "a QR code of version 10 holds it")
}

// E1: a till that was heard of has the keys of all certificates that may be shown to it until it has to be heard of
// again.
func TestTwoKeysAreEnough(t *testing.T) {
	t.Parallel()
	start := time.Unix(3000*int64(CertificatePeriod/time.Second), 0)
	require.Equal(t, [2]int{2999, 3000}, IssuersAt(start))
	require.Equal(t, [2]int{2999, 3000}, IssuersAt(start.Add(CertificateTime-time.Second)))
	require.Equal(t, [2]int{3000, 3001}, IssuersAt(start.Add(CertificateTime)))
	for heard := start; heard.Before(start.Add(2 * CertificatePeriod)); heard = heard.Add(time.Hour) {
		has := IssuersAt(heard)
		for _, made := range []time.Duration{-CertificateTime, 0, CertificateTime} { // certificates that are shown within a day
			require.Contains(t, has, IssuerNumber(heard.Add(made+1)), "heard %s, made %s later", heard, made)
		}
	}
}
