// Package core is what every address of the api needs: who calls, what a request must look like, how errors are told,
// pages, decisions. Each area adds its own addresses.
package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"

	"campuscard/api/files"
	"campuscard/campus"
	"campuscard/decisions"
	"campuscard/school"
	"campuscard/storage"
)

// Config is what a Server needs to know.
type Config struct {
	Address        string // host:port that Run listens on
	Version        string // of this build, shown in /openapi.json
	Policies       *campus.Policies
	TemporalUI     string               // address of the Temporal UI, for links to a case's workflow; empty: no links
	Namespace      string               // of Temporal
	CallbackSecret string               // Standard Webhooks secret of the card bureau
	HRSecrets      map[string]string    // the same of the HR system of each university, by its code
	ChannelSecrets map[string]string    // the same of each top-up channel, by channel and university: "wallet/lcu"
	ChipKeys       map[string]string    // master keys of the chips of plastics, base64 by version
	Metrics        *prometheus.Registry // of the process, shown with the server's own; may be nil
	Traced         bool                 // spans are sent to a collector
	TrustedProxies []string             // addresses whose X-Forwarded-For is believed; none by default
	SignInsPerSec  float64              // of one client address; 0 means 20: a campus behind one address signs in too
	PerAddress     int                  // connections that one client address may hold; 0 means 1000, for the same reason
	DrainDelay     time.Duration        // how long readiness is off before connections are closed
	HandlerTime    time.Duration        // of one request in all, its body excepted; 0 means 29 s
	BodyTime       time.Duration        // of a body that is no file; 0 means 10 s
	PDFReader      []string             // what InspectPDFCommand is given to; empty: this program
	ReceiptFonts   []string             // patterns of font files, in their order; without them there are no receipts
}

// Server answers HTTP.
type Server struct {
	Cfg      Config
	Policies *campus.Policies
	Store    *storage.Store
	temporal client.Client
	Log      *slog.Logger

	ChipKeys  campus.ChipKeys
	decisions *decisions.Sender

	Engine      *gin.Engine
	Huma        huma.API
	Declared    map[string]*Route // by method and gin's pattern; what is not here is refused
	signIns     *Limiter
	tills       *tills
	connections *shares
	AtWork      *shares        // requests
	Looking     *files.Looking // at files that are sent, which takes memory
	Metrics     *metrics
	texts       []humaText
	Spec        func() ([]byte, error) // /openapi.json
	docsHTML    func() ([]byte, error)
	Draining    atomic.Bool

	WithoutReceipts bool // for want of fonts; /readyz tells
}

// New makes a server without addresses. Temporal need not be reachable.
func New(cfg Config, store *storage.Store, temporal client.Client, log *slog.Logger) (*Server, error) {
	if cfg.SignInsPerSec == 0 {
		cfg.SignInsPerSec = 20
	}
	cfg.PerAddress = cmp.Or(cfg.PerAddress, perAddress)
	cfg.HandlerTime = cmp.Or(cfg.HandlerTime, handlerTime)
	cfg.BodyTime = cmp.Or(cfg.BodyTime, bodyTime)
	if err := school.CheckSecretsOfHR(cfg.HRSecrets); err != nil {
		return nil, err
	}
	if err := school.CheckSecretsOfChannels(cfg.ChannelSecrets); err != nil {
		return nil, err
	}
	chipKeys, err := campus.ParseChipKeys(cfg.ChipKeys)
	if err != nil {
		return nil, err
	}
	s := &Server{
		Cfg: cfg, ChipKeys: chipKeys, Policies: cfg.Policies, Store: store, temporal: temporal, Log: log,
		decisions: decisions.NewSender(store, temporal, log),
		Declared:  map[string]*Route{},
		signIns:   NewLimiter(),
		tills:     &tills{known: map[uuid.UUID]knownTill{}},
		Looking:   files.NewLooking(cfg.PDFReader, log),
		Metrics:   newMetrics(cfg.Metrics),
		texts:     humaTexts(),
	}
	if s.connections, err = NewShares(cfg.PerAddress, cfg.TrustedProxies); err != nil {
		return nil, err
	}
	s.AtWork, _ = NewShares(cfg.PerAddress, nil) // a proxy that names nobody is an address like others
	if err := s.openEngine(); err != nil {
		return nil, err
	}
	return s, nil
}

// Finish completes what New has begun, when every area has added its addresses.
func (s *Server) Finish() {
	s.answerHeads()
	s.describeItself()
}

// AllRoutes are all addresses that were declared, in an order that stays.
func (s *Server) AllRoutes() []Route {
	routes := make([]Route, 0, len(s.Declared))
	for _, name := range slices.Sorted(maps.Keys(s.Declared)) {
		routes = append(routes, *s.Declared[name])
	}
	return routes
}

// Described tells whether /openapi.json has the route. The others are the pages about the program itself.
func (r Route) Described() bool { return r.described }

// Handler returns the server without its listener.
func (s *Server) Handler() http.Handler { return s.Engine }

// The limits of a connection. The longest answer is a staff retry, which waits 25 seconds for its outcome. An answer is
// promised within 30 seconds of the end of the request; the last one is for writing it.
const (
	headerTime   = 5 * time.Second
	requestTime  = 90 * time.Second // a slow upload
	bodyTime     = 10 * time.Second
	refusalTime  = time.Second // for what is left of a body that nobody wants
	handlerTime  = 29 * time.Second
	answerTime   = requestTime + handlerTime + time.Second
	idleTime     = 2 * time.Minute
	shutdownTime = 30 * time.Second

	perAddress = 1000
)

// Run listens until ctx ends. Then it says so on /readyz, goes on answering for DrainDelay, so that nobody is sent
// here any more, and closes when the last request is answered.
func (s *Server) Run(ctx context.Context) error {
	if err := s.checkDocuments(); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Cfg.Address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.Cfg.Address, err)
	}
	return s.Serve(ctx, listener)
}

// Serve is Run on a listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.Engine,
		ReadHeaderTimeout: headerTime, ReadTimeout: requestTime, WriteTimeout: answerTime, IdleTimeout: idleTime,
		MaxHeaderBytes: 32 << 10,
		ErrorLog:       slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(s.bounded(listener)) }()
	s.Log.InfoContext(ctx, "api listens", "address", listener.Addr().String())
	select {
	case err := <-failed:
		return fmt.Errorf("serve http: %w", err)
	case <-ctx.Done():
	}
	s.Draining.Store(true)
	s.Log.Info("api drains", "delay", s.Cfg.DrainDelay)
	time.Sleep(s.Cfg.DrainDelay)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		return fmt.Errorf("shut http down: %w", err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve http: %w", err)
	}
	return nil
}
