package api

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/go-text/typesetting/di"
	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/font/opentype"
	"github.com/go-text/typesetting/font/opentype/tables"
	textlanguage "github.com/go-text/typesetting/language"
	"github.com/go-text/typesetting/shaping"
	"golang.org/x/image/math/fixed"
)

// fonts are what receipts are written with, the first that has a character first.
type fonts []*fontFile

// DebianFonts returns fonts for receipts where Debian puts them (fonts-noto-core, fonts-droid-fallback, fonts-nanum,
// fonts-hanazono):
// Latin, Greek, Cyrillic; the scripts of the countries that students come from; Chinese; Hangul; and what Chinese
// characters are rarer still, of all planes.
func DebianFonts() []string {
	const folder = "/usr/share/fonts/truetype/"
	scripts := []string{"", "Thai", "Lao", "Khmer", "Myanmar", "Arabic", "Hebrew", "Devanagari", "Bengali", "Gurmukhi",
		"Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Thaana", "Ethiopic", "Georgian",
		"Armenian"}
	paths := make([]string, 0, len(scripts)+8)
	for _, script := range scripts {
		paths = append(paths, folder+"noto/NotoSans"+script+"-Regular.ttf")
	}
	// Those behind the Chinese font have Chinese marks, too, in another place of the line.
	return append(paths, folder+"droid/DroidSansFallbackFull.ttf", folder+"nanum/NanumGothic.ttf",
		folder+"noto/NotoSerifTibetan-Regular.ttf", folder+"noto/NotoSansMongolian-Regular.ttf",
		folder+"noto/NotoSansYi-Regular.ttf", folder+"noto/NotoSansTaiLe-Regular.ttf",
		folder+"hanazono/HanaMinA.ttf", folder+"hanazono/HanaMinB.ttf")
}

// readFonts finds the fonts that the patterns name: TrueType or OpenType, or the first of a collection, or its one for
// China. A pattern that finds nothing is passed over; but Latin and Chinese there must be.
func readFonts(patterns []string) (fonts, error) {
	var found fonts
	for _, pattern := range patterns {
		paths, err := filepath.Glob(strings.TrimSpace(pattern))
		if err != nil {
			return nil, fmt.Errorf("RECEIPT_FONTS: %w", err)
		}
		for _, path := range paths {
			one, err := newFontFile(path)
			if err != nil {
				return nil, fmt.Errorf("read the font %s: %w", path, err)
			}
			found = append(found, one)
		}
	}
	for _, needed := range "A校" {
		one := found.with(needed)
		if one == nil {
			return nil, errors.New("RECEIPT_FONTS names no fonts with Latin and Chinese characters")
		}
		if _, err := one.open(); err != nil {
			return nil, fmt.Errorf("read a font for receipts: %w", err)
		}
	}
	return found, nil
}

// fontFile is a font of which only the list of its characters is in memory until one of them is needed.
type fontFile struct {
	characters font.Cmap
	open       func() (*font.Font, error)
}

// keptFont is the most bytes that a font may have to stay in memory once it was needed. The fonts of rare characters
// are larger, take four times their size, and are read again for each receipt that needs them.
const keptFont = 8 << 20

func newFontFile(path string) (*fontFile, error) {
	one := &fontFile{open: func() (*font.Font, error) { return openFont(path, font.NewFont) }}
	about, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if about.Size() <= keptFont {
		one.open = sync.OnceValues(one.open)
	}
	one.characters, err = openFont(path, func(from *opentype.Loader) (font.Cmap, error) {
		raw, err := from.RawTable(opentype.MustNewTag("cmap"))
		if err != nil {
			return nil, err
		}
		table, _, err := tables.ParseCmap(raw)
		if err != nil {
			return nil, err
		}
		characters, _, err := font.ProcessCmap(table, tables.FPNone)
		return characters, err
	})
	return one, err
}

// openFont reads something of a font.
func openFont[T any](path string, read func(*opentype.Loader) (T, error)) (found T, err error) {
	file, err := os.Open(path)
	if err != nil {
		return found, err
	}
	defer file.Close() //nolint:errcheck // only read
	inside, err := opentype.NewLoaders(file)
	if err != nil {
		return found, err
	}
	china := slices.IndexFunc(inside, func(one *opentype.Loader) bool {
		about, _ := font.Describe(one, nil)
		return strings.HasSuffix(about.Family, " SC")
	})
	return read(inside[max(0, china)])
}

// with returns the first font that has a character; nil: none has it.
func (f fonts) with(r rune) *fontFile {
	i := slices.IndexFunc(f, func(one *fontFile) bool {
		_, found := one.characters.Lookup(r)
		return found
	})
	if i < 0 {
		return nil
	}
	return f[i]
}

// typesetter turns text into glyphs in their places. It is for one receipt: faces keep what they have looked up.
type typesetter struct {
	fonts   fonts
	faces   map[*fontFile]*font.Face
	err     error // of a font that could not be read
	shaper  shaping.HarfbuzzShaper
	cutter  shaping.Segmenter
	wrapper shaping.LineWrapper
}

func newTypesetter(f fonts) *typesetter {
	return &typesetter{fonts: f, faces: map[*fontFile]*font.Face{}}
}

// ResolveFace implements shaping.Fontmap, for characters whose fonts have been read.
func (t *typesetter) ResolveFace(r rune) *font.Face { return t.faces[t.fontOf(r)] }

// fontOf returns the font of a character. For one that no font has it is the first, whose glyph 0 marks it.
func (t *typesetter) fontOf(r rune) *fontFile {
	if found := t.fonts.with(r); found != nil {
		return found
	}
	return t.fonts[0]
}

// read gets the fonts that a text needs, and says whether all are there.
func (t *typesetter) read(text []rune) bool {
	for _, r := range text {
		one := t.fontOf(r)
		if t.faces[one] != nil {
			continue
		}
		opened, err := one.open()
		if err != nil {
			t.err = errors.Join(t.err, err)
			return false
		}
		t.faces[one] = font.NewFace(opened)
	}
	return true
}

// placed is a glyph in its line, in points from the line's beginning; y grows upwards.
type placed struct {
	face    *font.Face
	id      font.GID // 0: no font has this character
	x, y    float64
	advance float64
}

// line is a line of text.
type line struct {
	glyphs []placed
	width  float64 // points
}

// lines sets a text: in the fonts it needs, with the marks and ligatures of its script, from right to left where that
// is its way, and broken where it may be broken, or anywhere when a word alone is too wide. Size and width are in
// points.
func (t *typesetter) lines(text string, size, width float64) []line {
	runes := []rune(strings.Map(printable, text))
	if len(runes) == 0 || !t.read(runes) {
		return []line{{}}
	}
	whole := shaping.Input{Text: runes, RunEnd: len(runes), Direction: di.DirectionLTR, Size: points(size),
		Language: textlanguage.NewLanguage("zh-Hans")}
	var runs []shaping.Output
	for _, run := range t.cutter.Split(whole, t) {
		runs = append(runs, t.shaper.Shape(run))
	}
	config := shaping.WrapConfig{Direction: di.DirectionLTR}
	wrapped, _ := t.wrapper.WrapParagraphF(config, points(width), runes, shaping.NewSliceIterator(runs))
	lines := make([]line, len(wrapped))
	for i, w := range wrapped {
		lines[i] = place(w)
	}
	return lines
}

// place puts the runs of a line behind each other, as they are read.
func place(wrapped shaping.Line) (l line) {
	runs := slices.Clone(wrapped)
	slices.SortStableFunc(runs, func(a, b shaping.Output) int { return int(a.VisualIndex - b.VisualIndex) })
	for _, run := range runs {
		for _, g := range run.Glyphs {
			x, y := l.width+float(g.XOffset), float(g.YOffset)
			l.glyphs = append(l.glyphs, placed{run.Face, g.GlyphID, x, y, float(g.Advance)})
			l.width += float(g.Advance)
		}
	}
	return l
}

// printable leaves control characters out; a line break is a space.
func printable(r rune) rune {
	switch {
	case r == '\n' || r == '\t':
		return ' '
	case unicode.IsControl(r):
		return -1
	}
	return r
}

func points(p float64) fixed.Int26_6 { return fixed.Int26_6(p * 64) }
func float(p fixed.Int26_6) float64  { return float64(p) / 64 }
