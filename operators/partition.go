package operators

// KeyPartition is the partition that Kafka's default partitioner gives to these key bytes: their murmur2 hash without
// its sign, modulo the number of partitions (org.apache.kafka.common.utils.Utils.murmur2).
func KeyPartition(key []byte, partitions int32) int32 {
	return int32(murmur2(key)&0x7fffffff) % partitions
}

// Austin Appleby's MurmurHash2 with Kafka's seed.
func murmur2(b []byte) uint32 {
	const (
		seed = 0x9747b28c
		m    = 0x5bd1e995
		r    = 24
	)
	h := seed ^ uint32(len(b))
	for ; len(b) >= 4; b = b[4:] {
		k := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
		k *= m
		k ^= k >> r
		k *= m
		h *= m
		h ^= k
	}
	switch len(b) {
	case 3:
		h ^= uint32(b[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(b[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(b[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return h
}

// stickyRecords is how many records without a key go to one partition before the next one's turn.
const stickyRecords = 512

// Sticky spreads records without a key. The choice depends on nothing but their number, so a replay makes it again.
type Sticky struct {
	next int32
	sent int
}

// Next is the partition of the next record.
func (s *Sticky) Next(partitions int32) int32 {
	if s.sent == stickyRecords {
		s.sent = 0
		s.next++
	}
	s.sent++
	return s.next % partitions
}
