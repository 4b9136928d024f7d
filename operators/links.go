package operators

const (
	maxRemembered = 4096 // traced records that one operator of a task remembers
	maxLinks      = 32   // of one result
)

// links remembers which traced records went into windows that have yet to close, so that the result of a window can tell
// them. It is in memory only: a restart forgets, and of very many traced records the oldest are forgotten.
type links struct {
	byKey map[string][]link
	order []string // keys, by the age of their links; the first is that of the oldest link
}

type link struct {
	context   string // value of TraceParent
	timestamp int64
}

func (l *links) add(key string, timestamp int64, headers []Header) {
	context, ok := HeaderValue(headers, TraceParent)
	if !ok {
		return
	}
	if of := l.byKey[key]; len(of) > 0 && of[len(of)-1].context == string(context) {
		return // the same record, in another window
	}
	if l.byKey == nil {
		l.byKey = make(map[string][]link)
	}
	if len(l.order) == maxRemembered {
		oldest := l.order[0]
		l.order = l.order[1:]
		if rest := l.byKey[oldest][1:]; len(rest) > 0 {
			l.byKey[oldest] = rest
		} else {
			delete(l.byKey, oldest)
		}
	}
	l.order = append(l.order, key)
	l.byKey[key] = append(l.byKey[key], link{string(context), timestamp})
}

// of are the contexts of the records of a key between two times, both included; if they are too many, the youngest.
func (l *links) of(key string, from, to int64) (contexts []string) {
	for _, x := range l.byKey[key] {
		if from <= x.timestamp && x.timestamp <= to {
			contexts = append(contexts, x.context)
		}
	}
	return contexts[max(0, len(contexts)-maxLinks):]
}
