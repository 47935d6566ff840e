package campus

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// DocumentType is a kind of identity document (A3, A4).
type DocumentType string

// The kinds of document. The travel permit of Taiwan people (台胞证, 8 digits) is none of them: the guide asks them for
// the residence permit (A4).
const (
	ResidentCard    DocumentType = "resident_card"    // of the mainland, GB 11643-1999
	ResidencePermit DocumentType = "residence_permit" // of Hong Kong, Macau and Taiwan people, the same 18 digits
	TravelPermit    DocumentType = "travel_permit"    // 回乡证, of Hong Kong and Macau people
	Passport        DocumentType = "passport"
	PermanentCard   DocumentType = "permanent_residence_card" // of foreigners: 18 digits since 2023, 15 signs before
)

var (
	travelPermitForm = regexp.MustCompile(`^[HM](\d{8}|\d{10})$`)
	olderCardForm    = regexp.MustCompile(`^[A-Z]{3}\d{12}$`) // a permanent residence card from before 2023
	passportForm     = regexp.MustCompile(`^[A-Z0-9]{5,17}$`)
	hasDigit         = regexp.MustCompile(`\d`)
	// permitOf is whose residence permit starts with these digits.
	permitOf = map[string]Category{"810000": HongKongMacau, "820000": HongKongMacau, "830000": Taiwan}
)

// shownBy are the kinds of document that people of a category show (A4).
var shownBy = map[Category][]DocumentType{
	Mainland:      {ResidentCard},
	HongKongMacau: {ResidencePermit, TravelPermit},
	Taiwan:        {ResidencePermit},
	Foreign:       {Passport, PermanentCard},
}

// CheckDocument checks that somebody of the category shows a document of the kind, and that the number can be one of it
// (A4). A kind that they never show is said first: how its numbers look is of no use to them. today is the day on which
// it is checked. Invalid: document_form, permit_form, passport_form,
// document_birthday, document_check_digit, document_category.
func CheckDocument(kind DocumentType, number string, category Category, today Date) error {
	if !slices.Contains(shownBy[category], kind) {
		return FieldErrorf("document_number", "document_category", "a %s is not what %s people show", kind, category)
	}
	owner, err := documentOwner(kind, number, today)
	if err == nil && owner != category {
		return FieldErrorf("document_number", "document_category", "a %s of this kind is not what %s people show", kind,
			category)
	}
	return err
}

// CheckWritten finds what nobody's document of the kind can have as its number: a slip of the pen, not a wrong
// document.
func CheckWritten(kind DocumentType, number string, today Date) error {
	_, err := documentOwner(kind, number, today)
	if ReasonOf(err) == "document_category" { // it can be one of another kind
		return nil
	}
	return err
}

// CheckExpiry refuses what says both or neither of a document: a last day on which it is valid, or that it never
// expires (A3). Invalid: document_expiry_twice, document_expiry_missing.
func CheckExpiry(expires Date, never bool) error {
	switch {
	case never && !expires.IsZero():
		return FieldErrorf("expires_on", "document_expiry_twice", "a last valid day and never_expires")
	case !never && expires.IsZero():
		return FieldErrorf("expires_on", "document_expiry_missing", "either a last valid day or never_expires")
	}
	return nil
}

// CheckValid refuses a document that is not valid on a day; without a last day it never expires (A3). Invalid:
// document_expired, document_not_yet_valid.
func CheckValid(from, expires, on Date) error {
	switch {
	case !expires.IsZero() && expires.Before(on):
		return FieldErrorf("expires_on", "document_expired", "the document has expired")
	case on.Before(from):
		return FieldErrorf("valid_from", "document_not_yet_valid", "the document is not valid yet")
	}
	return nil
}

// CheckLastDay refuses a document without a last day (long: 长期) of a kind that always has one (A3).
func CheckLastDay(kind DocumentType, long bool) error {
	if long && kind == PermanentCard { // for five years or ten, the older ones too
		return FieldErrorf("expires_on", "document_lasts", "a %s has a last day", kind)
	}
	return nil
}

// documentOwner returns the category of people who have such a document.
func documentOwner(kind DocumentType, number string, today Date) (Category, error) {
	switch kind {
	case ResidentCard, ResidencePermit:
		return residentOwner(kind, number, today)
	case PermanentCard:
		if olderCardForm.MatchString(number) {
			return Foreign, nil
		}
		if !residentForm.MatchString(number) {
			return "", FieldErrorf("document_number", "permanent_card_form", "18 digits, or 3 letters and 12 digits")
		}
		return residentOwner(kind, number, today)
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

// residentOwner returns whose number of 18 digits it is; the first of them say which of the three documents it stands
// on.
func residentOwner(kind DocumentType, number string, today Date) (Category, error) {
	if err := CheckResidentNumber(number, today); err != nil {
		return "", err
	}
	owner, permit := permitOf[number[:6]]
	printedOn := ResidentCard
	switch {
	case permit:
		printedOn = ResidencePermit
	case number[0] == '9':
		owner, printedOn = Foreign, PermanentCard
	case number[0] == '8': // like a residence permit, and none that there is
		printedOn = ""
	default:
		owner = Mainland
	}
	if kind != printedOn {
		return "", FieldErrorf("document_number", "document_category", "the number is not one of a %s", kind)
	}
	return owner, nil
}

// Known tells whether there is such a kind of document.
func (t DocumentType) Known() bool {
	switch t {
	case ResidentCard, ResidencePermit, TravelPermit, Passport, PermanentCard:
		return true
	}
	return false
}

// HolderNumber returns the part of a document's number, in its stored form, that names the holder. The last two of the
// eleven signs of a travel permit only count how often it was renewed (A4).
func HolderNumber(kind DocumentType, number string) string {
	if kind == TravelPermit && travelPermitForm.MatchString(number) {
		return number[:travelPermitHolder]
	}
	return number
}

// travelPermitHolder is how many signs of a travel permit name its holder.
const travelPermitHolder = 9

// SameDocument tells whether two numbers are those of one holder's document of a kind, however they are typed.
func SameDocument(kind DocumentType, a, b string) bool {
	holder := HolderNumber(kind, NormalizeDocumentNumber(a))
	return holder != "" && holder == HolderNumber(kind, NormalizeDocumentNumber(b))
}

var (
	// residentWeights are the weights of ISO 7064 MOD 11-2 as GB 11643-1999 prints them.
	residentWeights = [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	residentForm    = regexp.MustCompile(`^[1-9]\d{16}[\dX]$`)
)

const residentCheckDigits = "10X98765432"

// NormalizeDocumentNumber brings a typed document number to its stored form: capitals of usual width, without blanks
// and signs that nobody sees.
func NormalizeDocumentNumber(s string) string {
	return strings.ToUpper(strings.Join(strings.Fields(norm.NFKC.String(strings.Map(visible, s))), ""))
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

// InitialPassword returns the first login password: the last six characters of the document as the roster prints it,
// capitals (A5). Those that count renewals are among them.
func InitialPassword(documentNumber string) string {
	n := NormalizeDocumentNumber(documentNumber)
	return n[max(0, len(n)-6):]
}

var mobileForm = regexp.MustCompile(`^(?:(?:\+|00)?86)?(1[3-9]\d{9})$`)

// PlainPhone returns a phone number as it is typed, in digits of usual width and without what only parts them.
func PlainPhone(s string) string {
	return strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(norm.NFKC.String(strings.Map(visible, s)))
}

// ParseMobile brings a mainland mobile number to E.164.
func ParseMobile(s string) (string, error) {
	m := mobileForm.FindStringSubmatch(PlainPhone(s))
	if m == nil {
		return "", FieldErrorf("phone", "phone_form", "not a mainland mobile number")
	}
	return "+86" + m[1], nil
}
