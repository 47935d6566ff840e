package api

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-text/typesetting/font"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy/stack"
	"campuscard/storage/people"
)

// receiptFontsOnce are the fonts of receipts, got and read once for all tests.
var receiptFontsOnce = sync.OnceValues(func() (fonts, error) {
	if err := stack.ReceiptFonts(context.Background(), os.Stderr); err != nil {
		return nil, err
	}
	return readFonts(DebianFonts())
})

func receiptFonts(t *testing.T) fonts {
	t.Helper()
	read, err := receiptFontsOnce()
	require.NoError(t, err)
	return read
}

func sampleReceipt() people.ActReceipt {
	at, ref := time.Date(2026, time.November, 17, 16, 5, 0, 0,
		time.UTC), uuid.MustParse("01940000-0000-7000-8000-000000000007")
	return people.ActReceipt{
		Act: people.CounterAct{ID: uuid.MustParse("01940000-0000-7000-8000-000000000001"), Kind: campus.WithdrawalAct,
			CaseID: &ref,
			At:     at, DoneAt: &at, StaffName: "王老师"},
		PersonName: "阿依古丽·买买提", PersonNumber: "2026080042", Language: campus.Chinese,
		UniversityZH: "聊城大学", UniversityEN: "Liaocheng University", CampusZH: "东校区", CampusEN: "East Campus",
	}
}

func TestReceiptsSayWhatWasDone(t *testing.T) {
	t.Parallel()
	r := sampleReceipt()
	zh, en := receiptLines(campus.Chinese, r), receiptLines(campus.English, r)
	require.Equal(t, []string{"聊城大学", "校园卡业务回执"}, []string{zh.university, zh.title})
	require.Equal(t, [][2]string{{"办理事项", "撤回申请"}, {"办理时间", "2026-11-18 00:05（北京时间）"},
		{"持卡人", "阿依古丽·买买提"}, {"学工号", "2026****42"},
		{"校区", "东校区"}, {"经办人", "王老师"}, {"事项编号", "01940000-0000-7000-8000-000000000007"},
		{"回执编号", "01940000-0000-7000-8000-000000000001"}}, zh.rows, "Beijing time, and the number masked")
	require.Equal(t, "Liaocheng University", en.university)
	require.Equal(t, [2]string{"What was done", "Application withdrawn"}, en.rows[0])

	r.Act.Kind, r.Act.Verdict, r.Act.Reason, r.Act.CaseID = campus.VerificationAct, campus.Fail, "document_mismatch", nil
	failed := receiptLines(campus.English, r).rows
	require.Equal(t, [][2]string{{"Result", "failed"}, {"Details", "The document is not the one on the roster."}},
		failed[1:3])
	r.Act.Kind, r.Act.Verdict, r.Act.Detail = campus.LanguageAct, "", "en"
	require.Equal(t, [2]string{"说明", "英文"}, receiptLines(campus.Chinese, r).rows[1])
	r.Act.Kind, r.Act.Detail, r.Act.DrawerID = campus.CashAct, "5000", &r.Act.ID
	require.Contains(t, receiptLines(campus.English, r).rows, [2]string{"Cash drawer", r.Act.ID.String()})
}

// names are of people who may stand at a counter; each has something that a receipt has lost before.
func names() map[string]string {
	return map[string]string{
		"Chinese": "阿依古丽·买买提", "beyond the first plane": "𠮷野𬭎𪚥",
		"traditional": "龔𨋢龘", "Czech": "Jiří Dvořák-Šťastný",
		"Lithuanian":        "Žemaitė ė",
		"composed of parts": "Jir\u030ci\u0301", "apostrophe": "O’Connor “X”",
		"Vietnamese": "Nguyễn Thị Ánh", "Cyrillic": "Нұрсұлтан Ёжиков",
		"Greek":  "Ελένη",
		"Hangul": "김민준", "Kana": "やまだ ミキ",
		"Thai": "กุ้งนาง ศรีสุข", "Arabic": "محمد بن علي", "Devanagari": "श्रीमती",
		"Tibetan": "བཀྲ་ཤིས", "Mongolian": "ᠮᠣᠩᠭᠣᠯ",
		"Lao": "ສົມພອນ", "Khmer": "សុខា", "Burmese": "အောင်",
		"Georgian": "გიორგი", "full width": "ＭＡＣＤＯＮＡＬＤ",
	}
}

// L1: every character of a name is there as a glyph of its own font, and every line is within the paper.
func TestReceiptsHaveAGlyphForEveryName(t *testing.T) {
	t.Parallel()
	for script, name := range names() {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			set := newTypesetter(receiptFonts(t))
			for _, l := range set.lines(name, 11, 300) {
				require.NotEmpty(t, l.glyphs)
				for _, g := range l.glyphs {
					require.NotZero(t, g.id, "a character is in no font")
					_, drawn := g.face.GlyphDataOutline(g.id)
					require.True(t, drawn, "the glyph is no outline")
				}
			}
		})
	}
}

// A glyph's place depends on its neighbours: marks of Thai stand above each other, and Arabic goes from right to left.
func TestReceiptsShapeScripts(t *testing.T) {
	t.Parallel()
	set := newTypesetter(receiptFonts(t))
	one := func(text string) line { return set.lines(text, 11, 300)[0] }
	require.InDelta(t, one("กง").width, one("กุ้ง").width, 0.01, "vowel and tone take no room")
	require.Less(t, len(one("श्री").glyphs), len([]rune("श्री")), "a conjunct is one glyph")
	joined, apart := one("بب"), one("ب")
	require.NotEqual(t, apart.glyphs[0].id, joined.glyphs[0].id, "letters that join have other shapes")
	require.Equal(t, one("ř").glyphs[0].id, one("r\u030c").glyphs[0].id, "composed or not, it is one letter")
	mixed, arabic := one("A علي"), one("علي")
	require.Equal(t, one("A").glyphs[0].id, mixed.glyphs[0].id)
	require.Equal(t, arabic.glyphs[len(arabic.glyphs)-1].id, mixed.glyphs[len(mixed.glyphs)-1].id)
	marked := one("中。，、")
	for _, g := range marked.glyphs {
		require.Equal(t, marked.glyphs[0].face, g.face, "Chinese marks are of the font of Chinese")
	}
}

// What is in no font is marked, on the paper and in words.
func TestReceiptsMarkWhatIsMissing(t *testing.T) {
	t.Parallel()
	set := newTypesetter(receiptFonts(t))
	require.Zero(t, set.lines("\U0010FFFD", 11, 300)[0].glyphs[0].id)
	d := newDrawing(receiptFonts(t), receiptText{})
	d.row("A", "张三")
	require.False(t, d.missing)
	d.row("A", "张\U0010FFFD")
	require.True(t, d.missing)
}

func TestReceiptsFitThePage(t *testing.T) {
	t.Parallel()
	set := newTypesetter(receiptFonts(t))
	for name, text := range map[string]string{
		"a word of 60 letters": strings.Repeat("W", 60),
		"Chinese":              strings.Repeat("龘", 60),
		"Thai without spaces":  strings.Repeat("กุ้ง", 30),
		"an id":                "01940000-0000-7000-8000-000000000001", "words": strings.Repeat("long name ", 12),
	} {
		lines := set.lines(text, 11, 100)
		for _, l := range lines {
			require.LessOrEqual(t, l.width, 100.0, name)
			require.NotEmpty(t, l.glyphs, name)
		}
	}
	require.Len(t, set.lines("", 11, 100), 1, "an empty line is a line")
	require.Len(t, set.lines("two\nlines\x00", 11, 100), 1, "line breaks are spaces, and other control characters nothing")

	d := newDrawing(receiptFonts(t), receiptText{})
	for range 200 {
		d.row("A", "很长的名字")
		require.LessOrEqual(t, d.y, receiptBottom+lineHeight+3, "nothing is below the margin")
	}
	require.Greater(t, d.pdf.PageCount(), 1, "what one page has no room for goes on the next")
}

func TestReceiptsAreDrawn(t *testing.T) {
	t.Parallel()
	read, r := receiptFonts(t), sampleReceipt()
	samples := names()
	samples["missing"], samples["long"] = "张\U0010FFFD三", strings.Repeat("Wolfeschlegelsteinhausen", 3)
	for script, name := range samples {
		r.PersonName = name
		for _, in := range campus.Languages() {
			lines := receiptLines(in, r)
			content, err := drawReceipt(read, lines)
			require.NoError(t, err)
			require.True(t, bytes.HasPrefix(content, []byte("%PDF-1.")))
			require.Less(t, len(content), 200_000, "only the shapes it needs")
			again, err := drawReceipt(read, lines)
			require.NoError(t, err)
			require.Equal(t, content, again, "the same paper however often it is printed")
			if dir := os.Getenv("RECEIPT_SAMPLES"); dir != "" { // to look at
				require.NoError(t, os.WriteFile(filepath.Join(dir, script+"-"+string(in)+".pdf"), content, 0o600))
			}
		}
	}
}

// A font that is gone is a failure, not a receipt without its letters.
func TestReceiptsNeedTheirFonts(t *testing.T) {
	t.Parallel()
	gone := *receiptFonts(t).with('ก')
	gone.open = func() (*font.Font, error) { return nil, errors.New("the file is gone") }
	_, err := drawReceipt(append(fonts{&gone}, receiptFonts(t)...), receiptText{title: "กุ้งนาง"})
	require.ErrorContains(t, err, "the file is gone")
	_, err = drawReceipt(append(fonts{&gone}, receiptFonts(t)...), receiptText{title: "校园卡"})
	require.NoError(t, err, "nobody asked for it")
}

func TestFontsThatAreNone(t *testing.T) {
	t.Parallel()
	require.NotNil(t, receiptFonts(t))
	bad := filepath.Join(t.TempDir(), "font.ttf")
	require.NoError(t, os.WriteFile(bad, []byte("ttcf no font"), 0o600))
	for name, paths := range map[string][]string{
		"no path": nil, "no file": {bad + ".not"}, "no font": {bad},
		"no Chinese": DebianFonts()[:1], "no Latin": DebianFonts()[len(DebianFonts())-1:],
	} {
		_, err := readFonts(paths)
		require.Error(t, err, name)
	}
}
