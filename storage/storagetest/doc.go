// Package storagetest gives a test a house of its own: a database cloned from a migrated template, a bucket, a clock,
// and factories with sane defaults. It holds no assertion about what the product does.
package storagetest
