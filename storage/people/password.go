package people

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"campuscard/campus"
	"campuscard/storage/db"
)

// OWASP's minimum for argon2id: 19 MiB, two passes, one lane.
const (
	argonMemory = 19 * 1024 // KiB
	argonPasses = 2
	argonLanes  = 1
	argonSalt   = 16
	argonKey    = 32

	// hashesAtOnce bounds the memory: each takes 19 MiB, and 50 at once would be 950.
	hashesAtOnce = 4
)

// passwords hashes and compares. Its slots are taken before an attempt is counted, so that nobody loses an attempt
// to a queue that was too long for them.
type passwords struct {
	pepper []byte
	slots  chan struct{}
	decoy  string    // what the password of nobody is compared with
	derive keyMaking // argon2id, which is what a comparison costs
}

// keyMaking is how a key is made of a password.
type keyMaking func(password, salt []byte, passes, memory uint32, lanes uint8, size uint32) []byte

func newPasswords(pepper []byte) *passwords {
	return &passwords{
		pepper: pepper, slots: make(chan struct{}, hashesAtOnce), derive: argon2.IDKey,
		decoy: hashText(db.RandomBytes(argonSalt), db.RandomBytes(argonKey)),
	}
}

// slot waits for the right to hash once and returns how to give it back.
func (p *passwords) slot(ctx context.Context) (release func(), err error) {
	select {
	case p.slots <- struct{}{}:
		return func() { <-p.slots }, nil
	case <-ctx.Done():
		return nil, campus.Errorf(campus.Unavailable, "sign_in_busy", "too many sign-ins at once")
	}
}

// hash returns the PHC string of a password. The caller holds a slot.
func (p *passwords) hash(password string) string {
	salt := db.RandomBytes(argonSalt)
	return hashText(salt, p.derive(p.peppered(password), salt, argonPasses, argonMemory, argonLanes, argonKey))
}

func hashText(salt, key []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// matches compares in constant time. The caller holds a slot. The numbers come from the string, so that they can be
// raised later and old hashes still match.
func (p *passwords) matches(phc, password string) (bool, error) {
	var version, memory, passes uint32
	var lanes uint8
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errors.New("a kept password hash is not argon2id")
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &lanes); err != nil {
		return false, fmt.Errorf("read the numbers of a password hash: %w", err)
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	want, keyErr := base64.RawStdEncoding.DecodeString(parts[5])
	if err := errors.Join(saltErr, keyErr); err != nil || version != argon2.Version {
		return false, errors.New("a kept password hash is damaged")
	}
	got := p.derive(p.peppered(password), salt, passes, memory, lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// waste takes as long as matches: an unknown number must not answer sooner than a wrong password.
func (p *passwords) waste(password string) { _, _ = p.matches(p.decoy, password) }

// peppered brings the pepper in, without which hashes that were stolen cannot be tried.
func (p *passwords) peppered(password string) []byte {
	mac := hmac.New(sha256.New, p.pepper)
	mac.Write([]byte(password))
	return mac.Sum(nil)
}
