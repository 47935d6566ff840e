package campus

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func fromHex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	require.NoError(t, err)
	return raw
}

// The vectors of RFC 4493, section 4: the library sums up as the chips do.
func TestSums(t *testing.T) {
	t.Parallel()
	key := fromHex(t, "2b7e1516 28aed2a6 abf71588 09cf4f3c")
	text := fromHex(t, "6bc1bee2 2e409f96 e93d7e11 7393172a ae2d8a57 1e03ac9c 9eb76fac 45af8e51"+
		"30c81c46 a35ce411 e5fbc119 1a0a52ef f69f2445 df4f9b17 ad2b417b e66c3710")
	for length, want := range map[int]string{
		0: "bb1d6929 e9593728 7fa37d12 9b756746", 16: "070a16b4 6b4d4144 f79bdd9d d04a287c",
		40: "dfa66747 de9ae630 30ca3261 1497c827", 64: "51f0bebf 7e3b9d92 fc497417 79363cfe",
	} {
		got, err := sum(key, text[:length])
		require.NoError(t, err)
		require.Equal(t, fromHex(t, want), got, length)
	}
}

// The vector of AN10922, section 2.2.1: serial number, application and system make a key.
func TestKeysOfChips(t *testing.T) {
	t.Parallel()
	got, err := diversify(fromHex(t, "00112233445566778899AABBCCDDEEFF"),
		fromHex(t, "04782E21801D80 3042F5 4E585020416275"))
	require.NoError(t, err)
	require.Equal(t, fromHex(t, "A8DD63A3B89D54B37CA802473FDA9175"), got)
	for _, length := range []int{0, 15, 32} { // CMAC would pad these otherwise than the note does, or not at all
		_, err := diversify(make([]byte, chipKeySize), make([]byte, length))
		require.Error(t, err, length)
	}
}

// The vector of AN12196, section 3.4: the message of a chip whose keys are those of the factory.
func TestTheMessageOfAChip(t *testing.T) {
	t.Parallel()
	factory := make([]byte, chipKeySize)
	data := fromHex(t, "EF963FF7828658A599F3041510671E88")
	require.NoError(t, encryption(factory, cipher.Block.Decrypt, data))
	require.Equal(t, byte(piccTag), data[0])
	require.Equal(t, Tap{Chip: "04DE5F1EACC040", Count: 61}, readPICC(data))
	code, err := tapCode(factory, data)
	require.NoError(t, err)
	require.Equal(t, fromHex(t, "94EED9EE65337086"), code)

	chip := Chip{Serial: "04DE5F1EACC040", Version: "1", PICCKey: factory, MACKey: factory}
	said, err := chip.Tap(bytes.NewReader(data[piccHead+piccCount:]), 61)
	require.NoError(t, err)
	require.Equal(t, "N1.EF963FF7828658A599F3041510671E8894EED9EE65337086", said)
}

func chipKeys(t *testing.T, versions ...string) ChipKeys {
	t.Helper()
	given := map[string]string{}
	for _, version := range versions {
		key := make([]byte, chipKeySize)
		_, err := rand.Read(key)
		require.NoError(t, err)
		given[version] = base64.StdEncoding.EncodeToString(key)
	}
	keys, err := ParseChipKeys(given)
	require.NoError(t, err)
	return keys
}

// E1: what a chip of ours says is believed, and nothing else: not with another chip's key, another version's, or that
// of another school.
func TestTaps(t *testing.T) {
	t.Parallel()
	keys := chipKeys(t, "1", "2")
	first, err := keys.Chip("1", "04112233445566")
	require.NoError(t, err)
	second, err := keys.Chip("1", "04112233445567")
	require.NoError(t, err)
	newer, err := keys.Chip("2", first.Serial)
	require.NoError(t, err)
	require.NotEqual(t, first.MACKey, second.MACKey)
	for name, test := range map[string]struct {
		chip   Chip
		reason string
	}{
		"as it was made":              {first, ""},
		"of another version":          {newer, ""},
		"with the key of another":     {Chip{first.Serial, "1", first.PICCKey, second.MACKey}, "tap_forged"},
		"named as another":            {Chip{second.Serial, "1", first.PICCKey, first.MACKey}, "tap_forged"},
		"with data of another key":    {Chip{first.Serial, "1", newer.PICCKey, first.MACKey}, "tap_forged"},
		"with keys of the factory":    {Chip{first.Serial, "1", make([]byte, 16), make([]byte, 16)}, "tap_forged"},
		"of a version that is not in": {Chip{first.Serial, "3", first.PICCKey, first.MACKey}, "tap_forged"},
		"said to be of the other":     {Chip{first.Serial, "2", first.PICCKey, first.MACKey}, "tap_forged"},
	} {
		for _, count := range []int64{0, 1, 255, 256, 1 << 16, MostTaps} {
			said, err := test.chip.Tap(rand.Reader, count)
			require.NoError(t, err, name)
			require.True(t, IsTap(said), name)
			tap, err := keys.ReadTap(said)
			require.Equal(t, test.reason, ReasonOf(err), name)
			if err == nil {
				require.Equal(t, Tap{Chip: first.Serial, Count: count}, tap, name)
			}
		}
	}
	_, err = first.Tap(rand.Reader, MostTaps+1)
	require.Error(t, err, "a chip that has counted to its end")
	_, err = ChipKeys{}.ReadTap("N1." + strings.Repeat("0", 48))
	require.Equal(t, "tap_forged", ReasonOf(err), "a school without chips")
}

// Whatever is changed of a message, serial number, count or code, it is none any more.
func TestTapsAreProvedAsAWhole(t *testing.T) {
	t.Parallel()
	keys := chipKeys(t, "1")
	chip, err := keys.Chip("1", "04112233445566")
	require.NoError(t, err)
	said, err := chip.Tap(rand.Reader, 7)
	require.NoError(t, err)
	for i := range said {
		for _, other := range []byte{'0', 'F', 'x', said[i] ^ 1} {
			if other == said[i] {
				continue
			}
			changed := []byte(said)
			changed[i] = other
			_, err := keys.ReadTap(string(changed))
			require.Contains(t, []string{"code_unreadable", "tap_forged"}, ReasonOf(err), "%s", changed)
		}
	}
	raw, err := hex.DecodeString(said[3:])
	require.NoError(t, err)
	for i := range 8 * len(raw) {
		changed := bytes.Clone(raw)
		changed[i/8] ^= 1 << (i % 8)
		_, err := keys.ReadTap("N1." + strings.ToUpper(hex.EncodeToString(changed)))
		require.Equal(t, "tap_forged", ReasonOf(err), "bit %d", i)
	}
	phone, err := SignPhoneCode(rand.Reader, phone(t), [16]byte{}, ToPay, noon)
	require.NoError(t, err)
	for _, none := range []string{"", "N1.", "N1", said + "0", said[:len(said)-1], strings.ToLower(said), " " + said,
		said + "\n", strings.Replace(said, "N1", "N0", 1), strings.Replace(said, "N1", "N100", 1), phone, "码"} {
		_, err := keys.ReadTap(none)
		require.Equal(t, "code_unreadable", ReasonOf(err), none)
	}
	require.False(t, IsTap(phone))
}

// A master key that others know, or that is none, ends the start.
func TestMasterKeys(t *testing.T) {
	t.Parallel()
	good, other := base64.StdEncoding.EncodeToString([]byte("sixteen bytes ..")),
		base64.StdEncoding.EncodeToString([]byte("sixteen others .."))
	for name, given := range map[string]map[string]string{
		"the factory's": {"1": base64.StdEncoding.EncodeToString(make([]byte, 16))}, "too short": {"1": good[:20]},
		"too long": {"1": other}, "no base64": {"1": "?"}, "twice": {"1": good, "2": good}, "no version": {"": good},
		"version 0": {"0": good}, "version 100": {"100": good}, "empty": {"1": ""},
	} {
		_, err := ParseChipKeys(given)
		require.Equal(t, Invalid, CodeOf(err), name)
		require.NotContains(t, err.Error(), good, name)
	}
	keys, err := ParseChipKeys(map[string]string{"7": good})
	require.NoError(t, err)
	for _, wrong := range [][2]string{{"1", "04112233445566"}, {"7", "0411223344556"}, {"7", "04112233445566 "},
		{"7", "0411223344556g"}, {"7", "04112233445a66"}} {
		_, err := keys.Chip(wrong[0], wrong[1])
		require.Error(t, err, wrong)
	}
}
