package campus_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"campuscard/campus"
)

// A1, A3: two systems write one name in different ways; another name stays another one.
func TestSameName(t *testing.T) {
	t.Parallel()
	const long = "阿依古丽·买买提"
	for name, line := range map[string]struct {
		a, b string
		same bool
	}{
		"the same signs":            {"张伟", "张伟", true},
		"a bullet as middle dot":    {long, "阿依古丽•买买提", true},
		"a hyphenation point":       {long, "阿依古丽‧买买提", true},
		"a katakana dot":            {long, "阿依古丽・买买提", true},
		"a half-width katakana dot": {long, "阿依古丽･买买提", true},
		"a full-width full stop":    {long, "阿依古丽．买买提", true},
		"a full stop":               {long, "阿依古丽.买买提", true},
		"blanks around the dot":     {long, "阿依古丽 · 买买提", true},
		"composed and decomposed": {norm.NFC.String("NGUYỄN Thị Ánh"),
			norm.NFD.String("NGUYỄN Thị Ánh"), true},
		"full-width letters": {"MACDONALD Hassan", "ＭＡＣＤＯＮＡＬＤ　Ｈａｓｓａｎ",
			true},
		"capitals":                              {"MacDonald Hassan", "MACDONALD HASSAN", true},
		"a sharp s in capitals":                 {"Strauß", "STRAUSS", true},
		"blanks at the ends":                    {"张伟", " 张伟　", true},
		"two blanks between the parts":          {"DOS SANTOS Ana", "DOS  SANTOS Ana", true},
		"a blank that only fills":               {"张伟", "张　伟", true},
		"a zero-width blank":                    {"张伟", "张\u200b伟", true},
		"a variation selector":                  {"葛伟", "葛\U000E0100伟", true},
		"a filler of Hangul":                    {"张伟", "张伟\u3164", true},
		"an ideograph of a compatibility block": {"羅伟", "\uF90F伟", true},
		"another apostrophe":                    {"O'CONNOR Emma", "O’CONNOR Emma", true},
		"another hyphen":                        {"PARK Ji-woo", "PARK Ji‐woo", true},

		"a minus sign as a hyphen":    {"JEAN-LUC Pierre", "JEAN\u2212LUC Pierre", true},
		"a one-dot leader":            {long, "阿依古丽\u2024买买提", true},
		"a word separator middle dot": {long, "阿依古丽\u2E31买买提", true},
		"a raised dot":                {long, "阿依古丽\u2E33买买提", true},
		"a runic dot":                 {long, "阿依古丽\u16EB买买提", true},
		"a leader as a full stop":     {"AB.CD", "AB\u2024CD", true},
		"a blank before a bracket":    {"李 (LI)", "李（LI）", true},
		"a blank behind a bracket":    {"李 (LI) 娜", "李（LI）娜", true},
		"what is in brackets":         {"李 (LI)", "李 (LU)", false},
		"no brackets":                 {"李 (LI)", "李 LI", false},

		"another character":          {"张伟", "张玮", false},
		"one character more":         {"张伟", "张伟东", false},
		"traditional characters":     {"张伟", "張偉", false},
		"no dot":                     {long, "阿依古丽买买提", false},
		"an accent":                  {"MULLER Anna", "MÜLLER Anna", false},
		"parts in another order":     {"Hassan MACDONALD", "MACDONALD Hassan", false},
		"a blank that parts words":   {"LI Na", "LINA", false},
		"two names of nothing":       {" ", "\u200b", false},
		"a name and nothing":         {"张伟", "", false},
		"a letter of another script": {"ANNA", "АNNA", false}, // the first is Cyrillic
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, line.same, campus.SameName(line.a, line.b))
			require.Equal(t, line.same, campus.SameName(line.b, line.a))
		})
	}
}

// A3: somebody who compares letter by letter is asked with every form, and with no other name.
func TestNameForms(t *testing.T) {
	t.Parallel()
	for given, has := range map[string]string{
		"Wang Li": "WANG LI", "WANG LI": "Wang Li", "ＷＡＮＧ　ＬＩ": "WANG LI", "O’Brien": "O'BRIEN", "O'Brien": "O’BRIEN",
		"Strauß": "STRAUSS", "张 三丰": "张三丰", "阿依古丽•买买提": "阿依古丽·买买提", "กำ": norm.NFKC.String("กำ"),
		"阿里木·买买提": "阿里木•买买提", "阿里木‧买买提": "阿里木．买买提", "MÜLLER": norm.NFD.String("MÜLLER"), "LI LEI": "ＬＩ　ＬＥＩ",
	} {
		require.Contains(t, campus.NameForms(given), has)
	}
	require.Equal(t, []string{"张伟"}, campus.NameForms("张伟", ""), "one call is enough for most")
	for delivered, name := range map[string]string{"LI  LEI ": "LI LEI", "张伟　": "张伟", "\u200b张伟": "张伟",
		"阿依古丽 • 买买提": "阿依古丽·买买提", norm.NFD.String("Müller "): "Müller"} {
		require.Equal(t, []string{name, delivered}, campus.NameForms(name, delivered)[:2], "what was delivered, next")
	}
	require.Equal(t, []string{"张伟"}, campus.NameForms("张伟", "李伟", "张伟"), "no other name, and none twice")
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOf(rapid.SampledFrom([]rune("张伟 ·•.．(（aÄe\u0308ＡO’-\u200bß羅ﬁı"))).Draw(t,
			"name")
		for i, form := range campus.NameForms(name) {
			require.True(t, i == 0 || campus.SameName(name, form))
		}
	})
}

// What is kept means what came in, and keeping it once more changes nothing.
func TestCleanName(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		" 阿依古丽•买买提 ": "阿依古丽·买买提", "阿依古丽.买买提": "阿依古丽·买买提", "J. SMITH": "J. SMITH", "张　伟": "张 伟",
		norm.NFD.String("MÜLLER"): "MÜLLER", "张\u200b伟": "张伟", "\u3000": "", "O’CONNOR": "O’CONNOR", "ＬＩ": "ＬＩ",
	} {
		require.Equal(t, want, campus.CleanName(given))
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOf(rapid.SampledFrom([]rune("张伟 ·•.．\u2024\u2212\u2E31(（）　aÄe\u0308ＡO’-\u200bß羅"))).Draw(t, "name")
		clean := campus.CleanName(name)
		require.Equal(t, clean, campus.CleanName(clean))
		require.Equal(t, campus.FoldName(name), campus.FoldName(clean))
		require.Equal(t, campus.FoldName(name), campus.FoldName(campus.FoldName(name)))
	})
}
