// Package campus is the domain: nouns, rules, money, working days, policy and errors.
//
// Everything here is pure: no I/O, no clock, no randomness. What a rule needs to know is handed in.
package campus
