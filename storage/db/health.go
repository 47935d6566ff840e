package db

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"time"
)

// PoolStats are the numbers of the connection pool for /metrics.
type PoolStats struct {
	Max, Total, Idle, InUse int32
	Waits                   int64         // times somebody had to wait for a connection
	Waited                  time.Duration // in all
}

// PoolStats returns the numbers of this moment, by what the connections are for.
func (s *DB) PoolStats() map[string]PoolStats {
	return map[string]PoolStats{"instant": s.stats(), "reports": s.Reports.stats(), "alone": s.Alone.stats()}
}

func (s *DB) stats() PoolStats {
	stat := s.Pool.Stat()
	return PoolStats{
		Max: stat.MaxConns(), Total: stat.TotalConns(), Idle: stat.IdleConns(), InUse: stat.AcquiredConns(),
		Waits: stat.EmptyAcquireCount(), Waited: stat.EmptyAcquireWaitTime(),
	}
}

// SchemaHash names the content of the migrations and grants: a database made by one set of them is not mistaken for
// another's.
func SchemaHash() (string, error) {
	sum := sha256.New()
	sum.Write([]byte(grants))
	err := fs.WalkDir(Migrations, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := Migrations.ReadFile(path)
		if err != nil {
			return err
		}
		sum.Write([]byte(path))
		sum.Write([]byte{0})
		sum.Write(content)
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)[:6]), err
}
