package campus_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"campuscard/campus"
)

var today = campus.Date{Year: 2026, Month: time.November, Day: 22}

func TestCheckResidentNumber(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ number, reason string }{
		"the standard's own example":       {"11010519491231002X", ""},
		"the standard's second example":    {"440524188001010014", ""},
		"a student of Liaocheng":           {"371502200609010016", ""},
		"a residence permit of Hong Kong":  {"810000199901010014", ""},
		"a residence permit of Taiwan":     {"830000199901010018", ""},
		"a wrong check digit":              {"110105194912310021", "document_check_digit"},
		"X where a digit belongs":          {"37150220060901001X", "document_check_digit"},
		"a small x is not the stored form": {"11010519491231002x", "document_form"},
		"too short":                        {"37150220060901001", "document_form"},
		"letters":                          {"3715022006090100A6", "document_form"},
		"30 February":                      {"371502200602300013", "document_birthday"},
		"month 13":                         {"371502200613010013", "document_birthday"},
		"born tomorrow":                    {"371502202611230013", "document_birthday"},
		"empty":                            {"", "document_form"},
		"18 Chinese digits":                {strings.Repeat("一", 18), "document_form"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := campus.CheckResidentNumber(tc.number, today)
			require.Equal(t, tc.reason, campus.ReasonOf(err))
			if tc.reason != "" {
				require.Equal(t, campus.Invalid, campus.CodeOf(err))
				if tc.number != "" {
					require.NotContains(t, err.Error(), tc.number, "a number is personal data")
				}
			}
		})
	}
}

// A check digit of MOD 11-2 finds every wrong digit and every swap of neighbours.
func TestCheckDigitFindsSlips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := []byte("371502200609010016")
		i := rapid.IntRange(14, 16).Draw(t, "position")
		number[i] = '0' + (number[i]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10
		require.Error(t, campus.CheckResidentNumber(string(number), today))
	})
}

func TestInitialPassword(t *testing.T) {
	t.Parallel()
	require.Equal(t, "31002X", campus.InitialPassword("11010519491231002x"))
	require.Equal(t, "AB12", campus.InitialPassword("ab12"))
	require.Equal(t, "345678", campus.InitialPassword(" H 12345678 "))
}

func TestParseMobile(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"13812345678": "+8613812345678", "+86 138-1234-5678": "+8613812345678", "8613812345678": "+8613812345678",
		"12812345678": "", "1381234567": "", "+1 5551234567": "", "": "",
	} {
		got, err := campus.ParseMobile(typed)
		require.Equal(t, want, got, typed)
		require.Equal(t, want == "", err != nil, typed)
	}
}

func TestCardNumber(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		serial := rapid.Int64Range(1, 999_999_999).Draw(t, "serial")
		number := campus.CardNumber(serial)
		require.Len(t, number, 16)
		require.True(t, luhn(number), number)
		require.Contains(t, number, fmt.Sprintf("%09d", serial))
		seen[number] = true
	})
	require.Greater(t, len(seen), 10)
}

func luhn(number string) bool {
	sum := 0
	for i := range number {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
