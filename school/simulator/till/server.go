package till

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/school/simulator/intime"
)

// bodyTime is how long a cashier's request may take to arrive.
const bodyTime = 10 * time.Second

// Config is what a Server needs to know.
type Config struct {
	Address  string // host:port that Run listens on; loopback
	StateDir string // a folder for each till
	CardURL  string // base address of the campus card
}

// Server plays all tills of a city, for demos and tests: who asks it is the cashier.
type Server struct {
	cfg Config
	log *slog.Logger

	mu    sync.Mutex
	tills map[string]*Till
	chips map[string]*Chip // that are there to be tapped
}

// NewServer opens the tills that there are, as they were left. What cannot be opened, or is no till, is left as it is:
// the others have sales to take back.
func NewServer(cfg Config, log *slog.Logger) (*Server, error) {
	s := &Server{cfg: cfg, log: log, tills: map[string]*Till{}, chips: map[string]*Chip{}}
	if err := os.MkdirAll(cfg.StateDir, 0o700); err != nil {
		return nil, err
	}
	folders, err := os.ReadDir(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		if folder.Name() == chipFolder {
			continue
		}
		if _, err := s.till(folder.Name()); err != nil {
			log.Warn("a till is left out", "till", folder.Name(), "error", err)
		}
	}
	return s, nil
}

// chipFolder is where the chips of plastics are, beside the tills; no till has such a name.
const chipFolder = "_chips"

// put has a plastic there to be tapped, with the count that it was left with.
func (s *Server) put(written campus.Chip) error {
	chip, err := OpenChip(filepath.Join(s.cfg.StateDir, chipFolder), written)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.chips[written.Serial]; before != nil {
		err = before.Close()
	}
	s.chips[written.Serial] = chip
	return err
}

// tapped is a sale with what the plastic says that the cashier was given, if it was one.
func (s *Server) tapped(sale Sale) (Sale, error) {
	if sale.Plastic == "" {
		return sale, nil
	}
	s.mu.Lock()
	chip := s.chips[sale.Plastic]
	s.mu.Unlock()
	if chip == nil {
		return sale, errors.New("no plastic with that chip was put there")
	}
	said, err := chip.Tap(sale.Fault)
	sale.Code = said
	return sale, err
}

var tillName = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// till opens a till by its name.
func (s *Server) till(name string) (*Till, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, open := s.tills[name]; open {
		return t, nil
	}
	if !tillName.MatchString(name) {
		return nil, errors.New("the name of a till has lower-case letters, digits and hyphens")
	}
	t, err := Open(filepath.Join(s.cfg.StateDir, name), s.cfg.CardURL, time.Now)
	if err == nil {
		s.tills[name] = t
	}
	return t, err
}

// Run listens until ctx ends. Meanwhile it takes back what the tills had left open.
func (s *Server) Run(ctx context.Context) error {
	for name, t := range s.tills {
		go func() {
			if err := t.Recover(ctx); err != nil {
				s.log.WarnContext(ctx, "a till could not take back what it had begun", "till", name, "error", err)
			}
		}()
	}
	server := intime.Server(s.Handler(), bodyTime)
	server.Addr = s.cfg.Address
	go s.beat(ctx)
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	if err := server.ListenAndServe(); ctx.Err() == nil {
		return err
	}
	return nil
}

// beatEvery is how often each till says that it is there (L8).
const beatEvery = 20 * time.Second

// beat has all tills say that they are there, until ctx ends. One that is not heard says so the next time.
func (s *Server) beat(ctx context.Context) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		tills := slices.Collect(maps.Values(s.tills))
		s.mu.Unlock()
		for _, t := range tills {
			if t.ID() == uuid.Nil {
				continue
			}
			if err := t.Beat(ctx, Fault{}); err != nil {
				s.log.DebugContext(ctx, "a till is not heard", "till", t.ID(), "error", err)
			}
		}
	}
}

// Handler is the server without its listener.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	handle(s, mux, "POST /tills/{till}/enrolment", func(r *http.Request, t *Till, in enrolment) (any, error) {
		return struct{}{}, t.Enrol(r.Context(), in.ID, in.Code)
	})
	mux.HandleFunc("PUT /chips", s.putChip)
	handle(s, mux, "POST /tills/{till}/sales", func(r *http.Request, t *Till, in Sale) (any, error) {
		sale, err := s.tapped(in)
		if err != nil {
			return nil, err
		}
		return t.Sell(r.Context(), sale)
	})
	handle(s, mux, "POST /tills/{till}/shown", func(_ *http.Request, t *Till, in Sale) (any, error) {
		receipt, code, err := t.Show(in.AmountCents)
		return map[string]any{"receipt": receipt, "code": code}, err
	})
	handle(s, mux, "POST /tills/{till}/awaited", func(r *http.Request, t *Till, in Receipt) (any, error) {
		return t.Await(r.Context(), in, shownFor)
	})
	handle(s, mux, "POST /tills/{till}/given-back", func(r *http.Request, t *Till, in giveBack) (any, error) {
		transfer, err := t.GiveBack(r.Context(), in.Transfer, in.AmountCents)
		return map[string]any{"transfer": transfer}, err
	})
	handle(s, mux, "POST /tills/{till}/looks", func(r *http.Request, t *Till, in Sale) (any, error) {
		return t.Look(r.Context(), in.Code)
	})
	handle(s, mux, "POST /tills/{till}/heartbeats", func(r *http.Request, t *Till, in Sale) (any, error) {
		return struct{}{}, t.Beat(r.Context(), in.Fault)
	})
	handle(s, mux, "POST /tills/{till}/offline-sales", func(r *http.Request, t *Till, in Sale) (any, error) {
		sale, err := s.tapped(in)
		if err != nil {
			return nil, err
		}
		receipt, err := t.Begin(sale.AmountCents, sale.Fault)
		if err != nil {
			return nil, err
		}
		if sale.Fault.LoseAnswers > 0 && t.takes(sale.Code) { // the network was there, and went
			t.AskUnheard(r.Context(), receipt, sale.Code)
		}
		return t.SellOffline(receipt, sale.Code, sale.Fault)
	})
	handle(s, mux, "POST /tills/{till}/uploads", func(r *http.Request, t *Till, in Sale) (any, error) {
		answers, err := t.Upload(r.Context(), in.Fault)
		return map[string]any{"items": answers}, err
	})
	handle(s, mux, "POST /tills/{till}/reprints/{key}", func(r *http.Request, t *Till, _ struct{}) (any, error) {
		return t.Reprint(r.Context(), r.PathValue("key"))
	})
	handle(s, mux, "GET /tills/{till}/journal", func(_ *http.Request, t *Till, _ struct{}) (any, error) {
		return t.Journal(), nil
	})
	return mux
}

// putChip takes what the bureau has written a chip with.
func (s *Server) putChip(w http.ResponseWriter, r *http.Request) {
	var written campus.Chip
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&written)
	if err == nil {
		err = s.put(written)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// shownFor is how long a till waits for its code to be scanned.
const shownFor = 10 * time.Second

type enrolment struct {
	ID   uuid.UUID `json:"id"`
	Code string    `json:"code"`
}

type giveBack struct {
	Transfer    uuid.UUID `json:"transfer"`
	AmountCents int64     `json:"amount_cents"` // zero: all of it, today
}

// handle has a till do something, and answers as JSON; a Problem keeps its status.
func handle[I any](s *Server, mux *http.ServeMux, pattern string, do func(*http.Request, *Till, I) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		var in I
		t, err := s.till(r.PathValue("till"))
		if err == nil && r.Method != http.MethodGet && r.ContentLength != 0 {
			err = json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&in)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out, err := do(r, t, in)
		status := http.StatusOK
		if problem, ok := errors.AsType[*Problem](err); ok {
			status, out = problem.Status, problem
		} else if err != nil {
			status, out = http.StatusBadGateway, map[string]string{"detail": err.Error()}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(out) //nolint:errchkjson // who has gone reads nothing
	})
}
