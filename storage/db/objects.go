package db

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"go.opentelemetry.io/otel/metric"

	"campuscard/campus"
)

// ObjectsConfig says where the object files are. Endpoint is a URL; its scheme decides on TLS.
type ObjectsConfig struct {
	Endpoint  string
	AccessKey string
	SecretKey string
	Bucket    string
}

// objects is the bucket. It holds sealed bytes only, so whoever can read the bucket reads nothing.
type objects struct {
	Client *minio.Client
	Bucket string
	timing metric.Float64Histogram
}

// objectRegion is what S3 asks for and neither versitygw nor MinIO looks at. Naming it saves a question before the
// first call.
const objectRegion = "us-east-1"

func openObjects(cfg ObjectsConfig) (*objects, error) {
	endpoint, err := url.Parse(cfg.Endpoint)
	if err != nil || endpoint.Host == "" {
		return nil, errors.New("S3_ENDPOINT is not a URL such as http://127.0.0.1:7216")
	}
	if cfg.Bucket == "" {
		return nil, errors.New("S3_BUCKET is empty")
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:      credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""),
		Secure:     endpoint.Scheme == "https",
		Region:     objectRegion,
		MaxRetries: 2, // a person waits; whoever needs more patience is an activity and has its own
	})
	if err != nil {
		return nil, fmt.Errorf("open the object store: %w", err)
	}
	timing, err := objectTiming()
	if err != nil {
		return nil, err
	}
	return &objects{Client: client, Bucket: cfg.Bucket, timing: timing}, nil
}

// makeBucket makes the bucket unless it is there.
func (o *objects) makeBucket(ctx context.Context) error {
	err := o.Client.MakeBucket(ctx, o.Bucket, minio.MakeBucketOptions{Region: objectRegion})
	switch minio.ToErrorResponse(err).Code {
	case "BucketAlreadyOwnedByYou", "BucketAlreadyExists":
		return nil
	}
	return ObjectError("make the bucket", err)
}

// Put keeps sealed content under a key.
func (o *objects) Put(ctx context.Context, key string, sealed []byte) (err error) {
	defer o.measure(ctx, "put", time.Now(), &err)
	_, err = o.Client.PutObject(ctx, o.Bucket, key, bytes.NewReader(sealed), int64(len(sealed)),
		minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: true})
	return ObjectError("keep a file", err)
}

// Get answers the sealed content under a key. Errors are those of ObjectError.
func (o *objects) Get(ctx context.Context, key string) (content []byte, err error) {
	defer o.measure(ctx, "get", time.Now(), &err)
	// The core's answer is the body itself; the client's would seek, with a goroutine and a channel for each read.
	object, _, _, err := minio.Core{Client: o.Client}.GetObject(ctx, o.Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, ObjectError("fetch a file", err)
	}
	defer object.Close() //nolint:errcheck // only read
	content, err = io.ReadAll(object)
	return content, ObjectError("fetch a file", err)
}

// Delete is content when the objects are gone already. It answers which stay, with the reason of each.
func (o *objects) Delete(ctx context.Context, keys ...string) (left []string, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	defer o.measure(ctx, "delete", time.Now(), &err)
	if len(keys) == 1 {
		if err = o.Client.RemoveObject(ctx, o.Bucket, keys[0], minio.RemoveObjectOptions{}); err != nil {
			left = keys
		}
		return left, ObjectError("delete a file", err)
	}
	named := make(chan minio.ObjectInfo, len(keys))
	for _, key := range keys {
		named <- minio.ObjectInfo{Key: key}
	}
	close(named)
	for failed := range o.Client.RemoveObjects(ctx, o.Bucket, named, minio.RemoveObjectsOptions{}) {
		left, err = append(left, failed.ObjectName), errors.Join(err, ObjectError("delete a file", failed.Err))
	}
	if slices.Contains(left, "") { // the answer as a whole was none: nobody knows
		left = keys
	}
	return left, err
}

// ObjectError tells an outage of the object store from a fault of ours. Keys are random and may be named.
func ObjectError(what string, err error) error {
	if err == nil {
		return nil
	}
	answer := minio.ToErrorResponse(err)
	switch {
	case answer.Code == minio.NoSuchKey:
		return campus.Errorf(campus.NotFound, "file_gone", "%s: it is not there", what)
	case answer.StatusCode >= http.StatusInternalServerError, answer.StatusCode == http.StatusTooManyRequests,
		isBroken(err):
		return campus.Errorf(campus.Unavailable, campus.ObjectsDown, "%s: the object store does not answer", what)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// ObjectsReady tells whether the object store answers and has our bucket; without it NotFound.
func (s *DB) ObjectsReady(ctx context.Context) error {
	there, err := s.Objects.Client.BucketExists(ctx, s.Objects.Bucket)
	if err == nil && !there {
		return campus.Errorf(campus.NotFound, "", "the bucket %s is not there", s.Objects.Bucket)
	}
	return ObjectError("look for the bucket", err)
}

// Discard takes an object away that no row points to. After an outage the row may be there although nobody told us:
// then the object stays, sealed, and the sweep of unused files finds it by its row or leaves it.
func (s *DB) Discard(ctx context.Context, key string, err error) {
	if campus.CodeOf(err).Retryable() {
		return
	}
	if _, err := s.Objects.Delete(context.WithoutCancel(ctx), key); err != nil {
		s.Log.WarnContext(ctx, "an object without a row stays", "object", key, "error", err)
	}
}
