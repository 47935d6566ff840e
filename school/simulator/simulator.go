package simulator

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/sync/errgroup"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/school/simulator/intime"
)

// Config says where the simulator listens and what it knows.
type Config struct {
	Address        string // host:port of the HTTP APIs and the admin side; port 0 takes a free one
	SMTPAddress    string // host:port of the mail catcher
	StateDir       string // made if it is not there; one simulator at a time
	APIKey         string // the bearer token every system wants
	CallbackURL    string // the bureau posts to {CallbackURL}/bureau; empty: it never calls back
	CallbackSecret string // "whsec_" and base64
	Seed           uint64 // of the people
	People         int    // 10,000 students if zero; the newcomers come on top

	// As CallbackSecret, of the HR system of each university, for {CallbackURL}/hr; who has none submits nobody.
	HRCallbackSecrets map[string]string

	// The same of the channels by which cards are topped up, by channel and university: {CallbackURL}/channels/<channel>.
	ChannelSecrets map[string]string

	ChipKeys map[string]string // master keys that the bureau writes chips with, base64 by version; none: it tells no keys

	Services []string // systems of value-added services; DefaultServices if nil
}

// DefaultServices returns the systems of value-added services that there are unless others are named (C2).
func DefaultServices() []string { return []string{"dormitory-power", "laundry", "laboratory", "gym"} }

// Simulator is all systems of the school in one program.
type Simulator struct {
	cfg    Config
	log    *slog.Logger
	store  *store
	people *population
	chips  campus.ChipKeys
	web    net.Listener
	mail   net.Listener
}

// New opens the state and the listeners. Requests before Run wait.
func New(cfg Config, log *slog.Logger) (*Simulator, error) {
	if cfg.People == 0 {
		cfg.People = 10_000
	}
	if cfg.APIKey == "" {
		return nil, errors.New("simulator: an API key is needed")
	}
	if cfg.Services == nil {
		cfg.Services = DefaultServices()
	}
	if err := checkServices(cfg.Services); err != nil {
		return nil, err
	}
	chips, err := campus.ParseChipKeys(cfg.ChipKeys)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("state folder of the simulator: %w", err)
	}
	web, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("listen for the school's systems: %w", err)
	}
	mail, err := net.Listen("tcp", cfg.SMTPAddress)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for mail: %w", err), web.Close())
	}
	st, err := openStore(filepath.Join(cfg.StateDir, "simulator.db"))
	if err != nil {
		return nil, errors.Join(err, web.Close(), mail.Close())
	}
	s := &Simulator{cfg: cfg, log: log, store: st, people: newPopulation(cfg.Seed, cfg.People), web: web, mail: mail,
		chips: chips}
	return s, nil
}

// checkServices wants names that are no other system's.
func checkServices(services []string) error {
	taken := map[string]bool{"admin": true, "healthz": true, "mail": true}
	for _, r := range (&Simulator{}).routes() {
		taken[r.system] = true
	}
	for _, name := range services {
		if !school.IsServiceName(name) || taken[name] {
			return fmt.Errorf("simulator: a service cannot be called %q, or not twice", name)
		}
		taken[name] = true
	}
	return nil
}

// URL returns the base URL of all systems and of /admin.
func (s *Simulator) URL() string { return "http://" + s.web.Addr().String() }

// SMTPAddress returns where mail is taken.
func (s *Simulator) SMTPAddress() string { return s.mail.Addr().String() }

// bodyTime is how long a call, a picture with it, may take to arrive.
const bodyTime = 30 * time.Second

// Run serves until the context ends, then finishes what has begun and closes the state.
func (s *Simulator) Run(ctx context.Context) error {
	web := intime.Server(s.handler(), bodyTime)
	mail := s.mailServer()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return ignoreClosed(web.Serve(s.web)) })
	group.Go(func() error { return ignoreClosed(mail.Serve(s.mail)) })
	group.Go(func() error { return s.produce(ctx) })
	group.Go(func() error { return s.callBack(ctx) })
	group.Go(func() error {
		<-ctx.Done()
		return s.stop(context.WithoutCancel(ctx), web, mail)
	})
	s.log.Info("simulator is ready", "url", s.URL(), "smtp", s.SMTPAddress())
	err := group.Wait()
	return errors.Join(err, s.store.close())
}

// stop lets calls end that are under way, but not slow ones that are being held back.
func (s *Simulator) stop(ctx context.Context, web *http.Server, mail *smtp.Server) error {
	stopping, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	err := web.Shutdown(stopping)
	if err != nil {
		err = web.Close()
	}
	// The mail server knows its listener only once it serves, which it may not do yet.
	return errors.Join(err, ignoreClosed(mail.Close()), ignoreClosed(s.mail.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, smtp.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// authorized compares in constant time, as the systems would.
func (s *Simulator) authorized(r *http.Request) bool {
	want := []byte("Bearer " + s.cfg.APIKey)
	return subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) == 1
}
