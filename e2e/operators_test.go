package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// aggregations of a histogram or summary are not in its name.
var aggregation = regexp.MustCompile(`_(bucket|count|sum)$`)

// onlyInTrouble is counted by Temporal's SDK when a workflow cannot go on, and not before.
const onlyInTrouble = "temporal_workflow_task_execution_failed_total"

// metricsExist compares what dashboards and alarms ask for with what the processes show (K5).
func metricsExist(t *testing.T, h *env) {
	shown := map[string]bool{onlyInTrouble: true}
	for _, address := range []string{h.api(), h.worker()} {
		for _, line := range regexp.MustCompile(`(?m)^# TYPE (\S+)`).FindAllStringSubmatch(string(h.await(address+"/metrics")), -1) {
			shown[line[1]] = true
		}
	}
	source, err := os.ReadFile("../worker/figures.go") // a figure without a row has no line
	require.NoError(t, err)
	for _, line := range regexp.MustCompile(`figure\("(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		shown["campuscard_"+line[1]] = true
	}
	files, err := filepath.Glob("../deploy/grafana/*.json")
	require.NoError(t, err)
	asked := 0
	for _, file := range append(files, "../deploy/alarms.yaml") {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`\b(campuscard|temporal)_\w+`).FindAllString(string(content), -1) {
			require.True(t, shown[aggregation.ReplaceAllString(name, "")], "%s asks for %s", file, name)
			asked++
		}
	}
	require.NotZero(t, asked)
}

type checkup struct {
	Level  string
	Checks []struct{ Check, Level, Code, Do string }
}

func (h *env) doctor(t *testing.T, change ...string) (found checkup, failed error) {
	t.Helper()
	cmd := h.command("doctor")
	cmd.Args = append(cmd.Args, "--json", "--lang", "en")
	cmd.Env = append(cmd.Env, change...)
	said, err := cmd.Output()
	require.NoError(t, json.Unmarshal(said, &found), "%s", said)
	return found, err
}

func (c checkup) level(check string) string {
	for _, f := range c.Checks {
		if f.Check == check {
			return f.Level
		}
	}
	return "missing"
}

// doctorKnows has the doctor look at a house that is well, and at the same with one part away at a time.
func doctorKnows(t *testing.T, h *env) {
	found, err := h.doctor(t)
	require.NoError(t, err, "%+v", found)
	require.NotEqual(t, "fail", found.Level)
	require.Greater(t, len(found.Checks), 40)

	require.NoError(t, h.gate.Stop(t.Context()))
	found, err = h.doctor(t)
	require.NoError(t, h.gate.Start(t.Context()))
	require.Error(t, err, "so that a script notices")
	require.Equal(t, "fail", found.level("temporal"))
	require.Equal(t, "warn", found.level("temporal.queues"), "nothing is said about what could not be seen")
	require.Equal(t, "ok", found.level("postgres"))

	for change, broken := range map[string]string{
		"DATABASE_URL=postgres://nobody:secretword@127.0.0.1:1/none": "postgres",
		"DATABASE_URL=" + h.env["DATABASE_OWNER_URL"]:                "postgres.role",
		"S3_SECRET_KEY=wrong":                                        "s3",
		"DATA_KEY=" + strings.Repeat("A", 43) + "=":                  "keys",
		"HR_CALLBACK_SECRETS=":                                       "secrets",
		"WORKER_ADDRESS=127.0.0.1:1":                                 "worker",
		"POLICY_FILE=/nowhere/policy.yaml":                           "policy",
	} {
		found, err := h.doctor(t, change)
		require.Error(t, err, change)
		require.Equal(t, "fail", found.level(broken), "%s: %+v", change, found)
		for _, f := range found.Checks {
			require.NotContains(t, f.Do+f.Code, "secretword")
			require.False(t, f.Level == "fail" && f.Do == "", "%s says nothing to do", f.Check)
		}
	}
}
