// Package workflowtest gives a test of the processes a house of its own: a store, a simulator of the school that it
// talks to over HTTP, students of that school, and what people decide. It holds no assertion about what the product
// does.
package workflowtest
