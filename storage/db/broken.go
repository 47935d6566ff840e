package db

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"syscall"
)

// isBroken tells whether err is a connection that went away under a statement, or a statement that had no answer in the
// caller's time. database/sql ends a transaction whose time is over by itself, and then says that it is done.
func isBroken(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, broken := range []error{
		io.EOF, io.ErrUnexpectedEOF, driver.ErrBadConn, sql.ErrTxDone, sql.ErrConnDone, net.ErrClosed,
		syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNREFUSED,
	} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return false
}
