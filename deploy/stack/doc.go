// Package stack runs the development stack: Postgres, Temporal with its UI, S3, the school simulator, api and worker,
// as detached processes on loopback. It knows programs, ports and files, and imports nothing else of this module.
package stack
