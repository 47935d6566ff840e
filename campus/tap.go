package campus

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strings"

	cmac "github.com/tink-crypto/tink-go/v2/mac/subtle"
)

// A plastic has a chip (DESFire EV3 or NTAG 424 DNA) that makes its message anew each time a till reads it: Secure
// Dynamic Messaging as in NXP's application note AN12196. The message has the chip's serial number and its count of
// reads, encrypted, and a code over both that only the chip and we can make (E1). The serial number alone proves
// nothing: anybody can write one.

// ChipKeys are the master keys that the chips of plastics have their keys from, by version. A chip says which version
// it has, so that new plastics get keys from a new master while the old ones go on paying.
type ChipKeys map[string][]byte

const chipKeySize = 16 // AES-128, which is what the chips have

var chipVersion = regexp.MustCompile(`^[1-9][0-9]?$`)

// ParseChipKeys reads master keys in base64, by their version of one or two digits. Invalid: a key of another size,
// twice the same, or the one of zeroes that chips leave their factory with. No value is told.
func ParseChipKeys(given map[string]string) (ChipKeys, error) {
	keys, seen := ChipKeys{}, map[string]bool{string(make([]byte, chipKeySize)): true}
	for version, text := range given {
		key, err := base64.StdEncoding.DecodeString(text)
		switch {
		case !chipVersion.MatchString(version):
			return nil, Errorf(Invalid, "", "CHIP_KEYS: a version is a number from 1 to 99")
		case err != nil || len(key) != chipKeySize:
			return nil, Errorf(Invalid, "", "CHIP_KEYS: version %s is not %d bytes in base64", version, chipKeySize)
		case seen[string(key)]:
			return nil, Errorf(Invalid, "", "CHIP_KEYS: version %s is all zero, or there twice", version)
		}
		keys[version], seen[string(key)] = key, true
	}
	return keys, nil
}

// Chip is what a chip is written with at the bureau, and what it counts its reads with from then on.
type Chip struct {
	Serial  string `json:"chip"` // seven bytes, in hex
	Version string `json:"version"`
	// PICCKey hides serial number and count. It is one for all chips of a version: it is used before it is known whose
	// message it is.
	PICCKey []byte `json:"picc_key"`
	MACKey  []byte `json:"mac_key"` // proves them: the chip's own
}

var chipSerial = regexp.MustCompile(`^[0-9A-F]{14}$`)

// IsChipSerial tells whether a text is the serial number of a chip: seven bytes as hex in capitals.
func IsChipSerial(text string) bool { return chipSerial.MatchString(text) }

// Chip answers what a chip is to be written with.
func (k ChipKeys) Chip(version, serial string) (c Chip, err error) {
	master, known := k[version]
	if !known || !IsChipSerial(serial) {
		return c, Errorf(Invalid, "", "no key of version %q, or no serial number of a chip", version)
	}
	c = Chip{Serial: serial, Version: version}
	if c.PICCKey, err = piccKey(master); err == nil {
		c.MACKey, err = macKey(master, serial)
	}
	return c, err
}

func piccKey(master []byte) ([]byte, error) {
	return diversify(master, []byte("campuscard tap picc data"))
}

func macKey(master []byte, serial string) ([]byte, error) {
	uid, err := hex.DecodeString(serial)
	if err != nil {
		return nil, err
	}
	return diversify(master, append(uid, "campuscard"...))
}

// diversify derives a key from a master key for an input of 16 to 31 bytes (AN10922, AES-128). The note pads what it
// sums up to two blocks; with so long an input that is what CMAC does by itself.
func diversify(master, input []byte) ([]byte, error) {
	const shortest, longest = 16, 31
	if len(input) < shortest || len(input) > longest {
		return nil, fmt.Errorf("diversify a key: the input has %d bytes", len(input))
	}
	return sum(master, append([]byte{1}, input...))
}

// sum is AES-CMAC (RFC 4493).
func sum(key, data []byte) ([]byte, error) {
	mac, err := cmac.NewAESCMAC(key, aes.BlockSize)
	if err != nil {
		return nil, err
	}
	return mac.ComputeMAC(data)
}

// Tap is what the chip of a plastic has said when a till read it: which chip it is, and how often it was read by then.
type Tap struct {
	Chip  string // its serial number
	Count int64
}

const (
	piccTag   = 0xC7 // AN12196: a serial number of seven bytes, and the count
	piccHead  = 1 + 7
	piccCount = 3

	// MostTaps is how often a chip counts; then it says nothing any more.
	MostTaps = 1<<(8*piccCount) - 1
)

// tapText is the message of a chip: the version of its keys, its encrypted data, and the code over them.
var tapText = regexp.MustCompile(`^N([1-9][0-9]?)\.([0-9A-F]{32})([0-9A-F]{16})$`)

// IsTap tells the message of a plastic's chip from the code of a phone, which has no dot.
func IsTap(text string) bool { return strings.HasPrefix(text, "N") && strings.Contains(text, ".") }

// ReadTap tells which chip a message is from, if it is from one. Invalid: code_unreadable. Refused: tap_forged,
// whatever is wrong with it.
func (k ChipKeys) ReadTap(text string) (t Tap, err error) {
	parts := tapText.FindStringSubmatch(text)
	if parts == nil {
		return t, FieldErrorf("code", "code_unreadable", "not the message of a chip")
	}
	forged := Errorf(Refused, "tap_forged", "no chip of ours has said that")
	master, known := k[parts[1]]
	if !known {
		return t, forged
	}
	said, err := hex.DecodeString(parts[2] + parts[3])
	if err != nil {
		return t, err
	}
	data, code := said[:aes.BlockSize], said[aes.BlockSize:]
	key, err := piccKey(master)
	if err != nil {
		return t, err
	}
	if err := encryption(key, cipher.Block.Decrypt, data); err != nil {
		return t, err
	}
	t = readPICC(data)
	if key, err = macKey(master, t.Chip); err != nil {
		return t, err
	}
	want, err := tapCode(key, data)
	if err != nil {
		return t, err
	}
	if data[0] != piccTag || subtle.ConstantTimeCompare(want, code) != 1 {
		return Tap{}, forged
	}
	return t, nil
}

// readPICC reads what a chip tells of itself; the count has its lowest byte first.
func readPICC(data []byte) Tap {
	count := data[piccHead : piccHead+piccCount]
	return Tap{Chip: strings.ToUpper(hex.EncodeToString(data[1:piccHead])),
		Count: int64(count[0]) | int64(count[1])<<8 | int64(count[2])<<16}
}

// encryption encrypts or decrypts one block in its place. A chip encrypts no more than one, so CBC with a vector of
// zeroes, which is what it does, is the block's own encryption.
func encryption(key []byte, do func(c cipher.Block, to, from []byte), block []byte) error {
	c, err := aes.NewCipher(key)
	if err == nil {
		do(c, block, block)
	}
	return err
}

// tapCode is what proves a read: the sum of nothing under a key for this one read, which is that of serial number and
// count, and every second byte of it (AN12196).
func tapCode(key, data []byte) ([]byte, error) {
	session, err := sum(key, append([]byte{0x3C, 0xC3, 0x00, 0x01, 0x00, 0x80}, data[1:piccHead+piccCount]...))
	if err != nil {
		return nil, err
	}
	whole, err := sum(session, nil)
	if err != nil {
		return nil, err
	}
	code := make([]byte, aes.BlockSize/2)
	for i := range code {
		code[i] = whole[2*i+1]
	}
	return code, nil
}

// Tap makes the message of a read as the chip does. random is what the rest of its block is filled with.
func (c Chip) Tap(random io.Reader, count int64) (string, error) {
	uid, err := hex.DecodeString(c.Serial)
	if err != nil || len(uid) != piccHead-1 || count < 0 || count > MostTaps {
		return "", fmt.Errorf("tap: no chip, or the count %d", count)
	}
	data := append([]byte{piccTag}, uid...)
	data = append(data, byte(count), byte(count>>8), byte(count>>16)) //nolint:gosec // its three bytes
	rest := make([]byte, aes.BlockSize-len(data))
	if _, err := io.ReadFull(random, rest); err != nil {
		return "", err
	}
	data = append(data, rest...)
	code, err := tapCode(c.MACKey, data)
	if err != nil {
		return "", err
	}
	if err := encryption(c.PICCKey, cipher.Block.Encrypt, data); err != nil {
		return "", err
	}
	return fmt.Sprintf("N%s.%X%X", c.Version, data, code), nil
}
