package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"campuscard/campus"
	"campuscard/doctor"
	"campuscard/school"
	"campuscard/storage"
	"campuscard/worker"
)

// errUnwell ends the doctor after its report, which has said all.
var errUnwell = errors.New("something is broken")

// doctorCommand has the variables of the other jobs, and takes none for granted: that they are missing or wrong is for
// the report to say.
type doctorCommand struct {
	temporalConfig
	Lang    string        `default:"zh" enum:"zh,en" help:"zh or en."`
	JSON    bool          `name:"json" help:"For programs."`
	Timeout time.Duration `default:"5s" help:"Of each check; all are made at once."`
	API     []string      `env:"API_ADDRESS" default:"127.0.0.1:7200" help:"Where api answers, each of them."`
	Worker  []string      `env:"WORKER_ADDRESS" default:"127.0.0.1:7201" help:"Where worker answers, each of them."`
	Folder  string        `env:"DATA_FOLDER" help:"On a disk that must not fill up."`

	DatabaseURL    string            `env:"DATABASE_URL"`
	S3Endpoint     string            `env:"S3_ENDPOINT"`
	S3AccessKey    string            `env:"S3_ACCESS_KEY"`
	S3SecretKey    string            `env:"S3_SECRET_KEY"`
	S3Bucket       string            `env:"S3_BUCKET" default:"campuscard"`
	DataKey        string            `env:"DATA_KEY"`
	Pepper         string            `env:"PEPPER"`
	CallbackSecret string            `env:"CALLBACK_SECRET"`
	HRSecrets      map[string]string `env:"HR_CALLBACK_SECRETS"`
	ChannelSecrets map[string]string `env:"CHANNEL_SECRETS"`
	ChipKeys       map[string]string `env:"CHIP_KEYS"`
	PolicyFile     string            `env:"POLICY_FILE"`
	SchoolURL      string            `env:"SCHOOL_URL"`
	SchoolAPIKey   string            `env:"SCHOOL_API_KEY"`
	Addresses      map[string]string `env:"SCHOOL_ADDRESSES"`
	SMTPAddress    string            `env:"SMTP_ADDRESS"`
	MailFrom       string            `env:"MAIL_FROM" default:"card@campus.example"`
}

// Run implements kong's command.
func (c *doctorCommand) Run(ctx context.Context) error {
	quiet := slog.New(slog.DiscardHandler) // what libraries say of a part that is away is in the report
	temporal, err := c.dial(quiet, nil)
	if err != nil {
		return err
	}
	build, err := worker.ThisBuild()
	if err != nil {
		return err
	}
	found := doctor.Examine(ctx, doctor.Settings{
		DatabaseURL: c.DatabaseURL,
		Objects: storage.ObjectsConfig{Endpoint: c.S3Endpoint, AccessKey: c.S3AccessKey, SecretKey: c.S3SecretKey,
			Bucket: c.S3Bucket},
		DataKey:        c.DataKey,
		Pepper:         c.Pepper,
		CallbackSecret: c.CallbackSecret,
		HRSecrets:      c.HRSecrets,
		ChannelSecrets: c.ChannelSecrets,
		ChipKeys:       c.ChipKeys,
		School: school.Config{BaseURL: c.SchoolURL, Addresses: c.Addresses, APIKey: c.SchoolAPIKey,
			SMTPAddress: c.SMTPAddress, MailFrom: c.MailFrom},
		PolicyFiles: func() ([][]byte, error) {
			_, files, err := loadPolicies(c.PolicyFile)
			return files, err
		},
		Temporal: temporal, Namespace: c.Namespace, Build: build,
		API: c.API, Worker: c.Worker, Folder: c.Folder, Now: time.Now, Timeout: c.Timeout,
	}, quiet)
	write, language := doctor.WriteText, campus.Chinese
	if c.JSON {
		write = doctor.WriteJSON
	}
	if c.Lang == "en" {
		language = campus.English
	}
	if err := write(os.Stdout, found, language); err != nil {
		return err
	}
	if doctor.Worst(found) == doctor.Fail {
		return errUnwell
	}
	return nil
}
