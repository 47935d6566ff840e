package doctor

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"campuscard/campus"
	"campuscard/school"
)

// readKey returns a key of 32 bytes, or nil.
func readKey(text string) []byte {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != 32 {
		return nil
	}
	return key
}

// lookAtSettings tells whether the addresses can be understood at all.
func (d *doctor) lookAtSettings(context.Context) []Finding {
	if err := errors.Join(d.storeErr, d.systemsErr); err != nil {
		return fail("settings.wrong", values{"error": oneLine(err)})
	}
	return well("settings.fine", nil)
}

// The shortest secrets that nobody guesses, in bytes; Standard Webhooks asks for 24.
const (
	callbackSecret = 24
	schoolKey      = 16
)

// lookAtSecrets looks at their form. No value, and no part of one, is ever shown.
func (d *doctor) lookAtSecrets(context.Context) []Finding {
	var missing, malformed []string
	for _, secret := range []struct {
		name, value string
		good        bool
	}{
		{"DATABASE_URL", d.DatabaseURL, true},
		{"DATA_KEY", d.DataKey, d.data != nil},
		{"PEPPER", d.Pepper, d.pepper != nil},
		{"S3_ACCESS_KEY", d.Objects.AccessKey, true},
		{"S3_SECRET_KEY", d.Objects.SecretKey, true},
		{"SCHOOL_API_KEY", d.School.APIKey, len(d.School.APIKey) >= schoolKey},
		{"CALLBACK_SECRET", d.CallbackSecret, isCallbackSecret(d.CallbackSecret)},
		{"HR_CALLBACK_SECRETS", strings.Join(slices.Collect(maps.Values(d.HRSecrets)), ""), d.haveSecretsOfHR()},
		{"CHANNEL_SECRETS", strings.Join(slices.Collect(maps.Values(d.ChannelSecrets)), ""), d.haveSecretsOfChannels()},
		{"CHIP_KEYS", strings.Join(slices.Collect(maps.Values(d.ChipKeys)), ""), d.haveChipKeys()},
	} {
		switch {
		case secret.value == "":
			missing = append(missing, secret.name)
		case !secret.good:
			malformed = append(malformed, secret.name)
		}
	}
	switch {
	case len(missing) > 0:
		return fail("secrets.missing", values{"names": strings.Join(missing, ", ")})
	case len(malformed) > 0:
		return fail("secrets.malformed", values{"names": strings.Join(malformed, ", ")})
	case d.DataKey == d.Pepper:
		return fail("secrets.same", nil)
	}
	return well("secrets.fine", nil)
}

// haveSecretsOfHR tells whether the HR system of each university that is named has a secret of its own.
func (d *doctor) haveSecretsOfHR() bool {
	return allCallbackSecrets(d.HRSecrets) && school.CheckSecretsOfHR(d.HRSecrets) == nil
}

// haveSecretsOfChannels tells the same of the channels by which cards are topped up.
func (d *doctor) haveSecretsOfChannels() bool {
	return allCallbackSecrets(d.ChannelSecrets) && school.CheckSecretsOfChannels(d.ChannelSecrets) == nil
}

// haveChipKeys tells whether the master keys of chips are keys.
func (d *doctor) haveChipKeys() bool {
	_, err := campus.ParseChipKeys(d.ChipKeys)
	return err == nil
}

func allCallbackSecrets(secrets map[string]string) bool {
	for _, secret := range secrets {
		if !isCallbackSecret(secret) {
			return false
		}
	}
	return true
}

func isCallbackSecret(text string) bool {
	encoded, marked := strings.CutPrefix(text, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	return marked && err == nil && len(key) >= callbackSecret
}

func (d *doctor) lookAtPolicy(context.Context) []Finding {
	if d.policyErr != nil {
		return fail("policy.wrong", values{"error": oneLine(d.policyErr)})
	}
	return well("policy.fine", values{"version": d.policies.Version()})
}

// lookAtCalendar tells whether the holidays of the days to come are known at every university (D2). Without them what
// is promised at the end of December is an estimate.
func (d *doctor) lookAtCalendar(context.Context) []Finding {
	today, ahead := campus.DateOf(d.Now()), d.watch().CalendarAhead.Std()
	if !d.policies.CountRealDays() {
		return well("calendar.short", nil)
	}
	if unknown := d.policies.NotAnnounced(today, ahead); len(unknown) > 0 {
		return warn("calendar.unknown", values{"year": strconv.Itoa(unknown[0])})
	}
	return well("calendar.fine", values{"year": strconv.Itoa(campus.DateOf(today.Start().Add(ahead)).Year)})
}

// lookAtCertificates looks how long the certificates of our counterparts are good.
func (d *doctor) lookAtCertificates(ctx context.Context) []Finding {
	var found []Finding
	hosts := d.hostsOverTLS()
	for _, host := range hosts {
		ends, err := certificateEnd(ctx, host)
		left := ends.Sub(d.Now())
		switch {
		case err != nil:
			found = append(found, fail("certificates.wrong", values{"host": host, "error": oneLine(err)})...)
		case left < d.watch().Certificate.Std():
			found = append(found, warn("certificates.ending", values{"host": host, "days": days(left)})...)
		}
	}
	if len(found) == 0 {
		return well("certificates.fine", values{"count": strconv.Itoa(len(hosts))})
	}
	return found
}

func (d *doctor) hostsOverTLS() []string {
	addresses := []string{d.Objects.Endpoint, d.School.BaseURL}
	for _, address := range d.School.Addresses {
		addresses = append(addresses, address)
	}
	var hosts []string
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" {
			continue
		}
		port := u.Port()
		if port == "" {
			port = "443"
		}
		hosts = append(hosts, net.JoinHostPort(u.Hostname(), port))
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// certificateEnd returns when the first certificate of a server's chain ends.
func certificateEnd(ctx context.Context, host string) (time.Time, error) {
	conn, err := new(tls.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return time.Time{}, err
	}
	defer conn.Close() //nolint:errcheck // nothing is lost
	var ends time.Time
	for _, certificate := range conn.(*tls.Conn).ConnectionState().PeerCertificates {
		if ends.IsZero() || certificate.NotAfter.Before(ends) {
			ends = certificate.NotAfter
		}
	}
	return ends, nil
}

func (d *doctor) lookAtDisk(context.Context) []Finding {
	if d.Folder == "" {
		return well("disk.elsewhere", nil)
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(d.Folder, &disk); err != nil {
		return warn("disk.unknown", values{"folder": d.Folder, "error": err.Error()})
	}
	used := 100
	if disk.Blocks > 0 { // what root keeps for itself is not ours
		used = 100 - int(disk.Bavail*100/disk.Blocks)
	}
	seen := values{"folder": d.Folder, "used": strconv.Itoa(used)}
	switch limit := d.watch().Disk; {
	case used >= (100+limit)/2:
		return fail("disk.full", seen)
	case used >= limit:
		return warn("disk.full", seen)
	}
	return well("disk.fine", seen)
}
