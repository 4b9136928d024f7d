package topology

// The settings of stores in descriptions, by which package plan judges upgrades. What is not set is not there.
const (
	settingSize           = "size_ms" // of windows, from their start to their end
	settingAdvance        = "advance_ms"
	settingGrace          = "grace_ms"
	settingPane           = "pane_ms" // the rows are panes of windows, see [Combine]
	settingDifference     = "difference_ms"
	settingGap            = "gap_ms"
	settingBefore         = "before_ms"
	settingAfter          = "after_ms"
	settingStart          = "start_ms"
	settingRecords        = "size_records"
	settingAdvanceRecords = "advance_records"
	settingOnClose        = "on_close" // 1: results leave when windows close
	settingHistory        = "history_ms"
	settingTTL            = "ttl_ms"
	settingLimit          = "limit_ms"  // of a suppression until a time limit
	settingCloses         = "closes_ms" // after their ends, of the windows that a suppression waits for
	settingMaxRecords     = "max_records"
	settingMaxBytes       = "max_bytes"
	settingEmitEarly      = "emit_early" // 1: when there are more
)
