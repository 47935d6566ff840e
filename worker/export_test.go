package worker

// CacheSize is how many cases may stay in memory.
func CacheSize(memory, limit int64) int { return cacheSize(memory, limit) }
