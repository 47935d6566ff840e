package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/deploy"
)

type alarm struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alarms(t *testing.T) map[string]alarm {
	t.Helper()
	content, err := os.ReadFile("alarms.yaml")
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Name  string  `yaml:"name"`
			Rules []alarm `yaml:"rules"`
		} `yaml:"groups"`
	}
	require.NoError(t, yaml.UnmarshalWithOptions(content, &file, yaml.DisallowUnknownField()))
	found := map[string]alarm{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			require.NotContains(t, found, rule.Alert, "twice")
			found[rule.Alert] = rule
		}
	}
	require.NotEmpty(t, found)
	return found
}

// Each alarm says what to do, and nothing is explained that never rings (K5).
func TestEveryAlarmHasItsSection(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/alarms.md")
	require.NoError(t, err)
	sections := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^## (\S+)$`).FindAllStringSubmatch(string(page), -1) {
		sections[heading[1]] = true
	}
	rules := alarms(t)
	for name, rule := range rules {
		require.True(t, sections[name], "%s has no section", name)
		require.Contains(t, []string{"page", "ticket"}, rule.Labels["severity"], name)
		require.NotEmpty(t, rule.Annotations["summary"], name)
		require.NotEmpty(t, rule.Expr, name)
	}
	for name := range sections {
		require.Contains(t, rules, name, "a section without an alarm")
	}
}

// Alarms and the doctor tell operators at the same numbers.
func TestAlarmsHaveTheNumbersOfThePolicy(t *testing.T) {
	t.Parallel()
	policies, err := campus.LoadPolicies(deploy.Policy)
	require.NoError(t, err)
	policy := policies.For("")
	watch, rules := policy.Watch, alarms(t)
	for name, want := range map[string]float64{
		"OutboxStands": watch.OutboxAge.Std().Seconds(), "DecisionsOpen": watch.DecisionAge.Std().Seconds(),
		"RefundsLate": policy.Money.TopUp.RefundLate.Std().Seconds(),
		"DayLate":     watch.CloseLate.Std().Seconds(), "DaysUnsigned": policy.Money.Close.SignWithin.Std().Seconds(),
		"PayoutsLate": policy.Money.Payouts.Late.Std().Seconds(),
		"CasesQueue":  watch.QueuedAge.Std().Seconds(),
		"StepsParked": watch.ParkedAge.Std().Seconds(), "MessagesWait": watch.NoticeAge.Std().Seconds(),
		"TopUpsWait": watch.TopUpAge.Std().Seconds(),
		"FilesStay":  watch.ForgottenAge.Std().Seconds(), "ClocksApart": watch.ClockSkew.Std().Seconds(),
		"WrongEntries":      float64(watch.WrongEntries),
		"SchoolSystemFails": float64(watch.SchoolFailures) / 100, "ConnectionsShort": float64(watch.Connections) / 100,
	} {
		require.True(t, strings.HasSuffix(strings.TrimSpace(rules[name].Expr), fmt.Sprintf("> %v", want)), "%s: %s, not %v",
			name, rules[name].Expr, want)
	}
}

// The wave of wrong entries is counted over the time that the doctor looks back (F5).
func TestTheWaveIsOfOneTime(t *testing.T) {
	t.Parallel()
	policies, err := campus.LoadPolicies(deploy.Policy)
	require.NoError(t, err)
	minutes := int(policies.For("").Watch.WrongWindow.Std().Minutes())
	require.Contains(t, alarms(t)["WrongEntries"].Expr, fmt.Sprintf("[%dm]", minutes))
}

// What a worker shows is on a dashboard (K5): a figure that nobody draws tells nobody.
func TestEveryFigureIsOnADashboard(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("grafana/*.json")
	require.NoError(t, err)
	var boards strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		boards.Write(content)
	}
	figures := 0
	for file, name := range map[string]string{"figures.go": `figure\("(\w+)"`, "metrics.go": `Name: +"campuscard_(\w+)"`} {
		source, err := os.ReadFile("../worker/" + file)
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(name).FindAllStringSubmatch(string(source), -1) {
			require.Regexp(t, `\bcampuscard_`+found[1]+`\b`, boards.String())
			figures++
		}
	}
	require.Greater(t, figures, 40)
}

func TestDashboardsCanBeImported(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("grafana/*.json")
	require.NoError(t, err)
	require.Len(t, files, 3)
	seen := map[string]bool{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		var board struct {
			UID, Title string
			Panels     []struct {
				ID      int
				Type    string
				Title   string
				GridPos struct{ X, Y, W, H int }
				Targets []struct{ Expr string }
			}
		}
		require.NoError(t, json.Unmarshal(content, &board), file)
		require.NotEmpty(t, board.Title)
		require.False(t, seen[board.UID], "two boards of one name")
		seen[board.UID] = true
		ids, taken := map[int]bool{}, map[string]bool{}
		for _, panel := range board.Panels {
			require.False(t, ids[panel.ID], "%s: %s", file, panel.Title)
			ids[panel.ID] = true
			require.LessOrEqual(t, panel.GridPos.X+panel.GridPos.W, 24, "%s: %s", file, panel.Title)
			place := fmt.Sprint(panel.GridPos.X, "/", panel.GridPos.Y)
			require.False(t, taken[place], "%s: %s lies on another", file, panel.Title)
			taken[place] = true
			require.Equal(t, panel.Type == "row", len(panel.Targets) == 0, "%s: %s", file, panel.Title)
		}
	}
}
