package school

import (
	"context"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"go.opentelemetry.io/otel/metric"

	"campuscard/campus"
)

// Mail sends over SMTP, with TLS where the server offers it.
type Mail struct {
	cfg    Config
	host   string
	port   int
	domain string // right side of message ids
	timing metric.Float64Histogram
}

func newMail(cfg Config) (*Mail, error) {
	m := &Mail{cfg: cfg}
	if cfg.SMTPAddress == "" {
		return m, nil // a deployment without mail; Send says so
	}
	host, port, err := net.SplitHostPort(cfg.SMTPAddress)
	if err != nil {
		return nil, fmt.Errorf("address of the mail server: %w", err)
	}
	m.host = host
	if m.port, err = strconv.Atoi(port); err != nil {
		return nil, fmt.Errorf("port of the mail server: %w", err)
	}
	from, err := netmail.ParseAddress(cfg.MailFrom)
	if err != nil {
		return nil, fmt.Errorf("sender of mail: %w", err)
	}
	_, m.domain, _ = strings.Cut(from.Address, "@")
	return m, nil
}

// Send delivers a plain-text mail to the mail server. The message id becomes the Message-ID, by which a repeated mail
// can be told; it must be of letters, digits, '.', '-' and '_'. Refused if the server does not take the recipient.
func (m *Mail) Send(ctx context.Context, messageID, to, subject, text string) (err error) {
	defer measure(ctx, m.timing, "mail", time.Now(), &err)
	if m.host == "" {
		return campus.Errorf(campus.Unavailable, "", "mail: no mail server is configured")
	}
	msg, err := m.message(messageID, to, subject, text)
	if err != nil {
		return err
	}
	client, err := m.client()
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, m.cfg.Timeout)
	defer cancel()
	return m.failure(ctx, client.DialAndSendWithContext(limited, msg))
}

func (m *Mail) client() (*mail.Client, error) {
	client, err := mail.NewClient(m.host, mail.WithPort(m.port), mail.WithTimeout(m.cfg.Timeout),
		mail.WithTLSPolicy(mail.TLSOpportunistic), mail.WithHELO(m.domain))
	if err != nil {
		return nil, fmt.Errorf("mail: prepare: %w", err)
	}
	return client, nil
}

func (m *Mail) message(id, to, subject, text string) (*mail.Msg, error) {
	if id == "" || strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != "" {
		return nil, campus.Errorf(campus.Invalid, "", "mail: the message id is not of letters, digits, '.', '-' and '_'")
	}
	if strings.ContainsAny(subject, "\r\n") {
		return nil, campus.Errorf(campus.Invalid, "", "mail: the subject has more than one line")
	}
	msg := mail.NewMsg(mail.WithCharset(mail.CharsetUTF8))
	if err := msg.From(m.cfg.MailFrom); err != nil {
		return nil, fmt.Errorf("mail: sender: %w", err)
	}
	if err := msg.To(to); err != nil { // the error would quote the address
		return nil, campus.Errorf(campus.Invalid, "", "mail: the recipient is not an address")
	}
	msg.SetMessageIDWithValue(id + "@" + m.domain)
	msg.SetDate()
	msg.Subject(subject)
	msg.SetBodyString(mail.TypeTextPlain, text)
	return msg, nil
}

// failure sorts what SMTP answers: 5xx is final, everything else may pass. Texts are left out, servers quote addresses.
func (m *Mail) failure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("mail: %w", ctx.Err())
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", campus.Errorf(campus.Unavailable, "", "mail: not sent in time"), ctx.Err())
	}
	if sent, ok := errors.AsType[*mail.SendError](err); ok && sent.ErrorCode() >= 500 {
		return campus.Errorf(campus.Refused, "", "mail: the server answered %d", sent.ErrorCode())
	}
	return campus.Errorf(campus.Unavailable, "", "mail: the server cannot be reached or did not take the mail")
}
