package campus

import (
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// The examples of docs/payments.md, from which phones and tills are built (E1).
const (
	examplePublicKey = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEdka2cfW6s18WtaYOnmot/B8OJ6qPYjV/" +
		"bDOz3VOVYDHm6U8XpvnhMDqZcr/XxqgJFc0pzt57+zRDcrkqSyQiRA=="
	examplePhoneCode = "UAEBmMWgERFyIoMzRERVVWZmAAABogP8XHtxWBAJH3FTarXskbUzvlQ026GCbbOJjX77" +
		"XzqOW6kscqM1jbwTHGQMlEWdZeqVFuIDhhPKJqdl1ykcUMNDrMH5"
	exampleTillCode  = "VAGYxaAREXIigzNERFVVZmYAAAAAAAAE4gAAAaID_Fx7cy0wMDAwMDElUKE-AEmJdhN3__bBgJKw"
	exampleSignature = "5afe011439086406f6eeb9aac79643f4a71bdb57e400298c9dee6eb6768336d2"
	exampleSecret    = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

var (
	exampleID = uuid.MustParse("0198c5a0-1111-7222-8333-444455556666")
	exampleAt = time.UnixMilli(1795363200123)
)

// The page says byte for byte what a code is: made by the page alone, each is the one that is taken, and so are the
// examples.
func TestCodesAreAsThePageSays(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/payments.md")
	require.NoError(t, err)
	for _, example := range []string{examplePublicKey, examplePhoneCode, exampleTillCode, exampleSignature, exampleSecret,
		exampleID.String(), fmt.Sprint(exampleAt.UnixMilli())} {
		require.Contains(t, string(page), example)
	}
	secret, err := base64.StdEncoding.DecodeString(exampleSecret)
	require.NoError(t, err)

	at := binary.BigEndian.AppendUint64(nil, uint64(exampleAt.UnixMilli()))
	head := slices.Concat([]byte{'P', 1}, exampleID[:], at)
	der, err := base64.StdEncoding.DecodeString(examplePublicKey)
	require.NoError(t, err)
	public, err := ParsePhoneKey(der)
	require.NoError(t, err)
	raw, err := base64.RawURLEncoding.DecodeString(examplePhoneCode)
	require.NoError(t, err)
	require.Len(t, raw, 90)
	require.Equal(t, head, raw[:26])
	signed := sha256.Sum256(append([]byte("campuscard phone code v1\n"), head...))
	require.True(t, ecdsa.Verify(public, signed[:], new(big.Int).SetBytes(raw[26:58]), new(big.Int).SetBytes(raw[58:])))
	code, err := ParsePhoneCode(examplePhoneCode)
	require.NoError(t, err)
	require.NoError(t, code.Check(public, ToPay, exampleAt))

	sale := slices.Concat([]byte{'T'}, exampleID[:], binary.BigEndian.AppendUint64(nil, 1250), at, []byte("s-000001"))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("campuscard till code v1\n"))
	mac.Write(sale)
	require.Equal(t, exampleTillCode, base64.RawURLEncoding.EncodeToString(append(sale, mac.Sum(nil)[:16]...)))
	shown, err := ParseTillCode(exampleTillCode)
	require.NoError(t, err)
	require.NoError(t, shown.Check(secret, exampleAt))

	mac = hmac.New(sha256.New, secret)
	mac.Write([]byte("1795363200\nGET\n/api/v1/terminals/payments/s-000001\n"))
	require.Equal(t, exampleSignature, hex.EncodeToString(mac.Sum(nil)))
	require.Equal(t, mac.Sum(nil),
		TerminalSignature(secret, "1795363200", "GET", "/api/v1/terminals/payments/s-000001", nil))
}
