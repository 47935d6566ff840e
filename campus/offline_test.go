package campus

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// E1: who bears a sale without network. Each case is the good one with something about it changed.
func TestWhoBearsAnOfflineSale(t *testing.T) {
	t.Parallel()
	policy := OfflinePolicy{SaleMost: 5000, TillMost: 20000, RecordsMost: 3, Contact: Duration(24 * time.Hour),
		ClockOff: Duration(2 * time.Minute), Late: Duration(7 * 24 * time.Hour)}
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, Shanghai)
	for name, test := range map[string]struct {
		change func(*OfflineSale, *OfflineFacts)
		bearer Bearer
		why    string
	}{
		"a plain sale": {func(*OfflineSale, *OfflineFacts) {}, HolderBears, ""},
		"of 1970":      {func(s *OfflineSale, _ *OfflineFacts) { s.TakenAt = time.Unix(0, 0) }, NobodyBears, "record_late"},
		"seven days old": {func(s *OfflineSale, f *OfflineFacts) {
			s.TakenAt = now.Add(-7 * 24 * time.Hour)
			f.Heard = s.TakenAt
		}, HolderBears, ""},
		"a moment older":     {func(s *OfflineSale, _ *OfflineFacts) { s.TakenAt = now.Add(-7*24*time.Hour - 1) }, NobodyBears, "record_late"},
		"two minutes ahead":  {func(s *OfflineSale, _ *OfflineFacts) { s.TakenAt = now.Add(2 * time.Minute) }, HolderBears, ""},
		"from the future":    {func(s *OfflineSale, _ *OfflineFacts) { s.TakenAt = now.Add(2*time.Minute + 1) }, NobodyBears, "record_ahead"},
		"an hour fast":       {func(_ *OfflineSale, f *OfflineFacts) { f.ClockOff = time.Hour }, NobodyBears, "clock_off"},
		"an hour slow":       {func(_ *OfflineSale, f *OfflineFacts) { f.ClockOff = -time.Hour }, NobodyBears, "clock_off"},
		"paid online":        {func(_ *OfflineSale, f *OfflineFacts) { f.Answer = Paid }, AnswerBears, ""},
		"paid, code is none": {func(_ *OfflineSale, f *OfflineFacts) { f.Answer, f.CodeFault = Paid, "code_stale" }, AnswerBears, ""},
		"declined online":    {func(_ *OfflineSale, f *OfflineFacts) { f.Answer = LimitReached }, MerchantBears, "limit_reached"},
		"reversed": {func(_ *OfflineSale, f *OfflineFacts) { f.Answer, f.Reversed = Paid, true },
			MerchantBears, "reversed"},
		"another sale's key": {func(_ *OfflineSale, f *OfflineFacts) { f.Answer, f.OtherSale = Paid, true }, NobodyBears, "key_reused"},
		"the largest":        {func(s *OfflineSale, _ *OfflineFacts) { s.Cents = 5000 }, HolderBears, ""},
		"a fen more":         {func(s *OfflineSale, _ *OfflineFacts) { s.Cents = 5001 }, MerchantBears, "offline_ceiling"},
		"all of the till's":  {func(_ *OfflineSale, f *OfflineFacts) { f.OpenCents, f.OpenRecords = 20000, 3 }, HolderBears, ""},
		"more than the till": {func(_ *OfflineSale, f *OfflineFacts) { f.OpenCents = 20001 }, MerchantBears, "offline_ceiling"},
		"a sale too many":    {func(_ *OfflineSale, f *OfflineFacts) { f.OpenRecords = 4 }, MerchantBears, "offline_ceiling"},
		"never heard of":     {func(_ *OfflineSale, f *OfflineFacts) { f.Heard = time.Time{} }, MerchantBears, "offline_ceiling"},
		"a day after":        {func(s *OfflineSale, f *OfflineFacts) { f.Heard = s.TakenAt.Add(-24 * time.Hour) }, HolderBears, ""},
		"too long after":     {func(s *OfflineSale, f *OfflineFacts) { f.Heard = s.TakenAt.Add(-24*time.Hour - 1) }, MerchantBears, "offline_ceiling"},
		"it was ended": {func(s *OfflineSale, f *OfflineFacts) { f.EndedAt = s.TakenAt.Add(-1) },
			MerchantBears, "offline_ended"},
		"ended by it":       {func(s *OfflineSale, f *OfflineFacts) { f.EndedAt = s.TakenAt }, HolderBears, ""},
		"a forged code":     {func(_ *OfflineSale, f *OfflineFacts) { f.CodeFault = "code_forged" }, MerchantBears, "code_forged"},
		"no certificate":    {func(_ *OfflineSale, f *OfflineFacts) { f.CodeFault = "certificate_missing" }, MerchantBears, "certificate_missing"},
		"a false tap":       {func(_ *OfflineSale, f *OfflineFacts) { f.CodeFault = "tap_forged" }, CoverBears, "tap_forged"},
		"an old code":       {func(_ *OfflineSale, f *OfflineFacts) { f.CodeFault = "code_stale" }, MerchantBears, "code_stale"},
		"for another end":   {func(_ *OfflineSale, f *OfflineFacts) { f.CodeFault = "code_purpose" }, MerchantBears, "code_purpose"},
		"before the card":   {func(s *OfflineSale, f *OfflineFacts) { f.OpenedAt = s.TakenAt.Add(1) }, NobodyBears, "before_card"},
		"a code used twice": {func(_ *OfflineSale, f *OfflineFacts) { f.Used = true }, NobodyBears, "code_used"},
		"the last day":      {func(s *OfflineSale, f *OfflineFacts) { f.ValidUntil = DateOf(s.TakenAt).AddDays(1) }, HolderBears, ""},
		"the day after":     {func(s *OfflineSale, f *OfflineFacts) { f.ValidUntil = DateOf(s.TakenAt) }, MerchantBears, "card_expired"},
		"a closed account":  {func(_ *OfflineSale, f *OfflineFacts) { f.Closed = true }, CoverBears, "account_closed"},
		"frozen, and the till knew": {func(_ *OfflineSale, f *OfflineFacts) { f.DeniedEpoch, f.KnownEpoch = 7, 7 },
			MerchantBears, "denied"},
		"frozen, and it could not": {func(_ *OfflineSale, f *OfflineFacts) { f.DeniedEpoch, f.KnownEpoch = 7, 6 },
			CoverBears, "denied"},
		"frozen before other denials": {func(_ *OfflineSale, f *OfflineFacts) { f.KnownEpoch = 9 }, HolderBears, ""},
	} {
		sale := OfflineSale{Sequence: 1, Key: "k", Cents: 1200, TakenAt: now.Add(-time.Hour)}
		facts := OfflineFacts{Now: now, Heard: now.Add(-2 * time.Hour), OpenCents: 1200, OpenRecords: 1,
			OpenedAt: now.Add(-30 * 24 * time.Hour), ValidUntil: DateOf(now).AddDays(100)}
		test.change(&sale, &facts)
		bearer, why := policy.Decide(sale, facts)
		require.Equal(t, test.bearer, bearer, name)
		require.Equal(t, test.why, why, name)
	}
}
