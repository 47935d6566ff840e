package campus_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

func TestEveryTextHasBothLanguagesAndTheSamePlaces(t *testing.T) {
	t.Parallel()
	places := regexp.MustCompile(`\{[a-z_]+\}`)
	for _, key := range campus.TextKeys() {
		zh, en := campus.Text(campus.Chinese, key, nil), campus.Text(campus.English, key, nil)
		require.NotEmpty(t, zh, key)
		require.NotEmpty(t, en, key)
		require.ElementsMatch(t, places.FindAllString(zh, -1), places.FindAllString(en, -1), key)
	}
}

// Every code that a person may meet has words: reasons of errors, stages, parties, outcomes and so on are found in the
// source, so that a new one without a text fails here.
func TestEveryCodeHasAText(t *testing.T) {
	t.Parallel()
	missing, seen := map[string]bool{}, map[callWithCode]bool{}
	want := func(prefix, code string) {
		if code != "" && !strings.HasSuffix(code, "_") && !strings.HasSuffix(code, ".") && !campus.HasText(prefix+code) {
			missing[prefix+code] = true
		}
	}
	eachFile(t, func(path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				if kind, ok := n.Type.(*ast.Ident); ok && len(n.Values) == 1 && strings.HasPrefix(path, "../campus/") {
					if prefix, known := typesWithTexts[kind.Name]; known {
						want(prefix, literal(n.Values[0]))
					}
					if kind.Name == "Code" {
						want("cause.", literal(n.Values[0]))
					}
				}
			case *ast.CallExpr:
				if callee(n) == "checkPaper" && len(n.Args) > 3 { // its reasons begin with the word for the paper
					for _, end := range []string{"_unknown", "_of_another", "_not_yet_valid", "_expired"} {
						want("reason.", literal(n.Args[3])+end)
					}
				}
				for _, c := range callsWithCodes {
					if strings.EqualFold(callee(n), c.name) && len(n.Args) > c.arg && isOurs(n) {
						code := literal(n.Args[c.arg])
						want(c.prefix, code)
						seen[c] = seen[c] || code != ""
					}
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Template" {
					want("", literal(n.Value))
				} else if ok && key.Name == "Reason" && strings.HasPrefix(path, "../workflows/") {
					want("reason.", literal(n.Value))
				}
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					if field, ok := left.(*ast.SelectorExpr); ok && field.Sel.Name == "Reason" && len(n.Rhs) == len(n.Lhs) {
						want("reason.", literal(n.Rhs[i]))
					}
				}
			}
			return true
		})
	})
	require.Empty(t, missing, "keys without a text (campus/text)")
	for _, c := range callsWithCodes {
		require.True(t, seen[c], "no call of %s has a code as argument %d any more: nothing is looked for", c.name, c.arg)
	}
}

// typesWithTexts are the types of campus of which each value has a text, and how its key begins.
var typesWithTexts = map[string]string{"Stage": "stage.", "Party": "waits.", "Outcome": "outcome.", "Item": "item.",
	"Verdict": "verdict.", "Audience": "audience.", "CardState": "card.", "PlasticState": "plastic.",
	"BatchState": "batch.", "BatchReason": "batch_reason.", "WorkItemKind": "work.", "Settlement": "settlement.",
	"Code": "problem.", "Role": "role.", "PaymentOutcome": "payment.", "TransferKind": "transfer.", "OrderState": "topup.",
	"RefundState": "refund.", "StrayReason": "stray.", "ConflictSubject": "conflict.", "DrawerState": "drawer.",
	"EntryState": "entry.", "Bearer": "offline.", "MerchantState": "merchant.", "TerminalState": "terminal.",
	"AppealReason": "appeal_reason.", "AppealAction": "appeal_action.",
	"Suspense": "suspense.", "TillTrouble": "till_silent.", "ChannelLineKind": "channel_line.", "DifferenceKind": "difference.",
	"Gesture": "gesture.", "PackageState": "package_state.", "CounterActKind": "act.",
	"PayoutState": "payout.", "BankAccountState": "bank_account.", "VoucherKind": "voucher.kind.",
	"VoucherState": "voucher.state.", "BookKind": "book.",
	"UnclaimedWay": "unclaimed.way.", "UnclaimedState": "unclaimed.state."}

// otherBeginnings are of keys that are made of what is no type of campus: of codes that TestEveryCodeHasAText finds in
// the source, of what CheckKinds looks at when the program starts, of steps, and of a few words beside the call.
var otherBeginnings = []string{"event.", "reason.", "deciding.", "next.", "step.", "statement.", "photo_missing.", "line.", "mark.",
	"cause.", "detail.", "bounce.", "merchant_statement.", "day_voucher."}

// A key that is made from a code has a text for each code there is, or somebody would read the key: whoever makes one
// puts the type of the code into the list that is walked.
func TestKeysThatAreMadeAreOfCodesThatAreWalked(t *testing.T) {
	t.Parallel()
	known := slices.Concat(otherBeginnings, slices.Collect(maps.Values(typesWithTexts)))
	missing, found := map[string]string{}, 0
	eachFile(t, func(path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || callee(call) != "Text" && callee(call) != "text" {
				return true
			}
			for _, arg := range call.Args {
				made, ok := arg.(*ast.BinaryExpr)
				if ok && literal(made.X) != "" {
					found++
					if begins := literal(made.X); !slices.Contains(known, begins) {
						missing[begins] = path
					}
				}
			}
			return true
		})
	})
	require.Greater(t, found, 20, "the source was read")
	require.Empty(t, missing, "keys that are made of codes nobody walks: add their type to typesWithTexts")
}

// callWithCode is a call of which an argument is a code.
type callWithCode struct {
	name   string
	arg    int
	prefix string
}

var callsWithCodes = []callWithCode{
	{"Errorf", 1, "problem."}, {"FieldErrorf", 1, "problem."}, {"fileError", 1, "problem."},
	{"event", 0, "event."}, {"internalEvent", 0, "event."}, {"expire", 1, "reason."}, {"giveUp", 2, "reason."},
	{"ofRoute", 1, "reason."}, {"ofRoute", 2, "reason."}, {"ofRoute", 3, "reason."},
}

func eachFile(t *testing.T, visit func(path string, file *ast.File)) {
	for _, dir := range []string{"../campus", "../school", "../storage", "../activities", "../workflows", "../api"} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				strings.Contains(path, "simulator") || strings.Contains(path, "storagetest") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err == nil {
				visit(filepath.ToSlash(path), file)
			}
			return err
		}))
	}
}

func callee(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// isOurs tells campus.Errorf from fmt.Errorf.
func isOurs(call *ast.CallExpr) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return true
	}
	pkg, ok := selector.X.(*ast.Ident)
	return !ok || pkg.Name != "fmt"
}

func literal(e ast.Expr) string {
	if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		s, _ := strconv.Unquote(lit.Value)
		return s
	}
	return ""
}

func TestParseLanguage(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]campus.Language{
		"en": campus.English, "en-GB,zh;q=0.5": campus.English, "fr, zh-TW;q=0.8": campus.Chinese, "zh-Hant-HK": campus.Chinese,
		"de, en;q=0.1": campus.English, "zh;q=0.1,en;q=0.9": campus.English, "en;q=0.1, zh;q=0.9": campus.Chinese,
		"zh ; q=0.2 , en ; q=0.8": campus.English, "zh,en": campus.Chinese, "en,zh": campus.English, "EN-us": campus.English,
		"en;q=0, zh;q=0.1": campus.Chinese, "zz, en": campus.English, "not-a-language-at-all, zh;q=0.1": campus.Chinese,
		"en;q=much, zh;q=0.5": campus.Chinese, "en;q=7, zh": campus.Chinese, "*, en;q=0.5": campus.Chinese, "cmn": campus.Chinese,
		"*;q=0.5, zh;q=0": campus.English, "*;q=0.5, en": campus.English, "en, *": campus.English, "*;q=0, en;q=0.1": campus.English,
		"en;q=0.2, *;q=0.1, zh;q=0": campus.English, "ur, en;q=0.1": campus.English, "*, en;q=0": campus.Chinese,
		"zh;q=0": campus.English, "en;q=0": campus.Chinese, "und, zh;q=0": campus.English,
		"und, zh;q=0.1": campus.Chinese,
		// Only what our texts are in refuses them.
		"en-GB;q=0, en;q=0.1": campus.English, "en, en-GB;q=0": campus.English, "en-GB;q=0, zh;q=0.2, en": campus.English,
		"zh-TW;q=0, zh;q=0.5, en;q=0.1": campus.Chinese, "zh-Hant;q=0, zh": campus.Chinese, "zh-SG;q=0, zh": campus.Chinese,
		"en-US, en;q=0": campus.Chinese, "zh-TW, zh;q=0, en;q=0.1": campus.English, "zh-CN;q=0": campus.English,
		"zh, zh-CN;q=0": campus.English, "zh-Hans;q=0": campus.English, "zh-Hans-CN;q=0": campus.English,
		"zh-CN, zh;q=0": campus.Chinese, "zh-Hans-CN;q=0, zh-CN": campus.English, "en-Latn;q=0": campus.Chinese,
		"en-GB, *;q=0": campus.English, "en;q=0, en": campus.English, "cmn;q=0": campus.English,
	} {
		got, asked := campus.ParseLanguage(header)
		require.Equal(t, want, got, header)
		require.True(t, asked, header)
	}
	for _, header := range []string{"", "fr", "fr-CA, de;q=0.5", "*", ";;,", "und", "und-CN", "*;q=0", "zh;q=0,en;q=0",
		"zh;q=0, *;q=0", "en-GB;q=0", "fr, zh-TW;q=0.0", "*, en-GB;q=0", "en-GB;q=0, *;q=0", "en-x-plain;q=0", "en-scouse;q=0", "en;q=NaN", "mul", "en;q=-1",
		"ur", "sw", "ta", "pa", "cy", "ga-IE", "i-klingon", "bo", "ug", "mn", "ii", "za", "ur, *;q=0.5", "*;q=0, zh;q=0",
		strings.Repeat("fr,", 40) + "en"} {
		got, asked := campus.ParseLanguage(header)
		require.False(t, asked, "%s asks for nothing that we speak", header)
		require.Equal(t, campus.Chinese, got, header)
	}
}

// A bank's code that we do not know is named, so that staff can ask about it.
func TestBounceText(t *testing.T) {
	t.Parallel()
	require.Equal(t, "账户已销户", campus.BounceText(campus.Chinese, "account_closed"))
	require.Equal(t, "Please ask the bank; its code is X-17", campus.BounceText(campus.English, "X-17"))
	require.Contains(t, campus.BounceText(campus.English, "other"), "its code is other")
	require.Empty(t, campus.BounceText(campus.English, ""))
}

func TestNoticeText(t *testing.T) {
	t.Parallel()
	ready := map[string]string{"code": "12345678", "kiosk_zh": "东校区", "kiosk_en": "East Campus"}
	require.Contains(t, campus.NoticeText(campus.Chinese, "notice.ready_for_pickup", ready).Text,
		"东校区，取卡码 12345678")
	require.Contains(t, campus.NoticeText(campus.English, "notice.ready_for_pickup", ready).Text, "East Campus")
	require.Contains(t, campus.NoticeText(campus.English, "notice.refused",
		map[string]string{"reason": "registry_unknown"}).Text, "Academic Affairs")
	require.Empty(t, campus.NoticeText(campus.English, "notice.phone_code", nil).Subject, "codes go to the phone only")
	require.NotEmpty(t, campus.NoticeText(campus.English, "notice.approved", nil).Subject)
}

// Whatever the length of a header: what is behind the languages that are looked at costs nothing.
func TestLongLanguageHeadersAreNotRead(t *testing.T) {
	read := func(entries int) float64 {
		header := strings.Repeat("x,", entries)
		return testing.AllocsPerRun(1, func() { campus.ParseLanguage(header) })
	}
	require.InDelta(t, read(40), read(16_000), 1000, "one allocation for each entry would be thousands")
	long := strings.Repeat("fr;q=0.1,", 31)
	_, asked := campus.ParseLanguage(long + "en")
	require.True(t, asked, "the last that is looked at")
	_, asked = campus.ParseLanguage(long + "fr;q=0.1,en")
	require.False(t, asked)
}
