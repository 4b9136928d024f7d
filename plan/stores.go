package plan

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// comparison finds the changes between two versions of one application.
type comparison struct {
	*Plan
	from, to *version
}

// stores compares the stores that have one name, and tells renamed ones from those that came and went.
func (c *comparison) stores() {
	var gone []*store
	for i := range c.from.stores {
		before := &c.from.stores[i]
		if after := c.to.store(before.Name); after != nil {
			c.store(before, after)
		} else {
			gone = append(gone, before)
		}
	}
	for i := range c.to.stores {
		after := &c.to.stores[i]
		if c.from.store(after.Name) != nil {
			continue
		}
		if at := slices.IndexFunc(gone, func(before *store) bool { return alike(before, after) }); at >= 0 {
			c.add(storeRenamed, gone[at].Name, gone[at].Name, after.Name)
			gone = slices.Delete(gone, at, at+1)
			continue
		}
		if shares(c.to.upstream(after.users), c.from.inputs()) {
			c.add(storeAdded, after.Name, "", after.title())
		} else {
			c.add(storeAddedNewInput, after.Name, "", after.title())
		}
	}
	for _, before := range gone {
		c.add(storeRemoved, before.Name, before.title(), "")
	}
}

// alike reports whether a store could be another one under a new name.
func alike(a, b *store) bool {
	return a.op == b.op && a.Kind == b.Kind && a.Keys == b.Keys && a.Values == b.Values && a.Windows == b.Windows &&
		maps.Equal(a.Settings, b.Settings) && a.RetentionMs == b.RetentionMs
}

func (s *store) title() string { return s.Kind + " of " + s.op }

func (c *comparison) store(before, after *store) {
	name := after.Name
	if before.Kind != after.Kind {
		c.add(storeKind, name, before.Kind, after.Kind)
		return // what else has changed does not matter any more
	}
	if before.Keys != after.Keys {
		c.add(keySerde, name, before.Keys, after.Keys)
	}
	if before.Values != after.Values {
		c.add(valueSerde, name, before.Values, after.Values)
	}
	if before.Windows != after.Windows {
		c.add(windowsKind, name, before.Windows, after.Windows)
	} else {
		if before.op != after.op {
			c.add(storeOperator, name, before.op, after.op)
		}
		c.settings(before, after)
	}
	c.retention(before, after)
	c.durability(before, after)
	c.input(before, after)
}

// settings compares the numbers of stores with windows of one kind.
func (c *comparison) settings(before, after *store) {
	names := slices.Sorted(maps.Keys(before.Settings))
	for name := range after.Settings {
		if _, both := before.Settings[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	// The stores of a join have the same settings, so one of them is enough.
	if join, is := strings.CutSuffix(after.Name, "-left"); is && joinKind(before, after) != "" {
		c.add(joinKind(before, after), join, joinText(before), joinText(after))
	}
	for _, name := range names {
		was, had := before.Settings[name]
		is, has := after.Settings[name]
		if was == is && had == has {
			continue
		}
		kind := settingKind(name, was, is, had, has)
		if kind == emitOnClose && (after.Windows != "time" || before.RetentionMs > after.Settings["size_ms"]+after.Settings["grace_ms"]) {
			kind = emitOnCloseKept // else windows are gone as soon as they are closed
		}
		if kind != "" {
			c.add(kind, after.Name, settingText(name, was, had), settingText(name, is, has))
		}
	}
}

// settingKind is the kind of a change of a setting, "" for none of its own.
func settingKind(name string, was, is int64, had, has bool) Kind {
	switch name {
	case "size_ms", "difference_ms":
		return windowSize
	case "advance_ms", "size_records", "advance_records":
		return windowAdvance
	case "pane_ms":
		return windowPanes
	case "start_ms":
		return windowStart
	case "gap_ms":
		return sessionGap
	case "grace_ms", "closes_ms":
		return graceChanged
	case "ttl_ms":
		return ttlChanged
	case "limit_ms":
		return suppressLimit
	case "on_close":
		if has {
			return emitOnClose
		}
		return emitOnUpdate
	case "history_ms":
		if is > was {
			return historyLonger
		}
		return historyShorter
	case "max_records", "max_bytes":
		if has && (!had || is < was) {
			return suppressLess
		}
		return suppressLimit
	}
	return "" // those of joins are one change; emit_early matters with a limit only
}

func settingText(name string, value int64, has bool) string {
	if !has {
		return ""
	}
	return fmt.Sprintf("%s %d", name, value)
}

// joinKind compares the windows of joins of streams.
func joinKind(before, after *store) Kind {
	if after.Windows != "join" {
		return ""
	}
	wider := after.Settings["before_ms"] > before.Settings["before_ms"] || after.Settings["after_ms"] > before.Settings["after_ms"]
	narrower := after.Settings["before_ms"] < before.Settings["before_ms"] || after.Settings["after_ms"] < before.Settings["after_ms"]
	switch {
	case !wider && !narrower:
		return ""
	case after.op != "join-left":
		return outerJoinWindow
	case !wider:
		return joinWindowNarrower
	case after.RetentionMs > before.RetentionMs:
		return joinWindowUnkept
	}
	return joinWindowWider
}

func joinText(s *store) string {
	return fmt.Sprintf("before_ms %d, after_ms %d", s.Settings["before_ms"], s.Settings["after_ms"])
}

func (c *comparison) retention(before, after *store) {
	was, is := before.retentionMs(), after.retentionMs()
	switch logged := before.Changelog != "" && after.Changelog != ""; {
	case is < was:
		c.add(retentionShorter, after.Name, retentionText(was), retentionText(is))
	case is > was && logged:
		c.add(retentionLonger, after.Name, retentionText(was), retentionText(is))
	}
}

// retentionMs is how long rows are kept; the largest number for ever.
func (s *store) retentionMs() int64 {
	if s.RetentionMs == 0 {
		return math.MaxInt64
	}
	return s.RetentionMs
}

func retentionText(ms int64) string {
	if ms == math.MaxInt64 {
		return "for ever"
	}
	return fmt.Sprintf("%d ms", ms)
}

// durability compares where the rows of a store are kept.
func (c *comparison) durability(before, after *store) {
	from, to := cmp.Or(before.Source, before.Changelog), cmp.Or(after.Source, after.Changelog)
	switch {
	case before.Source != "" && after.Source != "" && from != to:
		// It comes with a change of the input.
	case before.Source != "" && after.Source == "":
		c.add(tableChangelogOn, after.Name, from, to)
	case before.Source == "" && after.Source != "":
		c.add(tableChangelogOff, after.Name, from, to)
	case from != "" && to == "":
		c.add(changelogOff, after.Name, from, "")
	case from == "" && to != "":
		c.add(changelogOn, after.Name, "", to)
	}
	if before.InMemory == after.InMemory {
		return
	}
	place := map[bool]string{false: "on disk", true: "in memory"}
	if to == "" && after.InMemory {
		c.add(memoryUnlogged, after.Name, place[before.InMemory], place[after.InMemory])
	} else {
		c.add(storePlace, after.Name, place[before.InMemory], place[after.InMemory])
	}
}

// input compares the topics that a store is filled from.
func (c *comparison) input(before, after *store) {
	was, is := c.from.direct(before.users), c.to.direct(after.users)
	hops := func(v *version, topics []string) []string {
		return slices.DeleteFunc(slices.Clone(topics), func(topic string) bool { return !v.internal[topic] })
	}
	hopped, hopping := hops(c.from, was), hops(c.to, is)
	if len(hopped) != len(hopping) && !slices.Equal(was, is) && (len(without(hopping, hopped)) > 0 || len(without(hopped, hopping)) > 0) {
		// An input more or less that has a topic of its own is none by which others come in another way.
		if len(is)-len(was) != len(hopping)-len(hopped) {
			c.add(storeRepartitioned, after.Name, list(was), list(is))
		}
	}
	old, now := c.from.upstream(before.users), c.to.upstream(after.users)
	gone, come := without(old, now), without(now, old)
	switch {
	case len(gone) > 0 && len(come) > 0:
		c.add(inputReplaced, after.Name, list(gone), list(come))
	case len(gone) > 0:
		c.add(inputRemovedStore, after.Name, list(gone), "")
	case len(come) > 0 && c.to.timed(after):
		c.add(inputAddedToWindows, after.Name, "", list(come))
	}
}

// timed reports whether what comes to a store can be too late, or makes other rows go.
func (v *version) timed(s *store) bool {
	if s.RetentionMs > 0 {
		return true
	}
	for name := range s.Settings {
		if strings.HasSuffix(name, "_ms") && name != "start_ms" {
			return true
		}
	}
	return false
}

func (c *comparison) globals() {
	for _, before := range c.from.Globals {
		at := slices.IndexFunc(c.to.Globals, func(g global) bool { return g.Store.Name == before.Store.Name })
		if at < 0 {
			c.add(globalGone, before.Store.Name, before.Topic, "")
			continue
		}
		after := c.to.Globals[at]
		if before.Store.InMemory || after.Store.InMemory {
			continue // nothing is kept, or nothing of it is used
		}
		if before.Topic != after.Topic {
			c.add(globalTopic, after.Store.Name, before.Topic, after.Topic)
		}
		if before.Store.Keys != after.Store.Keys || before.Store.Values != after.Store.Values {
			c.add(globalSerde, after.Store.Name, before.Store.Keys+" and "+before.Store.Values, after.Store.Keys+" and "+after.Store.Values)
		}
	}
	for _, after := range c.to.Globals {
		if !slices.ContainsFunc(c.from.Globals, func(g global) bool { return g.Store.Name == after.Store.Name }) {
			c.add(globalAdded, after.Store.Name, "", after.Topic)
		}
	}
}
