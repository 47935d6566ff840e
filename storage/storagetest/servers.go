package storagetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"campuscard/deploy/stack"
	"campuscard/storage"
)

// servers are the Postgres and the S3 that all tests share.
type servers struct {
	ownerURL string // of the role that makes databases and owns their schema
	program  string // the URL of the role that the program has
	objects  storage.ObjectsConfig
	client   *minio.Client
	template string
}

// findServers starts what does not run and makes the template, once for each test process.
// A variable, because a process has one environment and starting it is what must happen once.
var findServers = sync.OnceValues(func() (*servers, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	opts, err := stack.TestOptions(nil)
	if err != nil {
		return nil, err
	}
	running, err := stack.Open(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("open the test stack: %w", err)
	}
	if err := running.Up(ctx, stack.Postgres, stack.S3); err != nil {
		return nil, fmt.Errorf("start the test stack: %w", err)
	}
	env := running.Env()
	s := &servers{ownerURL: env["DATABASE_OWNER_URL"], program: env["DATABASE_URL"], objects: storage.ObjectsConfig{
		Endpoint: env["S3_ENDPOINT"], AccessKey: env["S3_ACCESS_KEY"], SecretKey: env["S3_SECRET_KEY"],
	}}
	return s, errors.Join(s.openClient(), s.makeTemplate(ctx))
})

func (s *servers) openClient() error {
	endpoint, err := url.Parse(s.objects.Endpoint)
	if err != nil {
		return fmt.Errorf("read S3_ENDPOINT: %w", err)
	}
	s.client, err = minio.New(endpoint.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(s.objects.AccessKey, s.objects.SecretKey, ""),
		Secure: endpoint.Scheme == "https", Region: "us-east-1",
	})
	return err
}

// config has fixed keys, so that a database looked at after a failed test can be opened.
func (s *servers) config(databaseURL, bucket string) storage.Config {
	data, pepper := sha256.Sum256([]byte("test data key")), sha256.Sum256([]byte("test pepper"))
	objects := s.objects
	objects.Bucket = bucket
	return storage.Config{
		DatabaseURL: databaseURL, Objects: objects, Keys: storage.Keys{Data: data[:], Pepper: pepper[:]},
	}
}

// bucketName returns the database's name as S3 allows it.
func bucketName(database string) string { return strings.ReplaceAll(database, "_", "-") }

func (s *servers) makeBucket(ctx context.Context, name string) error {
	return s.client.MakeBucket(ctx, name, minio.MakeBucketOptions{})
}

func (s *servers) dropBucket(ctx context.Context, name string) error {
	for object := range s.client.ListObjectsIter(ctx, name, minio.ListObjectsOptions{Recursive: true}) {
		if minio.ToErrorResponse(object.Err).Code == minio.NoSuchBucket { // its test was killed before it made one
			return nil
		}
		if object.Err != nil {
			return object.Err
		}
		if err := s.client.RemoveObject(ctx, name, object.Key, minio.RemoveObjectOptions{}); err != nil {
			return err
		}
	}
	return s.client.RemoveBucket(ctx, name)
}

// migrate makes the schema in an empty database, as its owner.
func (s *servers) migrate(ctx context.Context, database string) error {
	program, err := storage.RoleOf(s.program)
	if err != nil {
		return err
	}
	config := s.config(at(s.ownerURL, database), "campuscard-template")
	store, err := storage.Open(ctx, config, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer store.Close()
	return store.Migrate(ctx, program)
}
