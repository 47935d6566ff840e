package money

// Refusal is refusal, for tests of every constraint.
func Refusal(err error) error { return refusal(err) }
