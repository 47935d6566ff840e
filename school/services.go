package school

import (
	"context"
	"net/http"
	"regexp"

	"go.opentelemetry.io/otel/metric"

	"campuscard/campus"
)

// Services are the systems behind value-added services (C2), such as dormitory-power or laundry. Which there are is
// configuration; each is a system of its own, with its own address, and they all speak alike.
type Services struct {
	cfg       Config
	transport *http.Transport
	timing    metric.Float64Histogram
}

var serviceName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// IsServiceName tells whether the text can be the name of a service: it is part of an address, and must not lead to
// another one.
func IsServiceName(system string) bool { return serviceName.MatchString(system) }

// client returns the client of one service. It is made for each call; the connections are everybody's.
func (s *Services) client(system string) (*client, error) {
	if !IsServiceName(system) {
		return nil, campus.Errorf(campus.Invalid, "", "value-added service: its name is not short words with hyphens")
	}
	return &client{system: system, cfg: s.cfg, web: newWeb(system, s.transport), timing: s.timing}, nil
}

// Subscribe makes the holder known to a service; the same key subscribes once.
func (s *Services) Subscribe(ctx context.Context, system, university, key string, h Holder) (Grant, error) {
	c, err := s.client(system)
	if err != nil {
		return Grant{}, err
	}
	return c.open(ctx, university, "subscriptions", key, h)
}

// Unsubscribe takes the card out of a service. A card that is not subscribed is no error.
func (s *Services) Unsubscribe(ctx context.Context, system, university, key, cardID string) error {
	c, err := s.client(system)
	if err != nil {
		return err
	}
	return c.close(ctx, university, "subscriptions", key, cardID)
}
