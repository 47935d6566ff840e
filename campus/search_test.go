package campus_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"campuscard/campus"
)

// found tells whether a search for what was typed finds a name, as storage asks Postgres for it.
func found(name, typed string) bool {
	text, words := campus.SearchText(name), campus.SearchWords(typed)
	have := map[string]bool{}
	for _, gram := range campus.SearchGrams(text) {
		have[gram] = true
	}
	for _, word := range words {
		for _, gram := range campus.SearchGrams(word) {
			if !have[gram] {
				return false
			}
		}
		if !strings.Contains(text, word) {
			return false
		}
	}
	return len(words) > 0
}

// L1: staff find people by case, accents, width, pinyin and initials, and nobody else with them.
func TestNamesAreFound(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]struct {
		name, typed string
		found       bool
	}{
		"small letters":                 {"MACDONALD Hassan", "macdonald", true},
		"a part of a word":              {"MACDONALD Hassan", "donald", true},
		"both words, in another order":  {"MACDONALD Hassan", "hassan mac", true},
		"without the accent":            {"MÜLLER Anna", "muller", true},
		"with the accent":               {"MULLER Anna", "Müller", true},
		"decomposed":                    {norm.NFD.String("NGUYỄN Ánh"), "nguyen anh", true},
		"a letter that is no accent":    {"Søren ŁUKASZ", "soren lukasz", true},
		"full width":                    {"MACDONALD Hassan", "ｍａｃｄｏｎａｌｄ", true},
		"an apostrophe left out":        {"O’CONNOR Emma", "oconnor", true},
		"a hyphen left out":             {"PARK Ji-woo", "jiwoo", true},
		"Chinese characters":            {"欧阳晓明", "阳晓", true},
		"pinyin":                        {"张伟", "zhangwei", true},
		"pinyin in two words":           {"张伟", "Zhang Wei", true},
		"pinyin with tones":             {"张伟", "zhāng wěi", true},
		"initials":                      {"张伟", "zw", true},
		"a name with another reading":   {"单雄信", "shanxiongxin", true},
		"its initials":                  {"单雄信", "sxx", true},
		"a name that is read zeng":      {"曾国藩", "zengguofan", true},
		"ü as v":                        {"吕布", "lvbu", true},
		"ü as passports have it":        {"吕布", "lyu bu", true},
		"ü as u":                        {"吕布", "lubu", true},
		"a traditional character":       {"張偉", "zhangwei", true},
		"a rare character":              {"李龑", "liyan", true},
		"parts of a name with a dot":    {"阿依古丽·买买提", "ayiguli", true},
		"another dot":                   {"阿依古丽•买买提", "古丽·买买", true},
		"the dot left out":              {"阿依古丽·买买提", "阿依古丽买买提", true},
		"initials of a long name":       {"阿依古丽·买买提", "ayglmmt", true},
		"a long name of many readings":  {"艾合买提江·阿布都热合曼", "abudureheman", true},
		"its first part":                {"艾合买提江·阿布都热合曼", "aihemaitijiang", true},
		"the whole of it in one word":   {"艾合买提江·阿布都热合曼", "aihemaitijiangabudureheman", true},
		"its parts in another order":    {"艾合买提江·阿布都热合曼", "abudureheman aihemaitijiang", true},
		"its initials in one word":      {"艾合买提江·阿布都热合曼", "ahmtjabdrhm", true},
		"a part of it with dou":         {"艾合买提江·阿布都热合曼", "abudou", true},
		"a part of it misspelt":         {"艾合买提江·阿布都热合曼", "abudurehaman", false},
		"a long name of another order":  {"艾合买提江·阿布都热合曼", "abudurehemanaihemaitijiang", false},
		"another name":                  {"MACDONALD Hassan", "mcdonald", false},
		"another pinyin":                {"张伟", "zhangwen", false},
		"initials in another order":     {"张伟", "wz", false},
		"one word of two":               {"MACDONALD Hassan", "macdonald emma", false},
		"pairs that are there, no word": {"ABAC", "babac", false},
		"one letter":                    {"张伟", "z", false},
		"letters apart":                 {"张伟", "z w", false},
		"signs that are no words":       {"张伟", "·-", false},
		"a pattern":                     {"张伟", "%伟", false},
		"a form of one name in another": {"张伟", "wei\nzhang", true}, // a line break is a blank
		"over the end of a form":        {"LI Na", "nali", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, line.found, found(line.name, line.typed), campus.SearchText(line.name))
		})
	}
}

// What a name has several readings of stays within bounds, and is found by itself and by any of its readings.
func TestSearchFormsAreBounded(t *testing.T) {
	t.Parallel()
	readings := map[rune][]string{'单': {"dan", "chan", "shan"}, '曾': {"ceng", "zeng"}, '都': {"dou", "du"},
		'合': {"he", "ge"}, '提': {"ti", "di"}, '阿': {"a", "e"}, '行': {"xing", "hang"}, '江': {"jiang"}}
	letters := slices.Sorted(maps.Keys(readings))
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SliceOfN(rapid.SampledFrom(letters), 2, 40).Draw(t, "name")
		typed, short, usual := "", "", 0
		for i, r := range name {
			n := 0 // one of any six characters has an unusual reading
			if usual++; usual > 5 {
				n, usual = rapid.IntRange(0, len(readings[r])-1).Draw(t, fmt.Sprint(i)), 0
			}
			typed, short = typed+readings[r][n], short+readings[r][n][:1]
		}
		for _, one := range []string{string(name), typed, short} {
			require.True(t, found(string(name), one), one)
		}
		require.LessOrEqual(t, strings.Count(campus.SearchText(string(name)), "\n"), 2+2*40*64)
	})
}

func TestFoldNumber(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"\u3000ｔ２００５００１\u00a0": "T2005001", "t2005001": "T2005001", "T2005001": "T2005001", "aB\u00a012-x": "AB12-X",
		"2026000001": "2026000001", "ä1": "ä1", "": "",
	} {
		require.Equal(t, want, campus.FoldNumber(typed), "%q", typed)
	}
}

// What input methods and clipboards add to a number or code does not count; what is missing, or no digit, does.
func TestNumbersAndCodesAsTyped(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"2023020138": "2023020138", "2023 020138": "2023020138", " ２０２３\u3000０２０１３８\u00a0": "2023020138",
		"\u200b2023\t020138": "2023020138", "T2019001": "T2019001", " \u3000": "", "2023-020138": "2023-020138",
	} {
		require.Equal(t, want, campus.PlainNumber(typed), "%q", typed)
	}
	for typed, good := range map[string]bool{
		"123456": true, "１２３ ４５６": true, " 123456\u3000": true,
		"": false, "   ": false, "12345": false, "1234567": false, "abcdef": false, "12345x": false, "123-456": false, "١٢٣٤٥٦": false,
	} {
		code, err := campus.ParseCode(typed, campus.PhoneCodeDigits, campus.PhoneCodeForm)
		require.Equal(t, good, err == nil, "%q", typed)
		if good {
			require.Equal(t, "123456", code)
		} else {
			require.Equal(t, campus.PhoneCodeForm, campus.ReasonOf(err), "%q", typed)
		}
	}
}
