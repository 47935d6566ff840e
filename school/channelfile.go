package school

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"campuscard/campus"
)

// ChannelFileLine is a line of a channel's file of a day: what was paid, or paid back, by the channel's clock (L2).
type ChannelFileLine struct {
	Kind        string `json:"kind"` // payment, refund
	Ref         string `json:"ref"`  // the channel's name of the payment, or our id of the refund
	AmountCents int64  `json:"amount_cents"`
	Currency    string `json:"currency"`
}

func (l *ChannelFileLine) complete() bool {
	return (l.Kind == string(campus.PaymentLine) || l.Kind == string(campus.RefundLine)) && l.Ref != "" && opaque(l.Ref) &&
		isCurrency(l.Currency) && campus.CheckAmount(l.AmountCents) == nil
}

// ChannelFilePage is a page of a channel's file of a day.
type ChannelFilePage struct {
	Day   campus.Date       `json:"day"`
	Lines []ChannelFileLine `json:"lines"`
	More  bool              `json:"more"`
}

// ChannelFileLines are the most lines of one page.
const ChannelFileLines = 1000

func (p *ChannelFilePage) complete() bool {
	return p.Lines != nil && len(p.Lines) <= ChannelFileLines && (!p.More || len(p.Lines) > 0) &&
		!slices.ContainsFunc(p.Lines, func(l ChannelFileLine) bool { return !l.complete() })
}

// File reads a page of a channel's file of a day that is over, after so many lines. NotFound: there is none yet.
func (s *Wallets) File(ctx context.Context, channel, university string, day campus.Date, after int) (p ChannelFilePage,
	err error) {
	c, err := s.client(channel)
	if err != nil {
		return p, err
	}
	r := call{method: http.MethodGet, university: university, path: []string{"files", day.String()},
		query: url.Values{"after": {strconv.Itoa(after)}, "limit": {strconv.Itoa(ChannelFileLines)}}}
	if err := c.json(ctx, r, &p); err != nil {
		return ChannelFilePage{}, err
	}
	if p.Day != day {
		return ChannelFilePage{}, c.badAnswer("about another day")
	}
	return p, nil
}
