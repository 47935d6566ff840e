package campus

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// MiddleDot stands between the parts of a name such as 阿依古丽·买买提 (U+00B7, as clreq recommends).
const MiddleDot = '·'

// CleanName returns the form in which a name is kept and sent to other systems: composed (NFC), with one kind of middle
// dot between Chinese characters, and without blanks at its ends or signs that nobody sees.
func CleanName(name string) string {
	runes := []rune(norm.NFC.String(strings.Map(visible, name)))
	for i, r := range runes {
		if sameSign[r] == MiddleDot && r != '.' && r != '．' && r != '․' || isDot(r) && isHan(runes, i-1) &&
			isHan(runes, i+1) {
			runes[i] = MiddleDot
		}
	}
	return strings.Join(strings.Fields(string(runes)), " ")
}

// SameName tells whether two systems mean the same name, whatever way they write it. It is the only comparison of
// names, of people as of merchants and tills: dots, hyphens and apostrophes of different looks, composed and decomposed
// letters, full width, capitals, and blanks that separate nothing do not count. Every other difference does; so do
// accents, and so does the order of the parts.
func SameName(a, b string) bool {
	folded := FoldName(a)
	return folded != "" && folded == FoldName(b)
}

// FoldName returns what SameName compares. It is for comparing, not for reading.
func FoldName(name string) string {
	one := func(r rune) rune {
		if same, found := sameSign[r]; found {
			return same
		}
		return visible(r)
	}
	// Signs first: the compatible form of some of them is no sign any more.
	folded := norm.NFKC.String(strings.Map(one, name))
	folded = norm.NFC.String(cases.Fold().String(folded))
	runes := []rune(strings.Join(strings.Fields(folded), " "))
	kept := make([]rune, 0, len(runes))
	for i, r := range runes {
		if r == ' ' && !separates(runes, i) {
			continue
		}
		kept = append(kept, r)
	}
	return string(kept)
}

// separates tells whether the blank at i parts two words. Beside a dot or a bracket it does not, nor in 张　三, where it
// only makes two characters as wide as three.
func separates(runes []rune, i int) bool {
	beside := func(n int) bool { return n >= 0 && n < len(runes) && strings.ContainsRune("·()", runes[n]) }
	fills := isHan(runes, i-1) && isHan(runes, i+1)
	return !beside(i-1) && !beside(i+1) && !fills
}

// NameForms returns the ways in which a system that compares letter by letter may have a name, the kept one first, then
// those in which the name was delivered. All of them are the same name (SameName).
func NameForms(name string, delivered ...string) []string {
	clean := CleanName(name)
	plain := norm.NFC.String(norm.NFKC.String(clean))
	kept, runes := []rune{}, []rune(plain)
	for i, r := range runes {
		if r != ' ' || separates(runes, i) {
			kept = append(kept, r)
		}
	}
	plain = string(kept)
	forms := []string{clean}
	add := func(form string) {
		if !slices.Contains(forms, form) && SameName(form, name) {
			forms = append(forms, form)
		}
	}
	for _, form := range delivered {
		add(form)
	}
	for _, form := range []string{plain, cases.Upper(language.Und).String(plain),
		cases.Title(language.Und).String(plain)} {
		straight := strings.NewReplacer("’", "'", "‘", "'", "‐", "-").Replace(form)
		for _, one := range []string{form, straight, strings.ReplaceAll(straight, "'", "’")} {
			add(one)
		}
	}
	for _, form := range slices.Clone(forms) { // as other systems keep them: another dot, decomposed, in full width
		for _, dot := range otherDots {
			add(strings.ReplaceAll(form, string(MiddleDot), dot))
		}
		add(norm.NFD.String(form))
		add(width.Widen.String(form))
	}
	return forms
}

// otherDots are the dots that are kept between the parts of a name in place of MiddleDot.
var otherDots = []string{"•", "‧", "・", ".", "．"}

func isHan(runes []rune, i int) bool {
	return i >= 0 && i < len(runes) && unicode.Is(unicode.Han, runes[i])
}

func isDot(r rune) bool { return sameSign[r] == MiddleDot }

// visible drops what takes no room: zero-width signs, direction marks, variation selectors, fillers.
func visible(r rune) rune {
	if unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) {
		return -1
	}
	return r
}

// sameSign are signs that people and input methods put for one another in names, each with the one it is compared as.
var sameSign = signs(map[rune]string{
	MiddleDot: "·•‧∙⋅・･ᐧ●.．․⸱⸳᛫", // Latin, bullet, hyphenation point, operators, katakana, full stops
	'-':       "-‐‑‒–—−﹣－",
	'\'':      "'’‘ʼʹ`´＇",
})

func signs(groups map[rune]string) map[rune]rune {
	all := map[rune]rune{}
	for one, looks := range groups {
		for _, look := range looks {
			all[look] = one
		}
	}
	return all
}
