package api

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy/stack"
	"campuscard/storage"
)

// receiptFontOnce is the font of receipts, got once for all tests.
var receiptFontOnce = sync.OnceValues(func() (string, error) { return stack.ReceiptFont(context.Background(), os.Stderr) })

func receiptFont(t *testing.T) []byte {
	t.Helper()
	path, err := receiptFontOnce()
	require.NoError(t, err)
	font, err := readFont(path)
	require.NoError(t, err)
	return font
}

func sampleReceipt() storage.ActReceipt {
	at, ref := time.Date(2026, time.November, 17, 16, 5, 0, 0, time.UTC), uuid.MustParse("01940000-0000-7000-8000-000000000007")
	return storage.ActReceipt{
		Act: storage.CounterAct{ID: uuid.MustParse("01940000-0000-7000-8000-000000000001"), Kind: campus.WithdrawalAct, CaseID: &ref,
			At: at, DoneAt: &at, StaffName: "王老师"},
		PersonName: "阿依古丽·买买提", PersonNumber: "2026080042", Language: campus.Chinese,
		UniversityZH: "聊城大学", UniversityEN: "Liaocheng University", CampusZH: "东校区", CampusEN: "East Campus",
	}
}

func TestReceiptsSayWhatWasDone(t *testing.T) {
	t.Parallel()
	r := sampleReceipt()
	zh, en := receiptLines(campus.Chinese, r), receiptLines(campus.English, r)
	require.Equal(t, []string{"聊城大学", "校园卡业务回执"}, []string{zh.university, zh.title})
	require.Equal(t, [][2]string{{"办理事项", "撤回申请"}, {"办理时间", "2026-11-18 00:05"}, {"持卡人", "阿依古丽·买买提"}, {"学工号", "2026****42"},
		{"校区", "东校区"}, {"经办人", "王老师"}, {"事项编号", "01940000-0000-7000-8000-000000000007"},
		{"回执编号", "01940000-0000-7000-8000-000000000001"}}, zh.rows, "Beijing time, and the number masked")
	require.Equal(t, "Liaocheng University", en.university)
	require.Equal(t, [2]string{"What was done", "Application withdrawn"}, en.rows[0])

	r.Act.Kind, r.Act.Verdict, r.Act.Reason, r.Act.CaseID = campus.VerificationAct, campus.Fail, "document_mismatch", nil
	failed := receiptLines(campus.English, r).rows
	require.Equal(t, [][2]string{{"Result", "failed"}, {"Details", "The document is not the one on the roster."}}, failed[1:3])
	r.Act.Kind, r.Act.Verdict, r.Act.Detail = campus.LanguageAct, "", "en"
	require.Equal(t, [2]string{"说明", "英文"}, receiptLines(campus.Chinese, r).rows[1])
}

func TestReceiptsAreDrawn(t *testing.T) {
	t.Parallel()
	font, r := receiptFont(t), sampleReceipt()
	r.PersonName = "𠮷野\n·张" // beyond the first plane, a control character, a character of Latin-1
	for _, in := range campus.Languages() {
		lines := receiptLines(in, r)
		content, err := drawReceipt(font, lines)
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(content, []byte("%PDF-1.")))
		require.Less(t, len(content), 200_000, "only the glyphs it needs")
		again, err := drawReceipt(font, lines)
		require.NoError(t, err)
		require.Equal(t, content, again, "the same paper however often it is printed")
		if dir := os.Getenv("RECEIPT_SAMPLES"); dir != "" { // to look at
			require.NoError(t, os.WriteFile(filepath.Join(dir, "receipt-"+string(in)+".pdf"), content, 0o600))
		}
	}
}

func TestLinesOfAReceipt(t *testing.T) {
	t.Parallel()
	_, err := drawReceipt(receiptFont(t), receiptText{rows: [][2]string{{"", ""}}})
	require.NoError(t, err, "an empty line is a line")
	require.Equal(t, []string{"one ", "two", "三", "四，", "5 ", "六"}, pieces("one two三四，5 六"))
	require.Empty(t, strings.Join(pieces(""), ""))
}

func TestFontsThatAreNone(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "font.ttf")
	require.NoError(t, os.WriteFile(bad, []byte("ttcf no font"), 0o600))
	for name, path := range map[string]string{"no path": "", "no file": bad + ".not", "no TrueType": bad} {
		_, err := readFont(path)
		require.Error(t, err, name)
	}
}
