package main

import (
	"encoding/base64"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"campuscard/api/files"
	"campuscard/worker"
)

// parse reads a job's configuration from an environment that has what every job needs, and what is given.
func parse(t *testing.T, job string, given map[string]string) (program, error) {
	t.Helper()
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	env := map[string]string{
		"DATABASE_URL": "postgres://x", "S3_ENDPOINT": "x", "S3_ACCESS_KEY": "x", "S3_SECRET_KEY": "x", "DATA_KEY": key, "PEPPER": key,
		"CALLBACK_SECRET": "x", "HR_CALLBACK_SECRETS": "x=y", "CHANNEL_SECRETS": "wallet/x=y", "CHIP_KEYS": "1=y",
		"SCHOOL_URL": "x", "SCHOOL_API_KEY": "x", "SMTP_ADDRESS": "x",
	}
	for _, name := range []string{"DRAIN_DELAY", "CACHE_MEMORY", "CLOCK_EVERY"} { // a shell may have those of its stack
		t.Setenv(name, "")
		require.NoError(t, os.Unsetenv(name))
	}
	for _, values := range []map[string]string{env, given} {
		for name, value := range values {
			t.Setenv(name, value)
		}
	}
	var p program
	parser, err := kong.New(&p, kong.Exit(func(int) {}))
	require.NoError(t, err)
	_, err = parser.Parse([]string{job})
	return p, err
}

func TestAPIDrainsForFiveSecondsUnlessItIsTold(t *testing.T) {
	for name, test := range map[string]struct {
		given map[string]string
		want  time.Duration
	}{
		"nothing is said":   {nil, 5 * time.Second},
		"something is said": {map[string]string{"DRAIN_DELAY": "200ms"}, 200 * time.Millisecond},
		"no delay":          {map[string]string{"DRAIN_DELAY": "0s"}, 0},
	} {
		p, err := parse(t, "api", test.given)
		require.NoError(t, err, name)
		require.Equal(t, test.want, p.API.config(&openedServices{tell: &worker.Telemetry{}}).DrainDelay, name)
	}
	_, err := parse(t, "api", map[string]string{"DRAIN_DELAY": "soon"})
	require.Error(t, err)
}

// The api starts this program for a PDF, with an empty environment.
func TestReadingAPDFNeedsNoConfiguration(t *testing.T) {
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value) // puts it back
		require.NoError(t, os.Unsetenv(name))
	}
	parser, err := kong.New(&program{}, kong.Exit(func(int) {}))
	require.NoError(t, err)
	parsed, err := parser.Parse([]string{files.InspectPDFCommand, `{"PDFMemory": 1}`})
	require.NoError(t, err)
	require.Equal(t, "inspect-pdf <bounds>", parsed.Command())
}

func TestMemoryOfTheCache(t *testing.T) {
	for text, want := range map[string]int64{
		"": 1 << 30, "512MiB": 512 << 20, "2GiB": 2 << 30, "64KiB": 64 << 10, "1000000": 1e6,
	} {
		given := map[string]string{}
		if text != "" {
			given["CACHE_MEMORY"] = text
		}
		p, err := parse(t, "worker", given)
		require.NoError(t, err, text)
		require.Equal(t, want, p.Worker.config(&openedServices{tell: &worker.Telemetry{}}).CacheMemory, text)
	}
	for _, text := range []string{"much", "-1GiB", "0", "1GB", "GiB", "99999999999999GiB"} {
		_, err := parse(t, "worker", map[string]string{"CACHE_MEMORY": text})
		require.Error(t, err, text)
	}
}

func TestClockIsComparedEveryMinute(t *testing.T) {
	for _, job := range []string{"api", "worker"} {
		p, err := parse(t, job, nil)
		require.NoError(t, err)
		every := map[string]time.Duration{"api": p.API.ClockEvery, "worker": p.Worker.ClockEvery}[job]
		require.Equal(t, time.Minute, every)
	}
}

// A2: the HR system of each university has a secret of its own.
func TestSecretsOfHRAreByUniversity(t *testing.T) {
	for given, want := range map[string]map[string]string{
		"lcu=whsec_YQ==":                  {"lcu": "whsec_YQ=="},
		"lcu=whsec_YQ==;lcvtc=whsec_b/+c": {"lcu": "whsec_YQ==", "lcvtc": "whsec_b/+c"},
	} {
		p, err := parse(t, "api", map[string]string{"HR_CALLBACK_SECRETS": given})
		require.NoError(t, err)
		require.Equal(t, want, p.API.HRSecrets)
	}
	_, err := parse(t, "api", map[string]string{"HR_CALLBACK_SECRETS": "whsec_YQ"})
	require.Error(t, err)
}
