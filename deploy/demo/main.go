// Command demo plays the whole story on the running development stack and prints a line a stage. It is what
// `make demo` runs, with the stack's environment.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"campuscard/campus"
	"campuscard/e2e/story"
)

type demo struct {
	API           string        `env:"API_ADDRESS" required:"" help:"Where the interface answers."`
	School        string        `env:"SCHOOL_URL" required:"" help:"Base address of the simulator."`
	StaffPassword string        `env:"SEED_STAFF_PASSWORD" required:"" help:"Of the first staff."`
	KioskKey      string        `env:"SEED_KIOSK_KEY" required:"" help:"What kiosk secrets are derived from."`
	Lang          string        `env:"LANG" default:"zh" help:"zh or en: the language of the lines and of the messages."`
	Patience      time.Duration `default:"60s" help:"How long a request with an unclear outcome is repeated."`
	Limit         time.Duration `default:"90s" help:"How long a case may take to its next stage."`
	chaos
}

func main() {
	var d demo
	parsed := kong.Parse(&d, kong.Name("demo"), kong.Description("Plays the whole story on the running stack."),
		kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	parsed.BindTo(ctx, (*context.Context)(nil))
	err := parsed.Run()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// Run implements kong's command.
func (d *demo) Run(ctx context.Context) error {
	if err := d.answers(ctx); err != nil {
		return err
	}
	began := time.Now()
	language := language(d.Lang)
	world := story.New(story.Config{
		API: "http://" + d.API, School: d.School, StaffPassword: d.StaffPassword, KioskKey: d.KioskKey,
		Language: language, Patience: d.Patience, Limit: d.Limit, Tell: func(line string) { fmt.Println(line) },
	})
	if err := d.play(ctx, world); err != nil {
		return err
	}
	done := "故事全部完成，用时 %.1f 秒\n"
	if language == campus.English {
		done = "all went as it should, in %.1f s\n"
	}
	fmt.Printf(done, time.Since(began).Seconds())
	return nil
}

// answers tells whether there is a system to play on, before thirteen stories say one after the other that there is
// none.
func (d *demo) answers(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.API+"/healthz", http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("nothing to play on: make up starts the system (%w)", err)
	}
	return answer.Body.Close()
}

// language reads a flag such as en or a locale such as zh_CN.UTF-8; what is neither (C, POSIX) is Chinese.
func language(name string) campus.Language {
	if strings.HasPrefix(strings.ToLower(name), "en") {
		return campus.English
	}
	return campus.Chinese
}
