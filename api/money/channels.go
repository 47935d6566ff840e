package money

import (
	"context"
	"maps"
	"slices"

	"campuscard/api/core"
)

// TopUpChannelView is a way to top up a card.
type TopUpChannelView struct {
	Channel     string `json:"channel"`
	ChannelText string `json:"channel_text"`
	LeastCents  int64  `json:"least_cents" doc:"Of one top-up"`
	MostCents   int64  `json:"most_cents" doc:"Of one top-up"`
}

// TopUpChannelsView is how a card can be topped up, and what bounds it.
type TopUpChannelsView struct {
	Channels     []TopUpChannelView `json:"channels" nullable:"false" doc:"Cash is brought to a counter; it is asked for nowhere"`
	CeilingCents int64              `json:"ceiling_cents" doc:"What the main purse may hold, with what is asked for and not paid yet"`
	OpenMost     int                `json:"open_most" doc:"How many top-ups may be asked for that are not paid yet"`
	Minutes      int                `json:"minutes" doc:"How long one may be paid for"`
}

// listChannels tells a holder the ways to top up a card (L2), by the policy of their university.
func (s *Server) listChannels(ctx context.Context, _ *struct{}) (*core.Answer[TopUpChannelsView], error) {
	in, terms := core.Language(ctx), s.Policies.For(core.Person(ctx).University).Money.TopUp
	view := TopUpChannelsView{Channels: []TopUpChannelView{}, CeilingCents: terms.BalanceMost, OpenMost: terms.OpenOrders,
		Minutes: int(terms.OrderLife.Std().Minutes())}
	for _, name := range slices.Sorted(maps.Keys(terms.Channels)) {
		view.Channels = append(view.Channels, TopUpChannelView{Channel: name, ChannelText: channelText(in, name),
			LeastCents: terms.Least, MostCents: terms.Most})
	}
	return core.Answered(view), nil
}
