// Package api is the HTTP border: who may call what, what a request must look like, and how errors are told. It decides
// nothing about the product: a handler asks storage for a fact or a workflow for a decision, and shows the answer. Each
// area has a package of its own; what spans areas, cases and the counter, stands here.
package api

import (
	"fmt"
	"log/slog"

	"go.temporal.io/sdk/client"

	"campuscard/api/cards"
	"campuscard/api/core"
	"campuscard/api/files"
	"campuscard/api/money"
	"campuscard/api/outreach"
	"campuscard/api/people"
	"campuscard/api/production"
	"campuscard/api/work"
	"campuscard/storage"
)

// Config is what a Server needs to know.
type Config = core.Config

// Server answers HTTP.
type Server struct {
	*core.Server
	people     *people.Server
	cards      *cards.Server
	work       *work.Server
	production *production.Server
	outreach   *outreach.Server
	money      *money.Server

	receiptFonts fonts         // nil: receipts cannot be drawn
	printing     chan struct{} // slots for drawing receipts
}

// New makes a server that is ready to answer. Temporal need not be reachable.
func New(cfg Config, store *storage.Store, temporal client.Client, log *slog.Logger) (*Server, error) {
	if err := files.KeepFilesHere(); err != nil {
		return nil, err
	}
	common, err := core.New(cfg, store, temporal, log)
	if err != nil {
		return nil, err
	}
	s := &Server{
		Server: common, people: people.New(common), cards: cards.New(common), work: work.New(common),
		production: production.New(common), outreach: outreach.New(common), money: money.New(common),
		printing: make(chan struct{}, receiptsAtOnce),
	}
	if s.receiptFonts, err = readFonts(cfg.ReceiptFonts); err != nil {
		log.Warn("receipts cannot be printed", "error", err)
		s.WithoutReceipts = true
	}
	s.routes()
	if err := checkKinds(); err != nil {
		return nil, fmt.Errorf("something is not registered: %w", err)
	}
	s.Finish()
	return s, nil
}
