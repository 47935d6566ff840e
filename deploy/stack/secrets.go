package stack

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// secrets are made once and live in one file that only its owner reads. Losing the file loses the sealed data, so
// nothing ever replaces a secret that is there.
type secrets map[string]string

// secretMakers has one line a secret. A secret added here later is added to existing stacks by their next start.
func secretMakers() map[string]func() string {
	return map[string]func() string{
		"POSTGRES_PASSWORD":         func() string { return randomHex(24) },
		"TEMPORAL_PASSWORD":         func() string { return randomHex(24) },
		"CAMPUSCARD_PASSWORD":       func() string { return randomHex(24) },
		"CAMPUSCARD_OWNER_PASSWORD": func() string { return randomHex(24) },
		"S3_ACCESS_KEY":             func() string { return "CC" + strings.ToUpper(randomHex(9)) },
		"S3_SECRET_KEY":             func() string { return randomHex(20) },
		"SCHOOL_API_KEY":            func() string { return randomHex(24) },
		"CALLBACK_SECRET":           func() string { return "whsec_" + randomKey() }, // the form Standard Webhooks asks for
		"HR_CALLBACK_SECRETS":       func() string { return secretOfEach("") },
		"CHANNEL_SECRETS":           func() string { return withChannels("") },
		"CHIP_KEYS":                 func() string { return "1=" + base64.StdEncoding.EncodeToString(randomBytes(16)) },
		"PEPPER":                    randomKey,
		"DATA_KEY":                  randomKey,
		"SEED_STAFF_PASSWORD":       readablePassword,
		"SEED_KIOSK_KEY":            func() string { return randomHex(24) },
	}
}

// universities are those of deploy/seed/seed.yaml.
var universities = []string{"lcu", "lcvtc"}

// secretOfEach returns a secret for a system of each university.
func secretOfEach(system string) string {
	var all []string
	for _, university := range universities {
		all = append(all, system+university+"=whsec_"+randomKey())
	}
	return strings.Join(all, ";")
}

// channels are the top-up channels of the policy (L2).
var channels = []string{"wallet", "bank"}

// withChannels adds the secrets of the channels that have none yet: a stack may be older than a channel.
func withChannels(secrets string) string {
	var all []string
	if secrets != "" {
		all = append(all, secrets)
	}
	for _, channel := range channels {
		if !strings.Contains(";"+secrets, ";"+channel+"/") {
			all = append(all, secretOfEach(channel+"/"))
		}
	}
	return strings.Join(all, ";")
}

func loadSecrets(path string) (secrets, error) {
	found, err := readSecrets(path)
	if err != nil {
		return nil, err
	}
	missing := false
	for name, newSecret := range secretMakers() {
		if found[name] == "" {
			found[name], missing = newSecret(), true
		}
	}
	if all := withChannels(found["CHANNEL_SECRETS"]); all != found["CHANNEL_SECRETS"] {
		found["CHANNEL_SECRETS"], missing = all, true
	}
	if !missing {
		return found, nil
	}
	return found, found.write(path)
}

func readSecrets(path string) (secrets, error) {
	found := secrets{}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			// The line itself may be a secret, so it is not quoted.
			return nil, fmt.Errorf("read secrets: a line of %s is not NAME=VALUE", path)
		}
		found[name] = value
	}
	return found, lines.Err()
}

func (s secrets) write(path string) error {
	var text strings.Builder
	text.WriteString("# Made by the development stack. Passwords and keys of its data: they go together, keep or delete both.\n")
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&text, "%s=%s\n", name, s[name])
	}
	return writeFile(path, []byte(text.String()), 0o600)
}

// writeFile replaces a file as a whole: whoever reads it, also after a crash, sees the old content or the new.
func writeFile(path string, content []byte, mode fs.FileMode) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(temporary.Name())))
	}
	return nil
}

// randomBytes cannot fail: crypto/rand.Read ends the program rather than return weak randomness.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func randomHex(n int) string { return hex.EncodeToString(randomBytes(n)) }

func randomKey() string { return base64.StdEncoding.EncodeToString(randomBytes(32)) }

// readablePassword is typed by people: 80 bits in four groups, without l, o, 0 and 1.
func readablePassword() string {
	const alphabet = "abcdefghijkmnpqrstuvwxyz23456789" // 32 signs, so that a byte's low five bits choose evenly
	var groups []string
	random := randomBytes(16)
	for chunk := range slices.Chunk(random, 4) {
		group := make([]byte, 0, len(chunk))
		for _, b := range chunk {
			group = append(group, alphabet[b&31])
		}
		groups = append(groups, string(group))
	}
	return strings.Join(groups, "-")
}
