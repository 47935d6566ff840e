package campus_test

import (
	"go/ast"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// filled is a text with the same in all its places.
func filled(in campus.Language, key, value string) string {
	params := map[string]string{}
	for _, place := range regexp.MustCompile(`\{([a-z_]+)[#}]`).FindAllStringSubmatch(campus.Text(in, key, nil), -1) {
		params[place[1]] = value
	}
	for _, name := range []string{"year", "host", "address", "folder", "university", "kind", "package", "kiosk", "system",
		"namespace", "max"} {
		params[name] = name // nobody counts these, or there are many
	}
	return campus.Text(in, key, params)
}

// Who reads of one thing is not told of several, and the other way round.
func TestTextsCount(t *testing.T) {
	t.Parallel()
	many := regexp.MustCompile(`\b1 (of them )?([a-z]*[^s\W]s|are|have|were|wait|people)\b`)
	wrong := []string{}
	one := map[string]bool{"1 is": true, "1 was": true, "1 has": true}
	for _, key := range campus.TextKeys() {
		text := filled(campus.English, key, "1")
		if found := many.FindString(text); found != "" && !one[found] {
			wrong = append(wrong, key+": "+text)
		}
		require.NotContains(t, text+filled(campus.Chinese, key, "2"), "#", key)
	}
	require.Empty(t, wrong)
	for n, want := range map[string]string{"0": "0 rows wait", "1": "1 row waits", "21": "21 rows wait"} {
		text := campus.Text(campus.English, "doctor.outbox.fine", map[string]string{"rows": n})
		require.Equal(t, want+" for Temporal", text)
	}
}

// What is meant for people has none of our own words. Operators of the house know Temporal, and programs their headers.
func TestTextsHaveNoWordsOfOurOwn(t *testing.T) {
	t.Parallel()
	ours := regexp.MustCompile(`(?i)\b(workflow|work item|activity|plastic|human|huma|goroutine)\b|工作流`)
	rule := regexp.MustCompile(`\b[A-L][0-9]{1,2}\b`)
	for _, key := range campus.TextKeys() {
		zh, en := campus.Text(campus.Chinese, key, nil), campus.Text(campus.English, key, nil)
		if !strings.HasPrefix(key, "doctor.") {
			require.Empty(t, ours.FindString(zh+en), key)
		}
		if key != "problem.field_compartment" { // A07
			require.Empty(t, rule.FindString(zh+" "+en), "%s names a requirement", key)
		}
	}
}

// A moment is read wherever somebody is, so it names its zone. Nobody writes one in another way.
func TestMomentsNameTheirZone(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 17, 30, 0, 0, time.UTC)
	require.Equal(t, "2026-11-21 01:30（北京时间）", campus.TimeText(campus.Chinese, at))
	require.Equal(t, "2026-11-21 01:30 (Beijing time)", campus.TimeText(campus.English, at))
	require.Contains(t, campus.Text(campus.English, "sample.due", nil), "Beijing time", "a preview shows what is sent")
	eachFile(t, func(path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if ok && callee(call) == "Format" && len(call.Args) == 1 && path != "../campus/text.go" {
				layout := literal(call.Args[0])
				require.True(t, !strings.Contains(layout, "15:04") || strings.HasSuffix(layout, " -0700"), "%s: %s", path, layout)
			}
			return true
		})
	})
}

// "Not allowed" alone helps nobody: who is refused hears why, and staff who may.
func TestARefusalSaysWhoMay(t *testing.T) {
	t.Parallel()
	eachFile(t, func(path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && callee(call) == "Errorf" && len(call.Args) > 1 {
				if code, named := call.Args[0].(*ast.SelectorExpr); named && code.Sel.Name == "Forbidden" {
					require.NotEmpty(t, literal(call.Args[1]), path)
				}
			}
			return true
		})
	})
	for _, role := range campus.Roles() {
		for _, p := range (campus.StaffMember{Grants: []campus.Grant{{Role: role}}}).Permissions() {
			for _, in := range campus.Languages() {
				require.Contains(t, campus.WhoMay(in, p), campus.Text(in, "role."+string(role), nil), "%s may %s", role, p)
			}
		}
	}
	who := campus.WhoMay(campus.English, campus.SettleSteps)
	require.Contains(t, who, "operator, administrator")
	require.NotContains(t, who, "reviewer")
}

// The same step and the same cause have the same words wherever staff read them.
func TestStepsAndCausesInWords(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]string{"phone": "核验手机号", "order-2": "提交制卡",
		"subscribe-gym": "在 gym 系统开通", "unsubscribe-gym": "在 gym 系统退订",
		"park:phone": "写入办理进度（系统内部步骤）", "": "", "7": "写入办理进度（系统内部步骤）"} {
		require.Equal(t, want, campus.StepText(campus.Chinese, step), step)
	}
	require.Equal(t, "没有应答", campus.CauseText(campus.Chinese, campus.Unavailable))
}

// A message about a top-up names it by its reference and the moment at which it was asked for: its holder may have
// asked for several of the same amount.
func TestMessagesNameTheTopUp(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, key := range campus.TextKeys() {
		if strings.HasSuffix(key, ".subject") || key == "notice.topped_up_cash" ||
			!strings.HasPrefix(key, "notice.topup_") && !strings.HasPrefix(key, "notice.topped_up") {
			continue
		}
		seen++
		for _, in := range campus.Languages() {
			require.Contains(t, campus.Text(in, key, nil), "{order}", key)
			require.Contains(t, campus.Text(in, key, nil), "{time}", key)
		}
	}
	require.Equal(t, 9, seen)
}

// Nobody is sent to people who can do nothing: at the card centre no money that a channel sent back is paid out, and no
// refund is made that the holder cannot ask for.
func TestNobodyIsSentWhereNothingCanBeDone(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, key := range campus.TextKeys() {
		if strings.HasPrefix(key, "notice.topup_") || strings.HasPrefix(key, "refund.") || strings.HasPrefix(key, "problem.refund") {
			seen++
			require.NotRegexp(t, "(?i)claim|(come|go) to the card centre", campus.Text(campus.English, key, nil), key)
			require.NotRegexp(t, "认领|请.*到卡务中心", campus.Text(campus.Chinese, key, nil), key)
		}
	}
	require.Greater(t, seen, 12)
}
