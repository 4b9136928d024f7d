package local

import "fmt"

// has is an error if an entry that somebody needs was trimmed.
func (l *log) has(offset int64, topic string) error {
	if offset < int64(l.first) {
		return fmt.Errorf("topic %q is needed from offset %d on, but was trimmed up to %d", topic, offset, l.first)
	}
	return nil
}

// trim drops the entries before an offset. Their places are used again.
func (l *log) trim(offset int64) {
	n := min(max(0, int(offset)-l.first), l.stable-l.first)
	l.first += n
	if left := len(l.entries) - n; left <= n {
		copy(l.entries, l.entries[n:])
		clear(l.entries[left:])
		l.entries = l.entries[:left]
		return
	}
	clear(l.entries[:n])
	l.entries = l.entries[n:]
}

// Trim drops what nobody needs any more: of each topic that the topology reads what is committed, of the topics in read
// what lies before those positions, and of a changelog what its store holds. Of a topic that the topology reads too, the
// smaller position counts. Other topics stay whole. See L7.
func (r *Runtime) Trim(read map[string]Positions) {
	limits := make(map[*log]int64)
	limit := func(l *log, offset int64) {
		if before, ok := limits[l]; ok {
			offset = min(offset, before)
		}
		limits[l] = offset
	}
	for _, in := range r.inputs {
		at := r.cfg.Broker.offsets[in.name].Offset
		if r.uncommitted == 0 { // what lies between is no record
			at = max(at, int64(in.next))
		}
		limit(in.log, at)
	}
	for _, g := range r.globals {
		for p, l := range g.logs {
			limit(l, max(0, g.Position(int32(p))))
		}
	}
	for topic, positions := range read {
		for p, l := range r.cfg.Broker.topics[topic] {
			at := int64(0)
			if p < len(positions) {
				at = positions[p]
			}
			limit(l, at)
		}
	}
	for _, s := range r.cfg.Graph.Stores {
		if s.Changelog != "" {
			for _, p := range r.leases {
				if p.ID().Name == s.Name {
					limit(r.cfg.Broker.topics[s.Changelog][p.ID().Partition], max(0, p.Checkpoint().Offset))
				}
			}
		}
	}
	for l, offset := range limits {
		l.trim(offset)
	}
	r.cfg.Broker.forget()
}
