package campus

import (
	"unicode"
	"unicode/utf16"
)

// The one rule for texts that people write: names, notes, messages. A text has something to see, and nothing that only
// machines read: control characters, tags, and marks that make a line read in another order than it is written.

// MostNumber is the greatest length, in characters, of the number of a student or a member of staff: on a roster, in a
// submission of HR, at a sign-in.
const MostNumber = 40

// Blank tells whether a text shows nothing: it is empty, or has only blanks of any script and marks without a letter.
func Blank(text string) bool {
	for _, r := range text {
		if !invisible(r) && !unicode.Is(unicode.M, r) {
			return false
		}
	}
	return true
}

const (
	brailleBlank = '\u2800' // a letter to Unicode, and an empty space to the eye
	objectPlace  = '\ufffc' // where something stood that was no text
)

func invisible(r rune) bool {
	return r == brailleBlank || r == objectPlace ||
		unicode.In(r, unicode.White_Space, unicode.Cc, unicode.Cf, unicode.Variation_Selector,
			unicode.Other_Default_Ignorable_Code_Point)
}

// Readable tells whether a text holds characters of text only; lines allows for more than one line.
func Readable(text string, lines bool) bool {
	for _, r := range text {
		switch {
		case r == unicode.ReplacementChar: // bytes that were no UTF-8, here or where it comes from
			return false
		case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp):
			if !lines || unicode.Is(unicode.Cc, r) && r != '\n' && r != '\r' && r != '\t' {
				return false
			}
		case reorders(r), tags(r), unicode.Is(unicode.Noncharacter_Code_Point, r):
			return false
		}
	}
	return true
}

// reorders tells whether a character embeds, overrides or isolates a direction of writing. Arabic and Hebrew need none
// of them, and they make "approve" read as something else.
func reorders(r rune) bool {
	const embedding, override, isolate, popIsolate = '\u202a', '\u202e', '\u2066', '\u2069'
	return r >= embedding && r <= override || r >= isolate && r <= popIsolate
}

// tags tells whether a character is one of those that repeat ASCII without a look of their own. A text can hide in
// them.
func tags(r rune) bool {
	const first, last = '\U000e0000', '\U000e007f'
	return r >= first && r <= last
}

// CheckWords refuses a text of a person that is blank or not readable; an empty one is no text, and may be left out
// unless the field says otherwise. Invalid: words_blank, words_unreadable.
func CheckWords(field, text string, lines bool) error {
	switch {
	case text == "":
		return nil
	case !Readable(text, lines):
		return FieldErrorf(field, "words_unreadable", "the text has a character that is no text")
	case Blank(text):
		return FieldErrorf(field, "words_blank", "there is nothing to see in the text")
	}
	return nil
}

// SMSLength returns how many characters a text has to a carrier, which counts units of UTF-16: an emoji is two.
func SMSLength(text string) int {
	units := 0
	for _, r := range text {
		units += utf16.RuneLen(r)
	}
	return units
}

// HoldsNUL tells whether JSON text contains the character NUL, which Postgres keeps neither in texts nor in jsonb.
func HoldsNUL(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] == 0 {
			return true
		}
		if raw[i] != '\\' {
			continue
		}
		if i++; i+4 < len(raw) && string(raw[i:i+5]) == "u0000" {
			return true
		}
	}
	return false
}
