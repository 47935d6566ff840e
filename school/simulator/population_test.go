package simulator

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

func TestPopulationIsTheSameForTheSameSeed(t *testing.T) {
	t.Parallel()
	one, again, other := newPopulation(1, 2000), newPopulation(1, 2000), newPopulation(2, 2000)
	require.Equal(t, one.all, again.all)
	require.NotEqual(t, one.all, other.all)
}

func TestPopulationIsPlausible(t *testing.T) {
	t.Parallel()
	pop := newPopulation(1, 10_000)
	require.Len(t, pop.all, 10_500)
	require.Len(t, pop.byID, 10_500, "numbers are unique")
	require.Len(t, pop.byPhone, 10_500, "phones are unique")
	staff := 0
	for _, p := range pop.all {
		if p.staff() {
			staff++
		}
	}
	require.Len(t, pop.byCertificate, 10_500-staff, "certificates are unique")
	phone := regexp.MustCompile(`^\+861[3-9]\d{9}$`)
	today := campus.Date{Year: 2026, Month: time.September, Day: 1}
	documents, kinds, levels := map[string]bool{}, map[string]int{}, map[string]int{}
	dotted := 0
	for _, p := range pop.all {
		require.Regexp(t, phone, p.Phone)
		require.False(t, documents[p.DocumentNumber])
		documents[p.DocumentNumber] = true
		kinds[p.Kind]++
		levels[p.Level]++
		if strings.Contains(p.Name, "·") {
			dotted++
		}
		if len(p.DocumentNumber) == 18 {
			require.NoError(t, campus.CheckResidentNumber(p.DocumentNumber, today))
		}
	}
	require.Equal(t, kindPlain, pop.byID["lcu/2025010001"].Kind)
	require.Greater(t, kinds[kindPlain], 8000)
	for _, kind := range []string{kindStalePhoto, kindNoPhoto, kindPhoneMismatch, kindNotRegistered, kindNameMismatch,
		kindExpired, kindInactive} {
		require.Greater(t, kinds[kind], 50, kind)
	}
	require.Greater(t, levels["postgraduate"], 100)
	require.Greater(t, levels["exchange"], 10)
	require.Greater(t, dotted, 50)
}

func TestKiosks(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{"lcu-east-1": true, "lcu-west-9": true, "lcu-east-0": false,
		"lcu-main-1": false,
		"lcu-east-":  false, "lcvtc-main-1": false, "": false} {
		require.Equal(t, want, knownKiosk(code, "lcu"), code)
	}
}
