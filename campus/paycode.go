package campus

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"io"
	"math/big"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
)

// CodePurpose is what a code is shown for. A code for one purpose serves no other: one that proves who somebody is buys
// nothing (D5).
type CodePurpose byte

// The purposes of a code.
const (
	ToPay   CodePurpose = 1 // E1
	ToProve CodePurpose = 2 // D5

	// NoBluetooth is what a phone says by NFC instead when it cannot pay that way, because its Bluetooth is off (E1).
	NoBluetooth CodePurpose = 3
)

// PhoneCode is what a holder's phone shows as QR or sends by NFC. It is signed on the phone, so one without network can
// show it, and counts by its own clock: of two codes the later one has the higher count.
type PhoneCode struct {
	Key     uuid.UUID // which phone
	Purpose CodePurpose
	At      time.Time // to the millisecond; also the count

	signed    [phoneCodeHead]byte
	signature []byte
}

const (
	phoneCodeHead = 1 + 1 + 16 + 8
	signatureSize = 64 // r and s of P-256, as WebCrypto writes them
	phoneCodeSize = phoneCodeHead + signatureSize
	phoneCodeMark = 'P'

	phoneCodeDomain = "campuscard phone code v1\n"
)

// How far the time of a phone's code may be from ours (E1): it is shown for 30 seconds, and clocks differ by a step.
const (
	CodeShown = 30 * time.Second
	CodeSlack = 30 * time.Second
)

// Count is what makes the code work once.
func (c PhoneCode) Count() int64 { return c.At.UnixMilli() }

// SignPhoneCode makes a code as a phone does. random is where the phone's randomness comes from.
func SignPhoneCode(random io.Reader, private *ecdsa.PrivateKey, key uuid.UUID, purpose CodePurpose,
	at time.Time) (string, error) {
	code := phoneCodeBytes(key, purpose, at)
	r, s, err := ecdsa.Sign(random, private, phoneCodeHash(code))
	if err != nil {
		return "", err
	}
	code = append(code, make([]byte, signatureSize)...)
	r.FillBytes(code[phoneCodeHead : phoneCodeHead+signatureSize/2])
	s.FillBytes(code[phoneCodeHead+signatureSize/2:])
	return base64.RawURLEncoding.EncodeToString(code), nil
}

func phoneCodeBytes(key uuid.UUID, purpose CodePurpose, at time.Time) []byte {
	code := append(make([]byte, 0, phoneCodeSize), phoneCodeMark, byte(purpose))
	code = append(code, key[:]...)
	return binary.BigEndian.AppendUint64(code, uint64(at.UnixMilli())) //nolint:gosec // its bits, whatever they are
}

func phoneCodeHash(head []byte) []byte {
	hash := sha256.New()
	_, _ = io.WriteString(hash, phoneCodeDomain)
	hash.Write(head)
	return hash.Sum(nil)
}

// ParsePhoneCode reads a code; nothing is known of its signature yet. A certificate behind it is for tills without
// network. Invalid: code_unreadable.
func ParsePhoneCode(text string) (c PhoneCode, err error) {
	text, _, _ = strings.Cut(text, ".")
	code, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(code) != phoneCodeSize || code[0] != phoneCodeMark {
		return c, FieldErrorf("code", "code_unreadable", "not a code of a phone")
	}
	copy(c.Key[:], code[2:18])
	copy(c.signed[:], code)
	c.Purpose, c.signature = CodePurpose(code[1]), code[phoneCodeHead:]
	millis := binary.BigEndian.Uint64(code[18:26])
	if millis > 1<<62 {
		return c, FieldErrorf("code", "code_unreadable", "a code of no time")
	}
	c.At = time.UnixMilli(int64(millis)) //nolint:gosec // bounded above
	return c, nil
}

// Check tells whether the phone has signed the code, for this purpose and about now. Refused: code_forged,
// code_purpose, code_stale, code_ahead (the phone's clock); bluetooth_off instead of code_purpose when the phone has
// said so.
func (c PhoneCode) Check(public *ecdsa.PublicKey, purpose CodePurpose, now time.Time) error {
	r, s := new(big.Int).SetBytes(c.signature[:signatureSize/2]), new(big.Int).SetBytes(c.signature[signatureSize/2:])
	switch {
	case !ecdsa.Verify(public, phoneCodeHash(c.signed[:]), r, s):
		return Errorf(Refused, "code_forged", "the code is not signed by the phone it names")
	case c.Purpose == NoBluetooth:
		return Errorf(Refused, "bluetooth_off", "the phone's Bluetooth is off")
	case c.Purpose != purpose:
		return Errorf(Refused, "code_purpose", "the code is for something else")
	case now.Sub(c.At) > CodeShown+CodeSlack:
		return Errorf(Refused, "code_stale", "the code is %s old", now.Sub(c.At).Round(time.Second))
	case c.At.Sub(now) > CodeSlack:
		return Errorf(Refused, "code_ahead", "the code is from %s ahead", c.At.Sub(now).Round(time.Second))
	}
	return nil
}

// ParsePhoneKey reads the public half of a phone's key (SubjectPublicKeyInfo, P-256). Invalid: key_invalid.
func ParsePhoneKey(der []byte) (*ecdsa.PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	public, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok || public.Curve != elliptic.P256() {
		return nil, FieldErrorf("public_key", "key_invalid", "not a public key of P-256")
	}
	return public, nil
}

// TillCode is what a till shows for the holder to scan (E1): a sale, signed by the till. It carries the key of the
// sale, so that the sale is paid once, by whichever of the two ways.
type TillCode struct {
	Terminal uuid.UUID
	Key      string
	Cents    int64
	At       time.Time

	signed []byte
	mac    []byte
}

const (
	tillCodeMark = 'T'
	tillCodeHead = 1 + 16 + 8 + 8
	tillCodeMAC  = 16

	tillCodeDomain = "campuscard till code v1\n"

	// TillCodeShown is how long a till may show a sale. One that is behind by TillClockOff may do so as long.
	TillCodeShown = time.Minute
)

// Sign makes the code under the till's secret.
func (c TillCode) Sign(secret []byte) string {
	code := append(make([]byte, 0, tillCodeHead+len(c.Key)+tillCodeMAC), tillCodeMark)
	code = append(code, c.Terminal[:]...)
	code = binary.BigEndian.AppendUint64(code, uint64(c.Cents))          //nolint:gosec // its bits
	code = binary.BigEndian.AppendUint64(code, uint64(c.At.UnixMilli())) //nolint:gosec // its bits
	code = append(code, c.Key...)
	return base64.RawURLEncoding.EncodeToString(append(code, tillCodeSum(secret, code)...))
}

func tillCodeSum(secret, code []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	_, _ = io.WriteString(mac, tillCodeDomain)
	mac.Write(code)
	return mac.Sum(nil)[:tillCodeMAC]
}

// SaleKey is what a till may call a sale: visible ASCII, and what an address can name, which a slash cannot, nor a key
// of dots. A till that does not hear an answer asks for it by the key (E1).
const SaleKey = `^[!-,0-~-][!-.0-~]*$`

var saleKey = regexp.MustCompile(SaleKey)

const saleKeyLongest = 100

// ParseTillCode reads a code; nothing is known of its signature yet. Invalid: till_code_unreadable, also for a sale
// that the till could not ask for itself.
func ParseTillCode(text string) (c TillCode, err error) {
	code, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(code) <= tillCodeHead+tillCodeMAC || code[0] != tillCodeMark {
		return c, tillCodeUnreadable("not a code of a till")
	}
	copy(c.Terminal[:], code[1:17])
	c.signed, c.mac = code[:len(code)-tillCodeMAC], code[len(code)-tillCodeMAC:]
	cents, millis := binary.BigEndian.Uint64(code[17:25]), binary.BigEndian.Uint64(code[25:33])
	if cents > 1<<62 || millis > 1<<62 {
		return c, tillCodeUnreadable("a code of no amount or no time")
	}
	c.Cents, c.At, c.Key = int64(cents), time.UnixMilli(int64(millis)), string(c.signed[tillCodeHead:])
	if c.Cents < 1 || !PlausibleTime(c.At) || len(c.Key) > saleKeyLongest || !saleKey.MatchString(c.Key) {
		return c, tillCodeUnreadable("a code of a sale that no till may ask for")
	}
	return c, nil
}

func tillCodeUnreadable(why string) error {
	return FieldErrorf("code", "till_code_unreadable", "%s", why)
}

// Check tells whether the till has signed the code, and about now. Refused: till_code_forged, till_code_stale,
// till_code_ahead (the till's clock).
func (c TillCode) Check(secret []byte, now time.Time) error {
	if !hmac.Equal(c.mac, tillCodeSum(secret, c.signed)) {
		return Errorf(Refused, "till_code_forged", "the code is not signed by the till it names")
	}
	switch age := now.Sub(c.At); {
	case age > TillCodeShown+TillClockOff:
		return Errorf(Refused, "till_code_stale", "the till has shown the code %s ago", age.Round(time.Second))
	case age < -TillClockOff:
		return Errorf(Refused, "till_code_ahead", "the code is from %s ahead", (-age).Round(time.Second))
	}
	return nil
}
