// Package school holds the typed clients of the school's other systems, a file each, and the signature of their
// call-backs.
//
// It asks and tells; what an answer means for a case is decided elsewhere, and nothing is kept here.
package school
