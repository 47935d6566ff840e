package campus

import (
	"regexp"
	"strings"
	"time"
)

// DocumentType is a kind of identity document (A3, A4).
type DocumentType string

// The kinds of document. A Taiwan travel permit is none of them: the guide asks for the residence permit (A4).
const (
	ResidentCard    DocumentType = "resident_card"    // of the mainland, GB 11643-1999
	ResidencePermit DocumentType = "residence_permit" // of Hong Kong, Macau and Taiwan people, the same 18 digits
	TravelPermit    DocumentType = "travel_permit"    // 回乡证, of Hong Kong and Macau people
	Passport        DocumentType = "passport"
)

var (
	travelPermitForm = regexp.MustCompile(`^[HM](\d{8}|\d{10})$`)
	passportForm     = regexp.MustCompile(`^[A-Z0-9]{5,17}$`)
	hasDigit         = regexp.MustCompile(`\d`)
	// permitOf is whose residence permit starts with these digits.
	permitOf = map[string]Category{"810000": HongKongMacau, "820000": HongKongMacau, "830000": Taiwan}
)

// CheckDocument checks that a number can be one of a document of its kind, and that somebody of the category shows such a
// document (A4). today is the day on which it is checked. Invalid: document_form, permit_form, passport_form,
// document_birthday, document_check_digit, document_category.
func CheckDocument(kind DocumentType, number string, category Category, today Date) error {
	owner, err := documentOwner(kind, number, today)
	if err != nil {
		return err
	}
	if owner != category {
		return FieldErrorf("document_number", "document_category", "a %s of this kind is not what %s people show", kind, category)
	}
	return nil
}

// documentOwner is the category of people who have such a document.
func documentOwner(kind DocumentType, number string, today Date) (Category, error) {
	switch kind {
	case ResidentCard, ResidencePermit:
		if err := CheckResidentNumber(number, today); err != nil {
			return "", err
		}
		owner, permit := permitOf[number[:6]]
		if !permit {
			owner = Mainland
		}
		if permit != (kind == ResidencePermit) {
			return "", FieldErrorf("document_number", "document_category", "the number is not one of a %s", kind)
		}
		return owner, nil
	case TravelPermit:
		if !travelPermitForm.MatchString(number) {
			return "", FieldErrorf("document_number", "permit_form", "a travel permit has H or M and 8 or 10 digits")
		}
		return HongKongMacau, nil
	case Passport:
		if !passportForm.MatchString(number) || !hasDigit.MatchString(number) {
			return "", FieldErrorf("document_number", "passport_form", "a passport number has 5 to 17 letters and digits")
		}
		return Foreign, nil
	}
	return "", FieldErrorf("document_type", "document_category", "no such kind of document")
}

var (
	// residentWeights are the weights of ISO 7064 MOD 11-2 as GB 11643-1999 prints them.
	residentWeights = [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	residentForm    = regexp.MustCompile(`^[1-9]\d{16}[\dX]$`)
)

const residentCheckDigits = "10X98765432"

// NormalizeDocumentNumber brings a typed document number to its stored form: no blanks, capitals.
func NormalizeDocumentNumber(s string) string {
	return strings.ToUpper(strings.Join(strings.Fields(s), ""))
}

// CheckResidentNumber checks the form, the birthday and the check digit of an 18-digit number (GB 11643-1999).
// today is the day on which it is checked; a birthday after it is impossible.
func CheckResidentNumber(number string, today Date) error {
	if !residentForm.MatchString(number) {
		return FieldErrorf("document_number", "document_form", "an identity number has 17 digits and a check digit")
	}
	birthday, err := time.ParseInLocation("20060102", number[6:14], Shanghai)
	if err != nil || birthday.Year() < 1850 {
		return FieldErrorf("document_number", "document_birthday", "the birthday in the identity number does not exist")
	}
	if today.Before(DateOf(birthday)) {
		return FieldErrorf("document_number", "document_birthday", "the birthday in the identity number is in the future")
	}
	sum := 0
	for i, weight := range residentWeights {
		sum += weight * int(number[i]-'0')
	}
	if number[17] != residentCheckDigits[sum%11] {
		return FieldErrorf("document_number", "document_check_digit", "the check digit of the identity number is wrong")
	}
	return nil
}

// InitialPassword is the first login password: the last six characters of the document, capitals (A5).
func InitialPassword(documentNumber string) string {
	n := NormalizeDocumentNumber(documentNumber)
	return n[max(0, len(n)-6):]
}

var mobileForm = regexp.MustCompile(`^(?:\+?86)?(1[3-9]\d{9})$`)

// ParseMobile brings a mainland mobile number to E.164.
func ParseMobile(s string) (string, error) {
	m := mobileForm.FindStringSubmatch(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '-' }), ""))
	if m == nil {
		return "", FieldErrorf("phone", "phone_form", "not a mainland mobile number")
	}
	return "+86" + m[1], nil
}
