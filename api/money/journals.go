package money

import (
	"context"
	"time"

	"campuscard/api/core"
	"campuscard/storage/money"
)

type journalInput struct {
	Body struct {
		From  time.Time `json:"from" doc:"By the till's clock"`
		Until time.Time `json:"until" doc:"By the till's clock; when it has heard of all sales before, or taken them back"`
		Keys  []string  `json:"keys" maxItems:"1000" nullable:"false" doc:"Of all sales taken in that time for which a receipt was printed"`
	}
}

// takeJournal keeps what a till says that it has printed (E3): a sale that is not there is one whose answer it has not
// seen.
func (s *Server) takeJournal(ctx context.Context, in *journalInput) (*core.NoContent, error) {
	return &core.NoContent{}, s.Store.Money.TakeJournal(ctx, *core.TillOf(ctx),
		money.TillJournal{From: in.Body.From, Until: in.Body.Until, Keys: in.Body.Keys})
}
