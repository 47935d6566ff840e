package storage

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"syscall"
)

// isBroken tells whether err is a connection that went away under a statement.
func isBroken(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, broken := range []error{io.EOF, io.ErrUnexpectedEOF, driver.ErrBadConn, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNREFUSED} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return false
}
