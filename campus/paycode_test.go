package campus

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func phone(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// E1, D5: a code is taken for what it was made for, about when it was made, if the phone it names has signed it.
func TestPhoneCodes(t *testing.T) {
	t.Parallel()
	key, id := phone(t), uuid.New()
	tests := map[string]struct {
		purpose CodePurpose
		at      time.Duration // from now
		by      *ecdsa.PrivateKey
		reason  string
	}{
		"now":                           {ToPay, 0, key, ""},
		"a minute old":                  {ToPay, -time.Minute, key, ""},
		"older than a minute":           {ToPay, -time.Minute - time.Millisecond, key, "code_stale"},
		"a phone half a minute ahead":   {ToPay, 30 * time.Second, key, ""},
		"a phone further ahead":         {ToPay, 30*time.Second + time.Millisecond, key, "code_ahead"},
		"one that proves buys nothing":  {ToProve, 0, key, "code_purpose"},
		"of a phone without Bluetooth":  {NoBluetooth, 0, key, "bluetooth_off"},
		"one that another phone signed": {ToPay, 0, phone(t), "code_forged"},
	}
	for name, test := range tests {
		text, err := SignPhoneCode(rand.Reader, test.by, id, test.purpose, noon.Add(test.at))
		require.NoError(t, err, name)
		code, err := ParsePhoneCode(text)
		require.NoError(t, err, name)
		require.Equal(t, id, code.Key, name)
		require.Equal(t, noon.Add(test.at).UnixMilli(), code.Count(), name)
		require.Equal(t, test.reason, ReasonOf(code.Check(&key.PublicKey, ToPay, noon)), name)
	}
}

// Whatever is changed of a code, it is no code any more.
func TestPhoneCodesAreSignedAsAWhole(t *testing.T) {
	t.Parallel()
	key := phone(t)
	text, err := SignPhoneCode(rand.Reader, key, uuid.New(), ToProve, noon)
	require.NoError(t, err)
	raw, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	for i := range raw {
		changed := append([]byte(nil), raw...)
		changed[i] ^= 1
		code, err := ParsePhoneCode(base64.RawURLEncoding.EncodeToString(changed))
		if err == nil {
			err = code.Check(&key.PublicKey, code.Purpose, code.At)
		}
		require.Contains(t, []string{"code_unreadable", "code_forged"}, ReasonOf(err), "byte %d", i)
	}
	for _, none := range []string{"", "x", "P", strings.Repeat("A", 120), text + "A", text[1:], "码"} {
		_, err := ParsePhoneCode(none)
		require.Equal(t, "code_unreadable", ReasonOf(err), none)
	}
}

func TestPhoneKeys(t *testing.T) {
	t.Parallel()
	good, err := x509.MarshalPKIXPublicKey(&phone(t).PublicKey)
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	another, err := x509.MarshalPKIXPublicKey(&other.PublicKey)
	require.NoError(t, err)
	_, err = ParsePhoneKey(good)
	require.NoError(t, err)
	for name, der := range map[string][]byte{"nothing": nil, "another curve": another, "half": good[:40]} {
		_, err := ParsePhoneKey(der)
		require.Equal(t, "key_invalid", ReasonOf(err), name)
	}
}

// E1: the holder scans what the till shows; nobody else can have made it, and it does not last.
func TestTillCodes(t *testing.T) {
	t.Parallel()
	secret := []byte("the secret of a till")
	sale := TillCode{Terminal: uuid.New(), Key: "s-000001", Cents: 1250, At: noon}
	code, err := ParseTillCode(sale.Sign(secret))
	require.NoError(t, err)
	require.Equal(t, []any{sale.Terminal, sale.Key, sale.Cents}, []any{code.Terminal, code.Key, code.Cents})
	require.True(t, sale.At.Equal(code.At))
	for name, test := range map[string]struct {
		secret []byte
		now    time.Time
		reason string
	}{
		"at once":             {secret, noon, ""},
		"after three minutes": {secret, noon.Add(3 * time.Minute), ""},
		"later":               {secret, noon.Add(3*time.Minute + time.Millisecond), "till_code_stale"},
		"a till two minutes ahead, as far as its clock may be": {secret, noon.Add(-TillClockOff), ""},
		"a till further ahead":                                 {secret, noon.Add(-TillClockOff - time.Millisecond), "till_code_ahead"},
		"another till":                                         {[]byte("another secret"), noon, "till_code_forged"},
	} {
		require.Equal(t, test.reason, ReasonOf(code.Check(test.secret, test.now)), name)
	}
	raw, err := base64.RawURLEncoding.DecodeString(sale.Sign(secret))
	require.NoError(t, err)
	for i := range raw {
		changed := append([]byte(nil), raw...)
		changed[i] ^= 1
		code, err := ParseTillCode(base64.RawURLEncoding.EncodeToString(changed))
		if err == nil {
			err = code.Check(secret, noon)
		}
		require.Contains(t, []string{"till_code_unreadable", "till_code_forged"}, ReasonOf(err), "byte %d", i)
	}
}

// E1: a sale that is scanned has a key by which the till can ask for it and reverse it: the rule of the interface.
func TestATillCodeOfASaleThatNoTillMayAskFor(t *testing.T) {
	t.Parallel()
	secret := []byte("the secret of a till")
	fine := TillCode{Terminal: uuid.New(), Key: "s-000001", Cents: 1250, At: noon}
	for key, reason := range map[string]string{
		"s-000001": "", "a": "", "2026.7": "", "?&%#": "", strings.Repeat("k", 100): "",
		"a\x00b": "till_code_unreadable", "\xff\xfe": "till_code_unreadable", " ": "till_code_unreadable",
		"名 字\u202e": "till_code_unreadable", strings.Repeat("k", 101): "till_code_unreadable",
		"2026/c9a607": "till_code_unreadable", ".": "till_code_unreadable", "..": "till_code_unreadable",
		"a\n": "till_code_unreadable",
	} {
		sale := fine
		sale.Key = key
		_, err := ParseTillCode(sale.Sign(secret))
		require.Equal(t, reason, ReasonOf(err), "%q", key)
	}
	for name, change := range map[string]func(*TillCode){
		"nothing":    func(c *TillCode) { c.Cents = 0 },
		"long after": func(c *TillCode) { c.At = noon.AddDate(5000, 0, 0) },
	} {
		sale := fine
		change(&sale)
		_, err := ParseTillCode(sale.Sign(secret))
		require.Equal(t, "till_code_unreadable", ReasonOf(err), name)
	}
}
