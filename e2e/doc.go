// Package e2e tests the whole product from outside: the real binary, on the real servers, playing the stories of
// e2e/story. There is no code of the product here. What kills servers that other tests use has a stack of its own.
package e2e
