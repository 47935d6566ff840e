package campus

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mozillazg/go-pinyin"
	"golang.org/x/text/unicode/norm"
)

const (
	// gramLength is how many signs of a name the index looks at together. It is two because most Chinese given names
	// have two characters, and nobody is looked for by less.
	gramLength = 2
	// mostReadings bounds the ways in which a whole name is written in pinyin, and mostPieceReadings those of each piece
	// of a name that has more: a character has few readings, a long name has their product.
	mostReadings      = 24
	mostPieceReadings = 64
	// pieceLength is how many signs of a long word are looked for together, each piece one sign behind the last. So
	// that a name is found by every reading, its text needs all readings of short pieces only.
	pieceLength = 6
)

// SearchText returns the forms by which a name is found, one in each line: as written, in one word, in pinyin, and by
// the initials of the pinyin. Case, accents, width, hyphens and apostrophes do not count.
func SearchText(name string) string {
	words := strings.Join(searchFold(name), " ")
	forms := append([]string{words, strings.ReplaceAll(words, " ", "")}, pinyinForms(name)...)
	forms = slices.DeleteFunc(forms, func(form string) bool { return form == "" })
	slices.Sort(forms)
	return strings.Join(slices.Compact(forms), "\n")
}

// SearchWords returns the words of what somebody has typed, long ones in pieces, each of which has to be in a name's
// SearchText. There are none when no word is long enough for the index.
func SearchWords(typed string) []string {
	words := searchFold(typed)
	long := func(word string) bool { return utf8.RuneCountInString(word) >= gramLength }
	if !slices.ContainsFunc(words, long) {
		return nil
	}
	var pieces []string
	for _, word := range words {
		signs := []rune(word)
		for i := range max(1, len(signs)-pieceLength+1) {
			pieces = append(pieces, string(signs[i:min(i+pieceLength, len(signs))]))
		}
	}
	return pieces
}

// SearchGrams returns the pairs of neighbouring signs in the words of a text, each once. The index has these pairs.
func SearchGrams(text string) []string {
	var grams []string
	for _, word := range strings.Fields(text) {
		signs := []rune(word)
		for i := range max(0, len(signs)-gramLength+1) {
			grams = append(grams, string(signs[i:i+gramLength]))
		}
	}
	slices.Sort(grams)
	return slices.Compact(grams)
}

// FoldNumber returns what numbers of people are compared by: width, blanks and the case of Latin letters do not count.
// The column people.number_key has it.
func FoldNumber(number string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, PlainNumber(number))
}

// Typed returns what somebody has typed into a field for numbers and words: of usual width, without blanks at its ends.
func Typed(s string) string { return strings.TrimSpace(norm.NFKC.String(strings.Map(visible, s))) }

// PlainNumber returns a number or code as somebody has typed it, or pasted in groups: of usual width, without any
// blanks. No number of a person has one.
func PlainNumber(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, Typed(s))
}

// The digits of codes that go to a phone: of an ordinary one, and of one that strangers must not be able to guess.
const (
	PhoneCodeDigits = 6
	LongCodeDigits  = 8
	EnrolmentDigits = 12 // typed into a till by whoever sets it up
)

// The reasons for a code that has another form than it was sent in; each tells about its own code.
const (
	PhoneCodeForm  = "phone_code_form"
	UnlockCodeForm = "unlock_code_form"
	PickupCodeForm = "pickup_code_form"

	EnrolmentCodeForm = "enrolment_code_form"
)

// ParseCode reads a code of so many digits as it was typed. Invalid at "code": the reason given.
func ParseCode(typed string, digits int, reason string) (string, error) {
	code := PlainNumber(typed)
	if len(code) != digits || !AllDigits(code) {
		return "", FieldErrorf("code", reason, "the code has another form than %d digits", digits)
	}
	return code, nil
}

// plainLetters are those that Unicode does not take apart into a letter and an accent.
var plainLetters = strings.NewReplacer("ø", "o", "đ", "d", "ð", "d", "ł", "l", "ħ", "h", "ı", "i", "æ", "ae",
	"œ", "oe", "þ", "th",
	"-", "", "'", "", string(MiddleDot), " ")

// searchFold returns the words of a name without what a search passes over.
func searchFold(name string) []string {
	bare := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(FoldName(name)))
	return strings.Fields(plainLetters.Replace(norm.NFC.String(bare)))
}

// pinyinForms returns the Chinese characters of a name in pinyin, in full and by their initials, in every reading.
func pinyinForms(name string) []string {
	var full, short [][]string
	for _, r := range norm.NFKC.String(name) {
		if readings := readingsOf(r); len(readings) > 0 {
			full = append(full, readings)
			short = append(short, initials(readings))
		}
	}
	return append(spellings(full), spellings(short)...)
}

// spellings returns the ways in which characters are written one behind the other. Of characters that have too many,
// these are the ways to write every few of them, in which every piece of every word is (SearchWords).
func spellings(characters [][]string) []string {
	ways := 1
	for _, readings := range characters {
		ways = min(ways*len(readings), mostReadings+1)
	}
	if ways <= mostReadings {
		return joinAll(characters)
	}
	var forms []string
	for i := range characters {
		forms = append(forms, joinAll(characters[i:pieceEnd(characters, i)])...)
	}
	return forms
}

// pieceEnd returns the character before which a piece ends at the latest that begins within the i-th.
func pieceEnd(characters [][]string, i int) int {
	shorter := func(a, b string) int { return len(a) - len(b) }
	end := i + 1
	for letters := 1; end < len(characters) && letters < pieceLength; end++ {
		letters += len(slices.MinFunc(characters[end], shorter))
	}
	return end
}

// joinAll returns the ways in which a few characters are written, those with the usual readings first, and no more of
// them than there is room for.
func joinAll(characters [][]string) []string {
	type way struct {
		text    string
		unusual int // how many of its readings are not the usual ones
	}
	ways := []way{{}}
	for _, readings := range characters {
		var longer []way
		for n, reading := range readings {
			for _, w := range ways {
				longer = append(longer, way{w.text + reading, w.unusual + min(n, 1)})
			}
		}
		slices.SortStableFunc(longer, func(a, b way) int { return a.unusual - b.unusual })
		ways = longer[:min(len(longer), mostPieceReadings)]
	}
	texts := make([]string, len(ways))
	for i, w := range ways {
		texts[i] = w.text
	}
	return texts
}

// readingsOf returns how a character is read, the usual reading first. ü is written v, u or yu: 吕 is LYU in passports.
func readingsOf(r rune) []string {
	args := pinyin.NewArgs()
	args.Heteronym = true
	var readings []string
	add := func(reading string) {
		if !slices.Contains(readings, reading) {
			readings = append(readings, reading)
		}
	}
	for _, reading := range pinyin.SinglePinyin(r, args) {
		add(reading)
		if strings.Contains(reading, "v") {
			add(strings.ReplaceAll(reading, "v", "u"))
			add(strings.ReplaceAll(reading, "v", "yu"))
		}
	}
	return readings
}

func initials(readings []string) []string {
	var letters []string
	for _, reading := range readings {
		if letter := reading[:1]; !slices.Contains(letters, letter) {
			letters = append(letters, letter)
		}
	}
	return letters
}
