package campus_test

import (
	"errors"
	"fmt"
	"slices"
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

// A4: which document goes with which category.
// A3: a document has a last day or says that it never expires, and is valid on the day on which it is shown.
func TestDaysOfADocument(t *testing.T) {
	t.Parallel()
	yesterday, tomorrow := today.AddDays(-1), today.AddDays(1)
	for name, tc := range map[string]struct {
		from, expires campus.Date
		never         bool
		want, field   string
	}{
		"until tomorrow":              {yesterday, tomorrow, false, "", ""},
		"on its first and last day":   {today, today, false, "", ""},
		"for ever":                    {yesterday, campus.Date{}, true, "", ""},
		"nothing of its first day":    {campus.Date{}, tomorrow, false, "", ""},
		"until tomorrow and for ever": {yesterday, tomorrow, true, "document_expiry_twice", "expires_on"},
		"nothing of its last day":     {yesterday, campus.Date{}, false, "document_expiry_missing", "expires_on"},
		"until yesterday":             {campus.Date{}, yesterday, false, "document_expired", "expires_on"},
		"from tomorrow":               {tomorrow, tomorrow, false, "document_not_yet_valid", "valid_from"},
		"from tomorrow and for ever":  {tomorrow, campus.Date{}, true, "document_not_yet_valid", "valid_from"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := campus.CheckExpiry(tc.expires, tc.never)
			if err == nil {
				err = campus.CheckValid(tc.from, tc.expires, today)
			}
			require.Equal(t, tc.want, campus.ReasonOf(err))
			if wrong, ok := errors.AsType[*campus.Error](err); ok {
				require.Equal(t, tc.field, wrong.Field)
			}
		})
	}
}

func TestCheckDocument(t *testing.T) {
	t.Parallel()
	const (
		mainland = "371502200609010016"
		hongKong = "810000199901010014"
		taiwan   = "830000199901010018"
		settled  = "911840200001010013" // of a foreigner, 2023
		older    = "USA110098010112"
	)
	for name, tc := range map[string]struct {
		kind     campus.DocumentType
		number   string
		category campus.Category
		reason   string
	}{
		"a mainland student's identity card":     {campus.ResidentCard, mainland, campus.Mainland, ""},
		"a residence permit of Hong Kong":        {campus.ResidencePermit, hongKong, campus.HongKongMacau, ""},
		"a residence permit of Taiwan":           {campus.ResidencePermit, taiwan, campus.Taiwan, ""},
		"a travel permit of Hong Kong":           {campus.TravelPermit, "H12345678", campus.HongKongMacau, ""},
		"an older travel permit of Macau":        {campus.TravelPermit, "M1234567890", campus.HongKongMacau, ""},
		"a passport":                             {campus.Passport, "E12345678", campus.Foreign, ""},
		"a long passport":                        {campus.Passport, "A2345678901234567", campus.Foreign, ""},
		"an identity card of a foreign student":  {campus.ResidentCard, mainland, campus.Foreign, "document_category"},
		"a passport of a mainland student":       {campus.Passport, "E12345678", campus.Mainland, "document_category"},
		"a travel permit of a Taiwan student":    {campus.TravelPermit, "H12345678", campus.Taiwan, "document_category"},
		"a Hong Kong permit of a Taiwan student": {campus.ResidencePermit, hongKong, campus.Taiwan, "document_category"},
		"a Taiwan permit of a Hong Kong student": {campus.ResidencePermit, taiwan, campus.HongKongMacau, "document_category"},
		"a residence permit as an identity card": {campus.ResidentCard, taiwan, campus.Taiwan, "document_category"},
		"an identity card as a residence permit": {campus.ResidencePermit, mainland, campus.Mainland, "document_category"},
		"a Taiwan travel permit":                 {campus.TravelPermit, "12345678", campus.Taiwan, "document_category"},
		"an older Taiwan travel permit":          {campus.TravelPermit, "1234567801", campus.Taiwan, "document_category"},
		"a Hong Kong permit without its letter":  {campus.TravelPermit, "12345678", campus.HongKongMacau, "permit_form"},
		"a kind not shown, with a slip in it":    {campus.Passport, "E-1234567", campus.Mainland, "document_category"},
		"a slip in an identity card":             {campus.ResidentCard, mainland[:17], campus.Mainland, "document_form"},
		"a travel permit with nine digits":       {campus.TravelPermit, "H123456789", campus.HongKongMacau, "permit_form"},
		"a residence permit with a wrong check": {campus.ResidencePermit, "830000199901010019", campus.Taiwan,
			"document_check_digit"},
		"a passport of four signs":             {campus.Passport, "E123", campus.Foreign, "passport_form"},
		"a passport of eighteen signs":         {campus.Passport, "A23456789012345678", campus.Foreign, "passport_form"},
		"a passport of letters only":           {campus.Passport, "ABCDEFGH", campus.Foreign, "passport_form"},
		"a passport with a hyphen":             {campus.Passport, "E-1234567", campus.Foreign, "passport_form"},
		"a kind of document that there is not": {"library_card", "E12345678", campus.Foreign, "document_category"},

		"a permanent residence card of 2023": {campus.PermanentCard, settled, campus.Foreign, ""},
		"an older one":                       {campus.PermanentCard, older, campus.Foreign, ""},
		"a permanent residence card as an identity card": {campus.ResidentCard, settled, campus.Mainland,
			"document_category"},
		"a permanent residence card as a residence permit": {campus.ResidencePermit, settled, campus.Taiwan,
			"document_category"},
		"an identity card as a permanent residence card": {campus.PermanentCard, mainland, campus.Foreign,
			"document_category"},
		"a residence permit as a permanent residence card": {campus.PermanentCard, taiwan, campus.Foreign,
			"document_category"},
		"a permanent residence card of a mainland student": {campus.PermanentCard, settled, campus.Mainland,
			"document_category"},
		"an older one of a mainland student": {campus.PermanentCard, older, campus.Mainland,
			"document_category"},
		"a permanent residence card with a wrong check": {campus.PermanentCard, settled[:17] + "6", campus.Foreign,
			"document_check_digit"},
		"a permanent residence card with an impossible birthday": {campus.PermanentCard, "911840200013010010",
			campus.Foreign, "document_birthday"},
		"an older one with a digit too few": {campus.PermanentCard, older[:14], campus.Foreign,
			"permanent_card_form"},
		"an older one with two letters": {campus.PermanentCard, "US" + older[3:] + "1",
			campus.Foreign, "permanent_card_form"},
		"a passport as a permanent residence card": {campus.PermanentCard, "E12345678", campus.Foreign,
			"permanent_card_form"},
		"a number of no permit that there is": {campus.ResidentCard, "84000019990101001X",
			campus.Mainland, "document_category"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := campus.CheckDocument(tc.kind, tc.number, tc.category, today)
			require.Equal(t, tc.reason, campus.ReasonOf(err))
			if err != nil {
				require.NotContains(t, err.Error(), tc.number, "a number is personal data")
			}
		})
	}
}

// A3, A4, A6: the checklist follows from route and category, and only the register's word is final.
func TestChecklist(t *testing.T) {
	t.Parallel()
	abroad := []campus.Item{campus.RegistryItem, campus.DocumentItem, campus.CertificateItem, campus.ResidenceItem,
		campus.LetterItem, campus.PhoneItem}
	for _, category := range []campus.Category{campus.HongKongMacau, campus.Taiwan, campus.Foreign} {
		require.Equal(t, abroad, campus.Checklist(campus.StudentRoute, category))
	}
	require.Equal(t, []campus.Item{campus.RegistryItem, campus.DocumentItem, campus.CertificateItem, campus.PhoneItem},
		campus.Checklist(campus.StudentRoute, campus.Mainland))
	require.Equal(t, []campus.Item{campus.RegistryItem, campus.DocumentItem, campus.PhoneItem},
		campus.Checklist(campus.FreshmanRoute, campus.Mainland))
	require.Equal(t, []campus.Item{campus.RegistryItem, campus.DocumentItem, campus.PhoneItem},
		campus.Checklist(campus.StaffRoute, campus.Foreign))

	missing := campus.Finding{Item: campus.LetterItem, Verdict: campus.Unknown, Reason: campus.MissingReason}
	skipped := campus.Finding{Item: campus.CertificateItem, Verdict: campus.Unknown, Reason: "check_skipped"}
	wrong := campus.Finding{Item: campus.PhoneItem, Verdict: campus.Fail, Reason: "phone_of_another"}
	refused := campus.Finding{Item: campus.RegistryItem, Verdict: campus.Fail, Reason: "registry_unknown"}
	require.Equal(t, []campus.Item{campus.LetterItem, campus.PhoneItem},
		campus.Wanted([]campus.Finding{missing, skipped, wrong, refused}))

	for _, status := range []string{"suspended", "graduated", "withdrawn", "left", ""} {
		_, open := campus.RouteOf(status)
		require.False(t, open, status)
	}
	for reason, item := range map[string]campus.Item{"letter_wrong": campus.LetterItem,
		"residence_unreadable": campus.ResidenceItem,
		"document_wrong":       campus.DocumentItem, "certificate_wrong": campus.CertificateItem, "not_entitled": ""} {
		require.Equal(t, item, campus.ItemOfReason(reason))
	}
}

// A4: whatever a reviewer may ask somebody for, that applicant can bring or put right, and nothing else is a reason.
func TestReasonsFitTheChecklist(t *testing.T) {
	t.Parallel()
	always := []string{"document_unreadable", "document_wrong", "document_expired"}
	certificate, abroad := []string{"certificate_unreadable", "certificate_wrong"}, []string{"residence_unreadable",
		"residence_wrong", "letter_unreadable", "letter_wrong"}
	for _, category := range []campus.Category{campus.Mainland, campus.HongKongMacau, campus.Taiwan, campus.Foreign} {
		for _, route := range []campus.Route{campus.StudentRoute, campus.FreshmanRoute, campus.StaffRoute} {
			want := slices.Clone(always)
			if route == campus.StudentRoute {
				want = append(want, certificate...)
			}
			if category != campus.Mainland && route != campus.StaffRoute {
				want = append(want, abroad...)
			}
			want = append(want, campus.PhoneChangedReason)
			who := fmt.Sprint(category, " ", route)
			require.Equal(t, want, campus.ReviewReasons(campus.AskMore, route, category), who)
			require.Equal(t, append(want, "not_entitled"), campus.ReviewReasons(campus.Reject, route, category), who)
			require.Empty(t, campus.ReviewReasons(campus.Approve, route, category), who)
			for _, reason := range campus.ReviewReasons(campus.AskMore, route, category) {
				item := campus.ItemOfReason(reason)
				require.True(t, item == campus.PhoneItem || slices.Contains(campus.Papers(route, category), item),
					"%s: %s is taken when it is brought", who, reason)
			}
			for _, reason := range campus.ReviewReasons(campus.Reject, route, category) {
				require.True(t, campus.IsReviewReason(reason))
			}
		}
	}
	require.False(t, campus.IsReviewReason("i_dislike_it"))
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

// A4: nine signs of a travel permit name its holder, and two more count renewals. A5: the roster's last six are the
// first password nevertheless.
func TestSameDocument(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]struct {
		kind campus.DocumentType
		a, b string
		same bool
	}{
		"a permit and its renewal": {campus.TravelPermit, "H12345678", "H1234567801", true},
		"two renewals":             {campus.TravelPermit, "H1234567801", "h12345678 02", true},
		"full width, small letters and blanks": {campus.TravelPermit, "Ｈ１２３４５６７８", " h 1234 5678\u200b",
			true},
		"another holder":                   {campus.TravelPermit, "H12345678", "H1234567901", false},
		"Hong Kong and Macau":              {campus.TravelPermit, "H12345678", "M1234567801", false},
		"a number cut short":               {campus.TravelPermit, "H1234567801", "H123456780", false},
		"passports that look like permits": {campus.Passport, "H1234567801", "H1234567802", false},
		"the same passport":                {campus.Passport, "e12345678", "E12345678", true},
		"nothing":                          {campus.Passport, "", " ", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, line.same, campus.SameDocument(line.kind, line.a, line.b))
		})
	}
	require.Equal(t, "567801", campus.InitialPassword("H1234567801"))
	for _, known := range []string{"H1234567801", "h12345678", "H1234567802"} {
		require.Equal(t, "password_known", campus.ReasonOf(campus.CheckNewPassword(known, "2026000001", "H1234567801")))
	}
	require.NoError(t, campus.CheckNewPassword("H1234567901", "2026000001", "H1234567801"))
}

func TestParseMobile(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"13812345678": "+8613812345678", "+86 138-1234-5678": "+8613812345678", "8613812345678": "+8613812345678",
		"008613812345678": "+8613812345678", "0086 (138) 1234-5678": "+8613812345678", "１３８１２３４５６７８": "+8613812345678",
		"＋８６　１３８１２３４５６７８": "+8613812345678", "1381234\u200b5678": "+8613812345678",
		"0013812345678": "", "00852 91234567": "", "138123456789": "", "一三八一二三四五六七八": "",
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
