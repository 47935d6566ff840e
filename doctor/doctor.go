// Package doctor looks at every part of the product and says what is wrong and what to do. It is meant for the day when
// parts are down: it needs none of them, waits for none longer than it was told, and changes nothing.
package doctor

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage"
	"campuscard/worker"
)

// Settings are what the product is configured with, as they stand in the environment: they may be wrong, or missing.
type Settings struct {
	DatabaseURL    string
	Objects        storage.ObjectsConfig
	DataKey        string            // base64
	Pepper         string            // base64
	CallbackSecret string            // of the bureau
	HRSecrets      map[string]string // of the HR system of each university
	ChannelSecrets map[string]string // of each top-up channel with each university
	ChipKeys       map[string]string
	School         school.Config
	PolicyFiles    func() ([][]byte, error)
	Temporal       client.Client // that connects when it is first used
	Namespace      string
	Build          worker.Version // of this program, which the workers should run
	API, Worker    []string       // addresses of all that run
	Folder         string         // on a disk that must not fill up; may be empty
	Now            func() time.Time
	Timeout        time.Duration // of each check
}

// doctor holds the connections that the settings give. One that could not be made is nil, and a check says so.
type doctor struct {
	Settings
	data, pepper []byte
	store        *storage.Store
	storeErr     error
	systems      *school.Systems
	systemsErr   error
	policies     *campus.Policies
	policyErr    error
}

// Examine makes every check and answers what was seen, always in the same order.
func Examine(ctx context.Context, settings Settings, log *slog.Logger) []Finding {
	d := &doctor{Settings: settings}
	d.data, d.pepper = readKey(settings.DataKey), readKey(settings.Pepper)
	keys := storage.Keys{Data: d.data, Pepper: d.pepper}
	if d.data == nil || d.pepper == nil { // Postgres can be looked at without them; nothing is sealed or opened
		keys = storage.Keys{Data: make([]byte, 32), Pepper: make([]byte, 32)}
	}
	d.store, d.storeErr = storage.Prepare(ctx, storage.Config{
		DatabaseURL: settings.DatabaseURL, MaxConns: 2, ReportConns: 4, Objects: settings.Objects, Keys: keys,
	}, settings.Now, log)
	if d.storeErr == nil {
		// Not waited for: a connection that hangs would hold us up, and the process ends now anyway.
		defer func() { go d.store.Close() }()
	}
	settings.School.Timeout = settings.Timeout / 2 // so that there is time to say which of them hangs
	d.systems, d.systemsErr = school.New(settings.School)
	files, err := settings.PolicyFiles()
	if d.policyErr = err; err == nil {
		d.policies, d.policyErr = campus.LoadPolicies(files...)
	}
	return examine(ctx, settings.Timeout, d.checks())
}

// watch returns the numbers of the policy; those of one that cannot be read are unknown, and nothing is compared with
// them.
func (d *doctor) watch() campus.WatchPolicy { return d.policies.For("").Watch }

// The names of the checks that others need.
const (
	settingsCheck  = "settings"
	policyCheck    = "policy"
	postgresCheck  = "postgres"
	schemaCheck    = "postgres.schema"
	temporalCheck  = "temporal"
	namespaceCheck = "temporal.namespace"
	objectsCheck   = "s3"
)

// checks returns all checks, in the order of the report.
func (d *doctor) checks() []check {
	return []check{
		{name: settingsCheck, look: d.lookAtSettings},
		{name: "secrets", look: d.lookAtSecrets},
		{name: policyCheck, look: d.lookAtPolicy},
		{name: "calendar", needs: []string{policyCheck}, look: d.lookAtCalendar},
		{name: "certificates", needs: []string{policyCheck}, look: d.lookAtCertificates},
		{name: "disk", needs: []string{policyCheck}, look: d.lookAtDisk},

		{name: postgresCheck, needs: []string{settingsCheck}, look: d.lookAtPostgres},
		{name: schemaCheck, needs: []string{postgresCheck}, look: d.lookAtSchema},
		{name: "postgres.role", needs: []string{postgresCheck}, look: d.lookAtRole},
		{name: "postgres.connections", needs: []string{schemaCheck, policyCheck}, look: d.lookAtConnections},
		{name: "postgres.clock", needs: []string{postgresCheck, policyCheck}, look: d.lookAtClock},
		{name: "postgres.transactions", needs: []string{postgresCheck}, look: d.lookAtTransactions},
		{name: "keys", needs: []string{schemaCheck}, look: d.lookAtKeys},
		{name: "seeds", needs: []string{schemaCheck}, look: d.lookAtSeeds},

		{name: temporalCheck, look: d.lookAtTemporal},
		{name: namespaceCheck, needs: []string{temporalCheck}, look: d.lookAtNamespace},
		{name: "temporal.attributes", needs: []string{namespaceCheck}, look: d.lookAtAttributes},
		{name: "temporal.queues", needs: []string{namespaceCheck, policyCheck}, look: d.lookAtQueues},
		{name: "temporal.build", needs: []string{namespaceCheck}, look: d.lookAtBuild},

		{name: objectsCheck, needs: []string{settingsCheck}, look: d.lookAtObjects},
		{name: "s3.probe", needs: []string{objectsCheck}, look: d.probeObjects},
		{name: "s3.versions", needs: []string{objectsCheck}, look: d.lookAtVersions},
		{name: "s3.public", needs: []string{objectsCheck}, look: d.lookAtPublic},

		{name: "school", needs: []string{settingsCheck, policyCheck}, look: d.lookAtSchool},

		{name: "outbox", needs: []string{schemaCheck, policyCheck}, look: d.lookAtOutbox},
		{name: "queued", needs: []string{schemaCheck, policyCheck}, look: d.lookAtQueued},
		{name: "decisions", needs: []string{schemaCheck, policyCheck}, look: d.lookAtDecisions},
		{name: "steps", needs: []string{schemaCheck, policyCheck}, look: d.lookAtSteps},
		{name: "cases", needs: []string{schemaCheck, namespaceCheck}, look: d.lookAtCases},
		{name: "notices", needs: []string{schemaCheck, policyCheck}, look: d.lookAtNotices},
		{name: "sign-ins", needs: []string{schemaCheck, policyCheck}, look: d.lookAtSignIns},
		{name: "accounts", needs: []string{schemaCheck}, look: d.lookAtAccounts},
		{name: "channels", needs: []string{schemaCheck, policyCheck}, look: d.lookAtChannels},
		{name: "tills", needs: []string{schemaCheck, policyCheck}, look: d.lookAtTills},
		{name: "days", needs: []string{schemaCheck, policyCheck}, look: d.lookAtDays},
		{name: "payouts", needs: []string{schemaCheck, policyCheck}, look: d.lookAtPayouts},
		{name: "topups", needs: []string{schemaCheck, policyCheck}, look: d.lookAtTopUps},
		{name: "forgotten", needs: []string{schemaCheck, policyCheck}, look: d.lookAtForgotten},

		{name: "api", look: d.lookAtAPI},
		{name: "worker", look: d.lookAtWorkers},
		{name: "waiting", look: d.lookAtWaiting},
		{name: "clocks", needs: []string{postgresCheck, policyCheck}, look: d.lookAtClocks},
	}
}
