package campus

// FramePolicy holds what the face service takes as a live frame (B1). A frame beyond it is refused when it is sent: the
// service would refuse it later, when nobody is in front of the camera any more.
type FramePolicy struct {
	MinSide  int `yaml:"min_side" json:"min_side"` // pixels, of width and height
	MaxSide  int `yaml:"max_side" json:"max_side"`
	MaxBytes int `yaml:"max_bytes" json:"max_bytes"`
}

// Check tells whether a picture of that size can be a live frame. Invalid: frame_small; TooLarge: frame_large.
func (p FramePolicy) Check(width, height, bytes int) error {
	switch {
	case min(width, height) < p.MinSide:
		return FieldErrorf("file", "frame_small", "a live frame has at least %d pixels a side", p.MinSide)
	case max(width, height) > p.MaxSide, bytes > p.MaxBytes:
		return &Error{Code: TooLarge, Reason: "frame_large", Field: "file",
			Message: "the live frame is larger than the face service takes"}
	}
	return nil
}
