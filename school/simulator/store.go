package simulator

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// store is the state on disk. bbolt, because each call is then one transaction over everything it touches (answer for
// its key, effect, call log), a kill -9 needs no repair, and the log costs no memory. bbolt commits one transaction at
// a time and its own Batch waits by the clock, so calls that arrive during a commit are gathered into the next one.
type store struct {
	db      *bbolt.DB
	jobs    chan job
	closing chan struct{}
	closed  chan struct{}
}

type job struct {
	change func(*bbolt.Tx) error
	done   chan error
}

const mostAtOnce = 256 // changes in one commit

var errClosed = errors.New("the state is closed")

// The buckets.
const (
	callBucket     = "calls"     // sequence: logged call
	effectBucket   = "effects"   // sequence: effect
	answerBucket   = "answers"   // system, operation and key: the first answer
	personBucket   = "people"    // university/number: changed person
	photoBucket    = "photos"    // university/number: renewed photo
	orderBucket    = "orders"    // order id: order
	plasticBucket  = "plastics"  // reference: order id of the latest order
	dueBucket      = "due"       // time and order id: nothing; orders that move by themselves
	callbackBucket = "callbacks" // subject/sequence: call-back not yet taken
	holderBucket   = "holders"   // system/university/card: reference
	messageBucket  = "messages"  // sequence: short message
	mailBucket     = "mails"     // message id: mail
	settingBucket  = "settings"  // faults, bureau
	batchBucket    = "batches"   // batch id: batch; reference/our id: batch id

	letterBucket       = "letters"       // university/code: letter made or changed
	registrationBucket = "registrations" // university/code: registration of residence made or changed

	walletOrderBucket  = "wallet-orders"  // wallet/university/order: order
	walletRefundBucket = "wallet-refunds" // wallet/university/refund: refund
	payoutBucket       = "payout-files"   // university/file: file
	walletPaidBucket   = "wallet-paid"    // wallet/university/transaction: payment, with what went back of it
)

func buckets() []string {
	return []string{callBucket, effectBucket, answerBucket, personBucket, photoBucket, orderBucket, plasticBucket,
		dueBucket,
		callbackBucket, holderBucket, messageBucket, mailBucket, settingBucket, batchBucket, letterBucket, registrationBucket,
		walletOrderBucket, walletRefundBucket, walletPaidBucket, payoutBucket}
}

func openStore(path string) (*store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: 5 * time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, fmt.Errorf("open the state %s: %w", path, err)
	}
	s := &store{db: db, jobs: make(chan job), closing: make(chan struct{}), closed: make(chan struct{})}
	if err := db.Update(makeBuckets); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	go s.commitAll()
	return s, nil
}

func makeBuckets(tx *bbolt.Tx) error {
	for _, name := range buckets() {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return fmt.Errorf("make bucket %s: %w", name, err)
		}
	}
	return nil
}

// update makes a change and returns when it is on disk. The change must not fail for any but storage's reasons, since
// what came with it is then not made either.
func (s *store) update(change func(*bbolt.Tx) error) error {
	j := job{change, make(chan error, 1)}
	select {
	case s.jobs <- j:
		return <-j.done
	case <-s.closing:
		return errClosed
	}
}

func (s *store) view(look func(*bbolt.Tx) error) error { return s.db.View(look) }

func (s *store) commitAll() {
	defer close(s.closed)
	for {
		select {
		case first := <-s.jobs:
			s.commit(first)
		case <-s.closing:
			return
		}
	}
}

func (s *store) commit(first job) {
	batch := s.gather(first)
	err := s.db.Update(func(tx *bbolt.Tx) error {
		for _, j := range batch {
			if err := j.change(tx); err != nil {
				return err
			}
		}
		return nil
	})
	for _, j := range batch {
		j.done <- err
	}
}

// gather takes what is waiting already, and waits for nothing more.
func (s *store) gather(first job) []job {
	batch := []job{first}
	for len(batch) < mostAtOnce {
		select {
		case j := <-s.jobs:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

func (s *store) close() error {
	close(s.closing)
	<-s.closed
	return s.db.Close()
}

// get reads a record; false if there is none.
func get[T any](tx *bbolt.Tx, bucket, key string) (record T, found bool, err error) {
	raw := tx.Bucket([]byte(bucket)).Get([]byte(key))
	if raw == nil {
		return record, false, nil
	}
	if err := json.Unmarshal(raw, &record); err != nil {
		return record, false, fmt.Errorf("read %s from %s: %w", key, bucket, err)
	}
	return record, true, nil
}

func put(tx *bbolt.Tx, bucket, key string, record any) error {
	raw, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("write %s to %s: %w", key, bucket, err)
	}
	return tx.Bucket([]byte(bucket)).Put([]byte(key), raw)
}

// add appends a record to a bucket in the order of time.
func add(tx *bbolt.Tx, bucket string, record any) error {
	b := tx.Bucket([]byte(bucket))
	b.FillPercent = 0.95 // nothing is ever put in between
	n, err := b.NextSequence()
	if err != nil {
		return fmt.Errorf("number a record of %s: %w", bucket, err)
	}
	raw, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("write a record of %s: %w", bucket, err)
	}
	return b.Put(binary.BigEndian.AppendUint64(nil, n), raw)
}
