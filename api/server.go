// Package api is the HTTP border: who may call what, what a request must look like, and how errors are told. It decides
// nothing about the product: a handler asks storage for a fact or a workflow for a decision, and shows the answer.
package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"

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
	Metrics        *prometheus.Registry // of the process, shown with the server's own; may be nil
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
	cfg      Config
	policies *campus.Policies
	store    *storage.Store
	temporal client.Client
	log      *slog.Logger

	decisions *decisions.Sender

	engine      *gin.Engine
	huma        huma.API
	declared    map[string]*route // by method and gin's pattern; what is not here is refused
	signIns     *limiter
	connections *shares
	atWork      *shares  // requests
	looking     *looking // at files that are sent, which takes memory
	metrics     *metrics
	texts       []humaText
	spec        []byte // /openapi.json
	docsHTML    []byte
	draining    atomic.Bool

	WithoutReceipts bool // for want of fonts; /readyz tells

	receiptFonts fonts         // nil: receipts cannot be drawn
	printing     chan struct{} // slots for drawing receipts
}

// New makes a server that is ready to answer. Temporal need not be reachable.
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
	if err := keepFilesHere(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, policies: cfg.Policies, store: store, temporal: temporal, log: log,
		decisions: decisions.NewSender(store, temporal, log),
		declared:  map[string]*route{},
		signIns:   newLimiter(cfg.SignInsPerSec),
		looking:   newLooking(cfg.PDFReader, log),
		metrics:   newMetrics(cfg.Metrics),
		texts:     humaTexts(),
		printing:  make(chan struct{}, receiptsAtOnce),
	}
	var err error
	if s.connections, err = newShares(cfg.PerAddress, cfg.TrustedProxies); err != nil {
		return nil, err
	}
	s.atWork, _ = newShares(cfg.PerAddress, nil) // a proxy that names nobody is an address like others
	if s.receiptFonts, err = readFonts(cfg.ReceiptFonts); err != nil {
		log.Warn("receipts cannot be printed", "error", err)
		s.WithoutReceipts = true
	}
	if err := s.openEngine(); err != nil {
		return nil, err
	}
	s.routes()
	s.answerHeads()
	if err := s.serveDocs(); err != nil {
		return nil, err
	}
	return s, nil
}

// Handler is the server without its listener.
func (s *Server) Handler() http.Handler { return s.engine }

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
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.cfg.Address, err)
	}
	return s.serve(ctx, listener)
}

func (s *Server) serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.engine,
		ReadHeaderTimeout: headerTime, ReadTimeout: requestTime, WriteTimeout: answerTime, IdleTimeout: idleTime,
		MaxHeaderBytes: 32 << 10,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(s.bounded(listener)) }()
	s.log.InfoContext(ctx, "api listens", "address", listener.Addr().String())
	select {
	case err := <-failed:
		return fmt.Errorf("serve http: %w", err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	s.log.Info("api drains", "delay", s.cfg.DrainDelay)
	time.Sleep(s.cfg.DrainDelay)
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
