package campus

// PortraitPolicy holds the numbers of the portraits that cards show (D5).
type PortraitPolicy struct {
	MostBytes int      `yaml:"most_bytes"`
	Again     Duration `yaml:"again"` // when the register has none, or none that can be shown
}

func (p PortraitPolicy) check() error {
	if p.MostBytes < 1 || p.Again <= 0 {
		return Errorf(Invalid, "", "policy portrait: most_bytes and again must be more than nothing")
	}
	return nil
}
