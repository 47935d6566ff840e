package simulator

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net/http"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
	"go.etcd.io/bbolt"
)

// mail is a mail that was caught. Copies counts how often it came; more than one means that a sender repeated it.
type mail struct {
	MessageID string    `json:"message_id"`
	To        []string  `json:"to"`
	Subject   string    `json:"subject"`
	Text      string    `json:"text"`
	At        time.Time `json:"at"`
	Copies    int       `json:"copies"`
}

func (s *Simulator) mailServer() *smtp.Server {
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{sim: s}, nil }))
	server.Domain = "simulator.example"
	server.MaxMessageBytes = 1 << 20
	server.ReadTimeout, server.WriteTimeout = 30*time.Second, 30*time.Second
	server.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)
	return server
}

// mailSession is one connection of a sender.
type mailSession struct {
	sim *Simulator
	to  []string
}

// Mail implements smtp.Session.
func (m *mailSession) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt implements smtp.Session.
func (m *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	m.to = append(m.to, to)
	return nil
}

// Reset implements smtp.Session.
func (m *mailSession) Reset() { m.to = nil }

// Logout implements smtp.Session.
func (m *mailSession) Logout() error { return nil }

// Data implements smtp.Session: the mail is on disk before it is taken.
func (m *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	caught, err := readMail(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "not a mail"}
	}
	caught.To = m.to
	f, err := m.sim.fault("mail", "")
	if err != nil {
		return err
	}
	later := &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "try again later"}
	ctx := context.Background() // SMTP does not tell when the sender goes away; the wait is as long as was asked for
	if f.Mode == "malformed" && f.hits || !f.before(ctx) {
		return later
	}
	if err := m.sim.keepMail(caught, f); err != nil {
		return err
	}
	if f.after(ctx, answer{Status: http.StatusOK}).Status != http.StatusOK {
		return later
	}
	return nil
}

// keepMail keeps the first copy of a mail, and counts the others.
func (s *Simulator) keepMail(m mail, f fault) error {
	return s.store.update(func(tx *bbolt.Tx) error {
		first, found, err := get[mail](tx, mailBucket, m.MessageID)
		if err != nil {
			return err
		}
		logged := loggedCall{At: m.At, System: "mail", Operation: "mail", Reference: m.MessageID, Key: m.MessageID,
			Status: http.StatusOK, Fault: f.shown(), Replayed: found}
		if err := add(tx, callBucket, logged); err != nil {
			return err
		}
		if found {
			first.Copies++
			return put(tx, mailBucket, m.MessageID, first)
		}
		if err := put(tx, mailBucket, m.MessageID, m); err != nil {
			return err
		}
		return add(tx, effectBucket,
			effect{At: m.At, System: "mail", Operation: "mail", Reference: m.MessageID, Key: m.MessageID})
	})
}

func readMail(raw []byte) (mail, error) {
	msg, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return mail{}, fmt.Errorf("read a mail: %w", err)
	}
	id := strings.Trim(msg.Header.Get("Message-ID"), "<> ")
	if id == "" {
		return mail{}, fmt.Errorf("a mail without a Message-ID")
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil {
		return mail{}, fmt.Errorf("subject of a mail: %w", err)
	}
	text, err := io.ReadAll(decoded(msg.Body, msg.Header.Get("Content-Transfer-Encoding")))
	if err != nil {
		return mail{}, fmt.Errorf("text of a mail: %w", err)
	}
	return mail{MessageID: id, Subject: subject, Text: strings.TrimRight(string(text), "\r\n"), At: now(), Copies: 1}, nil
}

func decoded(body io.Reader, encoding string) io.Reader {
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body)
	}
	return body
}

func (s *Simulator) listMails(w http.ResponseWriter, r *http.Request) {
	to := r.URL.Query().Get("to")
	match := func(m mail) bool { return to == "" || strings.EqualFold(strings.Join(m.To, ","), to) }
	list(s, w, r, mailBucket, "mails", match)
}
