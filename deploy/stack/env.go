package stack

import (
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
)

// markerEnv tells a stack's own environment from one that somebody set by hand: see externalFromEnv.
const markerEnv = "CAMPUSCARD_STACK"

// ownerEnv is where Postgres is for the owner of the schema. Only who migrates is told: api and worker can neither
// alter the schema nor rewrite what is only to be added to.
const ownerEnv = "DATABASE_OWNER_URL"

// external are servers that the caller brings along instead of ours.
type external struct {
	DatabaseURL, DatabaseOwnerURL        string
	S3Endpoint, S3AccessKey, S3SecretKey string
}

// externalFromEnv ignores the variables when they come from `make env`: otherwise a shell that has evaluated it would
// start this stack, or the tests' stack, on the data of that one.
func externalFromEnv(getenv func(string) string) (external, error) {
	if getenv(markerEnv) != "" {
		return external{}, nil
	}
	e := external{
		DatabaseURL: getenv("DATABASE_URL"), DatabaseOwnerURL: getenv("DATABASE_OWNER_URL"),
		S3Endpoint: getenv("S3_ENDPOINT"), S3AccessKey: getenv("S3_ACCESS_KEY"), S3SecretKey: getenv("S3_SECRET_KEY"),
	}
	if (e.DatabaseURL == "") != (e.DatabaseOwnerURL == "") {
		return external{}, errors.New("of DATABASE_URL and DATABASE_OWNER_URL one is set: set both, or none")
	}
	if e.S3Endpoint != "" && (e.S3AccessKey == "" || e.S3SecretKey == "") {
		return external{}, errors.New("S3_ENDPOINT is set without S3_ACCESS_KEY and S3_SECRET_KEY: set all three, or none")
	}
	return e, nil
}

// Env returns what the campuscard processes of this stack are given, all of them together. It holds secrets.
func (s *Stack) Env() map[string]string {
	env := map[string]string{
		"TEMPORAL_ADDRESS":       address(s.ports.Frontend),
		"TEMPORAL_NAMESPACE":     "campuscard",
		"TEMPORAL_UI_URL":        webAddress(s.ports.UI),
		"S3_BUCKET":              "campuscard",
		"SCHOOL_URL":             webAddress(s.ports.Simulator),
		"SMTP_ADDRESS":           address(s.ports.SMTP),
		"CALLBACK_URL":           webAddress(s.ports.API) + "/api/v1/hooks",
		"API_ADDRESS":            address(s.ports.API),
		"WORKER_ADDRESS":         address(s.ports.Worker),
		"SIMULATOR_ADDRESS":      address(s.ports.Simulator),
		"SIMULATOR_SMTP_ADDRESS": address(s.ports.SMTP),
		"SIMULATOR_STATE":        s.dataPath("simulator"),
		"TERMINAL_ADDRESS":       address(s.ports.Terminal),
		"TERMINAL_STATE":         s.dataPath("terminal"),
		"CARD_URL":               webAddress(s.ports.API),
		"POLICY_FILE":            s.opts.Policy,
		"DATA_FOLDER":            s.opts.DataDir,
		"LOG_LEVEL":              "info",
		"DRAIN_DELAY":            "200ms", // nobody has to see that the api goes, and everybody waits for its restart
	}
	if s.external == (external{}) { // otherwise who is given this environment must take the override over too
		env[markerEnv] = s.opts.Name
	}
	for _, name := range []string{"SCHOOL_API_KEY", "CALLBACK_SECRET", "HR_CALLBACK_SECRETS", "CHANNEL_SECRETS", "CHIP_KEYS",
		"PEPPER", "DATA_KEY", "SEED_STAFF_PASSWORD", "SEED_KIOSK_KEY"} {
		env[name] = s.secrets[name]
	}
	for _, name := range []string{"LOG_LEVEL", "OTEL_EXPORTER_OTLP_ENDPOINT", "RECEIPT_FONTS"} {
		if value := os.Getenv(name); value != "" {
			env[name] = value
		}
	}
	env["DATABASE_URL"], env[ownerEnv] = s.external.DatabaseURL, s.external.DatabaseOwnerURL
	if env["DATABASE_URL"] == "" {
		env["DATABASE_URL"] = s.postgresURL("campuscard", "campuscard", s.secrets["CAMPUSCARD_PASSWORD"])
		env[ownerEnv] = s.postgresURL("campuscard_owner", "campuscard", s.secrets["CAMPUSCARD_OWNER_PASSWORD"])
	}
	env["S3_ENDPOINT"], env["S3_ACCESS_KEY"], env["S3_SECRET_KEY"] = s.external.S3Endpoint, s.external.S3AccessKey, s.external.S3SecretKey
	if env["S3_ENDPOINT"] == "" {
		env["S3_ENDPOINT"], env["S3_ACCESS_KEY"], env["S3_SECRET_KEY"] = webAddress(s.ports.S3), s.secrets["S3_ACCESS_KEY"], s.secrets["S3_SECRET_KEY"]
	}
	maps.Copy(env, s.opts.Env)
	return env
}

// environ lists variables as a process wants them, in one order, so that equal environments have equal fingerprints.
func environ(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// baseEnviron returns the little that programs need of the caller's environment. The rest stays out, so that what a
// background process does never depends on the shell that happened to start it.
func baseEnviron() []string {
	var kept []string
	for _, name := range []string{"PATH", "HOME", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if value, ok := os.LookupEnv(name); ok {
			kept = append(kept, name+"="+value)
		}
	}
	return kept
}

// Exports returns shell lines that set Env, for `eval`.
func (s *Stack) Exports() string {
	var text strings.Builder
	for _, line := range environ(s.Env()) {
		name, value, _ := strings.Cut(line, "=")
		text.WriteString("export " + name + "='" + strings.ReplaceAll(value, "'", `'\''`) + "'\n")
	}
	return text.String()
}
