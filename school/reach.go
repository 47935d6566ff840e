package school

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"campuscard/campus"
)

// Reach looks whether every system answers at all, at each university's address of it, and answers what is wrong by
// system; nil is well. services are the systems of packages, channels those by which cards are topped up. It asks for
// nothing: an address that knows no such page has answered too. Mail is greeted.
func (s *Systems) Reach(ctx context.Context, universities, services, channels []string) map[string]error {
	clients := slices.Clone(s.clients)
	for _, system := range services {
		if c, err := s.Services.client(system); err == nil {
			clients = append(clients, c)
		}
	}
	for _, channel := range channels {
		if c, err := s.Wallets.client(channel); err == nil {
			clients = append(clients, c)
		}
	}
	type result struct {
		system string
		err    error
	}
	results := make(chan result)
	for _, c := range clients {
		go func() { results <- result{c.system, c.reach(ctx, universities)} }()
	}
	go func() { results <- result{"mail", s.Mail.reach(ctx)} }()
	found := map[string]error{}
	for range len(clients) + 1 {
		r := <-results
		found[r.system] = r.err
	}
	return found
}

// reach asks at every address of the system, which may be the same for all universities.
func (c *client) reach(ctx context.Context, universities []string) error {
	addresses := map[string]bool{}
	for _, university := range universities {
		addresses[c.cfg.home(c.system, university)] = true
	}
	if len(addresses) == 0 {
		addresses[c.cfg.home(c.system, "")] = true
	}
	for _, address := range slices.Sorted(maps.Keys(addresses)) {
		if err := c.knock(ctx, address); err != nil {
			return err
		}
	}
	return nil
}

// home returns where a system answers for a university: an address of its own, of the system, or the common one.
func (cfg Config) home(system, university string) string {
	for _, place := range []string{system + "/" + university, system} {
		if address, ok := cfg.Addresses[place]; ok {
			return address
		}
	}
	return cfg.BaseURL
}

func (c *client) knock(ctx context.Context, address string) error {
	limited, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodGet, address, http.NoBody)
	if err != nil {
		return campus.Errorf(campus.Invalid, "", "%s: its address is not valid", c.system)
	}
	answer, err := c.web.Do(request)
	if err != nil {
		return c.unreachable(ctx, limited, err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	if answer.StatusCode >= http.StatusInternalServerError {
		return c.unavailable("answered %d", answer.StatusCode)
	}
	return nil
}

// reach greets the mail server and goes.
func (m *Mail) reach(ctx context.Context) error {
	if m.host == "" {
		return campus.Errorf(campus.Unavailable, "", "mail: no mail server is configured")
	}
	client, err := m.client()
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, m.cfg.Timeout)
	defer cancel()
	if err := client.DialWithContext(limited); err != nil {
		return m.failure(ctx, err)
	}
	if err := client.Close(); err != nil {
		return fmt.Errorf("mail: say goodbye: %w", err)
	}
	return nil
}
