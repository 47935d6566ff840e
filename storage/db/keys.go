package db

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"campuscard/campus"
)

// Keys are the secrets that live outside the database. Each has 32 bytes.
type Keys struct {
	Data   []byte // seals personal data and files
	Pepper []byte // goes into every password hash and keyed hash
}

// Keyring seals small values and hashes them with a key.
type Keyring struct {
	value  cipher.AEAD
	File   cipher.AEAD
	hash   []byte
	pepper []byte
}

func newKeyring(keys Keys) (Keyring, error) {
	if len(keys.Data) != 32 || len(keys.Pepper) != 32 {
		return Keyring{}, errors.New("DATA_KEY and PEPPER must have 32 bytes each")
	}
	value, err := newAEAD(keys.Data, "campuscard value v1")
	if err != nil {
		return Keyring{}, err
	}
	file, err := newAEAD(keys.Data, "campuscard file v1")
	if err != nil {
		return Keyring{}, err
	}
	hash, err := hkdf.Key(sha256.New, keys.Pepper, nil, "campuscard hash v1", 32)
	if err != nil {
		return Keyring{}, fmt.Errorf("derive a key: %w", err)
	}
	return Keyring{value: value, File: file, hash: hash, pepper: keys.Pepper}, nil
}

// newAEAD returns AES-256-GCM under a key of its own for each purpose, with random nonces.
func newAEAD(secret []byte, purpose string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Digits draws a code of so many digits that nobody can guess.
func Digits(count int) string {
	code := make([]byte, count)
	for i := range code {
		n, _ := rand.Int(rand.Reader, big.NewInt(10)) // crypto/rand never fails
		code[i] = byte('0' + n.Int64())
	}
	return string(code)
}

// Seal encrypts plain; context says where the value stands, and a value moved elsewhere does not open.
func (k Keyring) Seal(context string, plain []byte) []byte {
	return k.value.Seal(nil, nil, plain, []byte(context))
}

// Open decrypts what Seal has sealed for the same context. Anything else is an error.
func (k Keyring) Open(context string, sealed []byte) ([]byte, error) {
	plain, err := k.value.Open(nil, nil, sealed, []byte(context))
	if err != nil {
		column, _, _ := strings.Cut(context, "/") // the rest may be a person's number
		return nil, fmt.Errorf("open a sealed value of %s: wrong key or damaged", column)
	}
	return plain, nil
}

// Keyed returns a hash that nobody without the pepper can compute: equal values can be found, and none be guessed.
func (k Keyring) Keyed(context, value string) []byte {
	mac := hmac.New(sha256.New, k.hash)
	mac.Write([]byte(context))
	mac.Write([]byte{0})
	mac.Write([]byte(value))
	return mac.Sum(nil)
}

// RandomBytes returns n bytes nobody can guess.
func RandomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return b
}

// Document returns the keyed hash of what names the holder in a document number (A4): the same for every renewal of a
// permit.
func (k Keyring) Document(kind campus.DocumentType, number string) []byte {
	return k.Keyed("people.document", campus.HolderNumber(kind, number))
}
