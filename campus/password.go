package campus

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The length of a login password, in characters.
const (
	MinPassword = 8
	MaxPassword = 72
)

// CheckNewPassword refuses a login password that is too easy: A5 asks for a new one at the first sign-in, and the
// initial one is printed on the identity document.
func CheckNewPassword(password, number, documentNumber string) error {
	if n := utf8.RuneCountInString(password); n < MinPassword || n > MaxPassword {
		return FieldErrorf("password", "password_length", "a password has %d to %d characters", MinPassword, MaxPassword)
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
