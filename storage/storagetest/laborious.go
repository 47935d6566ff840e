package storagetest

import (
	"bytes"
	"encoding/binary"
)

// LaboriousJPEG returns a progressive JPEG, grey all over, with so many scans behind its first. Each takes some 60
// bytes for a million blocks, and has a decoder go over all of them.
func LaboriousJPEG(width, height, scans int) []byte {
	blocks := (width + 7) / 8 * ((height + 7) / 8)
	out := []byte("\xff\xd8\xff\xdb\x00\x43\x00")
	out = append(out, bytes.Repeat([]byte{1}, 64)...)
	out = append(out, "\xff\xc2\x00\x0b\x08"...)
	out = binary.BigEndian.AppendUint16(out, uint16(height))
	out = binary.BigEndian.AppendUint16(out, uint16(width))
	out = append(out, 1, 1, 0x11, 0)
	one := append([]byte{1}, make([]byte, 15)...) // one code, of one bit
	for _, table := range [][2]byte{{0x00, 0x00}, {0x10, 0xe0}} {
		out = append(out, 0xff, 0xc4, 0, 20, table[0])
		out = append(append(out, one...), table[1])
	}
	out = append(out, 0xff, 0xda, 0, 8, 1, 1, 0x00, 0, 0, 0x00)
	out = append(out, make([]byte, (blocks+7)/8)...)
	out = append(out, bytes.Repeat(refinement(blocks), scans)...)
	return append(out, 0xff, 0xd9)
}

// refinement returns a scan that changes nothing: runs of as many blocks as one code can say.
func refinement(blocks int) []byte {
	var bits []bool
	for ; blocks > 0; blocks -= 1<<15 - 1 {
		bits = append(bits, false)
		for range 14 {
			bits = append(bits, true)
		}
	}
	out := []byte{0xff, 0xda, 0, 8, 1, 1, 0x00, 1, 63, 0x10}
	for len(bits) > 0 {
		var b byte
		for i := range 8 {
			if i >= len(bits) || bits[i] {
				b |= 1 << (7 - i)
			}
		}
		bits = bits[min(8, len(bits)):]
		if out = append(out, b); b == 0xff {
			out = append(out, 0)
		}
	}
	return out
}

// JPEGHead returns the beginning of a JPEG up to its first scan: its kind of frame (0xc0 or 0xc2, progressive), its
// size, and the sampling factors of each component.
func JPEGHead(frame byte, width, height int, sampling ...byte) []byte {
	out := []byte{0xff, 0xd8, 0xff, frame, 0, byte(8 + 3*len(sampling)), 8}
	out = binary.BigEndian.AppendUint16(out, uint16(height))
	out = binary.BigEndian.AppendUint16(out, uint16(width))
	out = append(out, byte(len(sampling)))
	for i, factors := range sampling {
		out = append(out, byte(i+1), factors, 0)
	}
	return append(out, 0xff, 0xda, 0, 2)
}
