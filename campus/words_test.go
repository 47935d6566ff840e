package campus_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"campuscard/campus"
)

// One rule for texts of people: something to see, and nothing that only machines read.
func TestOneRuleForTextsOfPeople(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ line, lines string }{
		"":                               {"", ""}, // left out; a field that is needed says so itself
		"请带原件来。":                         {"", ""},
		"José ’n’ Łukasz · 买买提":          {"", ""},
		"👩‍👩‍👧 ❤️":                       {"", ""}, // joined by U+200D, coloured by U+FE0F
		"שלום عليكم":                     {"", ""},
		"two\r\n\tlines":                 {"words_unreadable", ""},
		" ":                              {"words_blank", "words_blank"},
		"\u3000\u3000":                   {"words_blank", "words_blank"},
		"\u200b":                         {"words_blank", "words_blank"},
		"\u00a0\u2003\ufeff\u00ad\u2060": {"words_blank", "words_blank"},
		"\u3164\u115f\uffa0\u2800":       {"words_blank", "words_blank"}, // fillers of Hangul, and Braille without dots
		"\u200f\u200e":                   {"words_blank", "words_blank"},
		"\ufffc":                         {"words_blank", "words_blank"}, // in the place of an object
		"\u0301":                         {"words_blank", "words_blank"}, // an accent on no letter
		"\u00a0\u0e31\u20dd":             {"words_blank", "words_blank"},
		"e\u0301":                        {"", ""},
		"กั":                             {"", ""},
		"a\ufffc":                        {"", ""},
		"\n\n":                           {"words_unreadable", "words_blank"},
		"a\x00b":                         {"words_unreadable", "words_unreadable"},
		"a\x1b[2J":                       {"words_unreadable", "words_unreadable"},
		"a\u0085b":                       {"words_unreadable", "words_unreadable"},
		"a\u2028b":                       {"words_unreadable", ""},
		"approve\u202edrawa":             {"words_unreadable", "words_unreadable"},
		"a\u2066b\u2069":                 {"words_unreadable", "words_unreadable"},
		"a\U000e0041b":                   {"words_unreadable", "words_unreadable"}, // tags: a text that nobody sees
		"\U000e0001en":                   {"words_unreadable", "words_unreadable"},
		"a\ufffd":                        {"words_unreadable", "words_unreadable"},
		"a\xffb":                         {"words_unreadable", "words_unreadable"},
		"a\uffff":                        {"words_unreadable", "words_unreadable"},
	} {
		require.Equal(t, want.line, campus.ReasonOf(campus.CheckWords("note", text, false)), "%q", text)
		require.Equal(t, want.lines, campus.ReasonOf(campus.CheckWords("note", text, true)), "%q", text)
	}
}

// A carrier counts units of UTF-16: 70 in one message, 67 each when they are joined.
func TestSMSCountsUnitsOfUTF16(t *testing.T) {
	t.Parallel()
	require.Equal(t, 400, campus.SMSLength(strings.Repeat("😀", 200)))
	require.Equal(t, 4, campus.SMSLength("卡a𠮷"))
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.String().Draw(r, "text")
		require.Equal(r, len(utf16.Encode([]rune(text))), campus.SMSLength(text))
	})
}

func TestJSONThatHoldsNUL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]bool{
		`{"a":"\u0000"}`: true, `{"\u0000":1}`: true, `["\\\u0000"]`: true, "\"\x00\"": true,
		`{"a":"\\u0000"}`: false, `{"a":"u0000"}`: false, `"\u00e9\u0001"`: false, `"\`: false, `"\u00`: false, ``: false,
	} {
		require.Equal(t, want, campus.HoldsNUL([]byte(raw)), raw)
	}
}
