package school

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says where the school's systems are.
type Config struct {
	// BaseURL is where all systems live: {BaseURL}/{system}/{university}/v1/…, city-wide ones {BaseURL}/{system}/v1/….
	BaseURL string
	// Addresses overrides BaseURL for single systems: "academic/lcu" or "face" to the address that /v1/… follows.
	Addresses map[string]string
	// APIKey is sent as a bearer token to every system.
	APIKey string
	// SMTPAddress is host:port of the mail server, MailFrom the sender of every mail.
	SMTPAddress, MailFrom string
	// Timeout limits one call, 5 seconds by default; the context may be shorter.
	Timeout time.Duration
}

// Systems are the school's other systems. All are safe for use by many goroutines.
//
// Their methods return campus errors: Unavailable (down, slow, overloaded, or our key is not taken), BadAnswer (an
// answer that cannot be read or is not about what was asked), NotFound, Conflict and Refused (the system looked at it
// and said no; its own code is the Reason), Invalid (the call could not be made at all). If the caller's context ended,
// the context's error is wrapped. No error text holds personal data.
type Systems struct {
	Academic *Academic
	Carrier  *Carrier
	Face     *Face
	Bureau   *Bureau
	Access   *Access
	Library  *Library
	Canteen  *Canteen
	SMS      *SMS
	Mail     *Mail

	HR            *HR
	International *International
	Services      *Services
	Wallets       *Wallets
	Bank          *Bank
	clients       []*client // of the systems over HTTP
}

// New prepares the clients; it calls nobody.
func New(cfg Config) (*Systems, error) {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 5 * time.Second
	}
	if err := checkAddresses(cfg); err != nil {
		return nil, err
	}
	timing, err := newTiming()
	if err != nil {
		return nil, err
	}
	mail, err := newMail(cfg)
	if err != nil {
		return nil, err
	}
	mail.timing = timing
	transport := newTransport() // one pool of connections for all
	var clients []*client
	system := func(name string) *client {
		c := &client{system: name, cfg: cfg, web: newWeb(name, transport), timing: timing}
		clients = append(clients, c)
		return c
	}
	systems := &Systems{
		Academic: &Academic{system("academic")},
		Carrier:  &Carrier{system("carrier")},
		Face:     &Face{system("face")},
		Bureau:   &Bureau{system("bureau")},
		Access:   &Access{system("access")},
		Library:  &Library{system("library")},
		Canteen:  &Canteen{system("canteen")},
		SMS:      &SMS{system("sms")},
		Mail:     mail,

		HR:            &HR{system("hr")},
		International: &International{system("international")},
		Services:      &Services{cfg, transport, timing},
		Wallets:       &Wallets{cfg, transport, timing},
		// It is reached as the channel of its name is, and not looked at twice.
		Bank: &Bank{&client{system: BankSystem, cfg: cfg, web: newWeb(BankSystem, transport), timing: timing}},
	}
	systems.clients = clients
	return systems, nil
}

func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns = 256
	t.MaxIdleConnsPerHost = 64 // a page of people is worked in parallel against one system
	return t
}

func newWeb(system string, transport *http.Transport) *http.Client {
	return &http.Client{
		Transport: traced{system, transport},
		// A redirect would carry the API key elsewhere; it is read as a bad answer.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func checkAddresses(cfg Config) error {
	addresses := map[string]string{"base URL": cfg.BaseURL}
	for name, address := range cfg.Addresses {
		addresses["address of "+name] = address
	}
	for name, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("%s of the school's systems: want http(s)://host…, got %q", name, address)
		}
	}
	return nil
}

// base returns the address that /v1/… follows.
func (cfg Config) base(system, university string) string {
	place := system
	if university != "" {
		place += "/" + university
	}
	if address, ok := cfg.Addresses[place]; ok {
		return strings.TrimRight(address, "/")
	}
	return strings.TrimRight(cfg.BaseURL, "/") + "/" + place
}
