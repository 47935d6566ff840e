// Package simulator stands in for the school's other systems in development: an HTTP API each, SMTP, and an admin side.
//
// It keeps its own state on disk and knows nothing of cases or cards; the product must never import it outside main.
package simulator
