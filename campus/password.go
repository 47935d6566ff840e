package campus

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The length of a login password, in characters; what nobody sees does not count towards the least.
const (
	MinPassword = 8
	MaxPassword = 72
)

// NormalizePassword returns the one form of a password, NFKC (docs/security.md): one keyboard sends é as a letter and
// another as a letter and an accent, and a Chinese input method sends full-width letters and digits.
func NormalizePassword(password string) string { return norm.NFKC.String(password) }

// CheckNewPassword refuses a login password, in its one form, that is too easy or that not every keyboard can type: A5
// asks for a new one at the first sign-in, and the initial one is printed on the identity document.
func CheckNewPassword(password, number, documentNumber string) error {
	if n := utf8.RuneCountInString(strings.Map(visible, password)); n < MinPassword ||
		utf8.RuneCountInString(password) > MaxPassword {
		return FieldErrorf("password", "password_length", "a password has %d to %d characters", MinPassword, MaxPassword)
	}
	if !Readable(password, false) {
		return FieldErrorf("password", "words_unreadable", "the password has a character that is no text")
	}
	if strings.IndexFunc(password, unicode.IsLetter) < 0 || strings.IndexFunc(password, unicode.IsDigit) < 0 {
		return FieldErrorf("password", "password_plain", "a password has letters and digits")
	}
	capitals := strings.ToUpper(password)
	if capitals == strings.ToUpper(number) || capitals == InitialPassword(documentNumber) ||
		HolderNumber(TravelPermit, capitals) == HolderNumber(TravelPermit, NormalizeDocumentNumber(documentNumber)) {
		return FieldErrorf("password", "password_known", "the password is a number that others know")
	}
	return nil
}
