package plan

import "slices"

// Kind is a kind of change.
type Kind string

// KindInfo is what is said of every change of a kind.
type KindInfo struct {
	Kind    Kind
	Verdict Verdict
	Reason  string
	Action  string
}

const (
	applicationRenamed Kind = "application-renamed"

	storeAdded         Kind = "store-added"
	storeAddedNewInput Kind = "store-added-with-its-input"
	storeRemoved       Kind = "store-removed"
	storeRenamed       Kind = "store-renamed"
	storeKind          Kind = "store-kind"
	storeOperator      Kind = "store-operator"
	storeRepartitioned Kind = "store-repartitioned"
	keySerde           Kind = "key-serde"
	valueSerde         Kind = "value-serde"
	windowsKind        Kind = "windows-kind"
	windowSize         Kind = "window-size"
	windowAdvance      Kind = "window-advance"
	windowPanes        Kind = "window-panes"
	windowStart        Kind = "window-start"
	sessionGap         Kind = "session-gap"
	graceChanged       Kind = "grace"
	emitOnClose        Kind = "emit-on-close"
	emitOnCloseKept    Kind = "emit-on-close-of-kept-windows"
	emitOnUpdate       Kind = "emit-on-update"
	retentionShorter   Kind = "retention-shorter"
	retentionLonger    Kind = "retention-longer"
	historyShorter     Kind = "history-shorter"
	historyLonger      Kind = "history-longer"
	ttlChanged         Kind = "ttl"
	joinWindowWider    Kind = "join-window-wider"
	joinWindowUnkept   Kind = "join-window-wider-than-kept"
	joinWindowNarrower Kind = "join-window-narrower"
	outerJoinWindow    Kind = "outer-join-window"
	suppressLimit      Kind = "suppress-limit"
	suppressLess       Kind = "suppress-holds-less"
	changelogOff       Kind = "changelog-off"
	changelogOn        Kind = "changelog-on"
	tableChangelogOn   Kind = "table-gets-a-changelog"
	tableChangelogOff  Kind = "table-topic-as-changelog"
	storePlace         Kind = "store-in-memory"
	memoryUnlogged     Kind = "store-in-memory-without-changelog"

	globalAdded Kind = "global-store-added"
	globalGone  Kind = "global-store-removed"
	globalTopic Kind = "global-store-topic"
	globalSerde Kind = "global-store-serde"

	repartitionAdded      Kind = "repartition-added"
	repartitionRemoved    Kind = "repartition-removed"
	repartitionRenamed    Kind = "repartition-renamed"
	repartitionSerde      Kind = "repartition-serde"
	repartitionPartitions Kind = "repartition-partitions"

	inputAdded          Kind = "input-added"
	inputAddedToWindows Kind = "input-added-to-windows"
	inputRemoved        Kind = "input-removed"
	inputRemovedStore   Kind = "input-removed-from-store"
	inputReplaced       Kind = "input-replaced"
	outputChanged       Kind = "output-changed"

	operatorAdded   Kind = "operator-added"
	operatorRemoved Kind = "operator-removed"
	operatorRenamed Kind = "operator-renamed"
	subMerged       Kind = "sub-topologies-merged"
	subSplit        Kind = "sub-topology-split"

	partitionsChanged Kind = "partitions-changed"
	topicMissing      Kind = "topic-missing"
	topicOrphaned     Kind = "topic-orphaned"
)

// What to do, where several kinds have the same.
const (
	nothing   = "Nothing."
	resetIt   = "Stop the application, `processor reset --execute`, start the new version; or run it beside the old one first, see docs/reprocessing.md."
	keepName  = "Keep the name. If it must change: stop, `processor reset --execute`, start the new version."
	newStore  = "Give the store a new name beside the old one, or stop, `processor reset --execute` and start the new version."
	keepTopic = "Stop what writes the inputs, or wait until the group has no lag in the topic, then upgrade; or reset."
)

// kinds is the table of docs/upgrades.md, in its order.
var kinds = []KindInfo{
	{applicationRenamed, Breaks, "The name is the consumer group and the beginning of all internal topics: another name is another application, which begins from nothing.", "Keep the name, or do it on purpose: docs/reprocessing.md."},

	{storeAdded, Reset, "The new store begins empty, and the input before the committed offsets is not read again: its rows lack the past.", "If it may begin empty, accept it; otherwise " + lower(resetIt)},
	{storeAddedNewInput, Safe, "Everything that comes to the new store was not read before, so it sees all of it.", nothing},
	{storeRemoved, Breaks, "Its rows are of no use any more, and its changelog stays on the brokers. A version that has the store again would go on from old rows.", "If the rows can go, accept it and delete the changelog afterwards."},
	{storeRenamed, Breaks, "State is found by the name of its store: under the new name it begins empty.", keepName},
	{storeKind, Breaks, "Rows of another kind have other keys: a process with kept state refuses to start, one without it misreads the changelog.", newStore},
	{storeOperator, Reset, "Another operator goes on from the rows that the former one made: they mix.", resetIt},
	{storeRepartitioned, Breaks, "Records come to the store through another topic, by which their keys may lie on other partitions than their rows.", newStore},
	{keySerde, Breaks, "Rows are found by their encoded keys: none of the old ones is found again.", newStore},
	{valueSerde, Breaks, "The rows that are there are decoded by another serde than they were written by.", newStore},
	{windowsKind, Breaks, "Rows are of other windows than the new version takes them for.", newStore},
	{windowSize, Breaks, "A row has the start of its window and not its size: old rows are taken for windows of the new size.", newStore},
	{windowAdvance, Reset, "Windows that start where none did lack the records before the upgrade; those that are none any more keep their rows.", "If the windows that are open now may be wrong, accept it; otherwise " + lower(resetIt)},
	{windowPanes, Breaks, "With Combine rows are panes of windows, without it windows: one is taken for the other.", newStore},
	{windowStart, Reset, "The old row stays beside that of the window with the new start, which lacks the records before the upgrade.", resetIt},
	{sessionGap, Reset, "Sessions that were joined or kept apart by the old gap stay so.", "If the sessions that are open now may be wrong, accept it; otherwise " + lower(resetIt)},
	{graceChanged, Safe, "Windows that are open keep their rows, and close by the new grace. What was dropped as late stays so.", nothing},
	{emitOnClose, Safe, "Windows that are open keep their rows, and each has its one final result when it closes.", nothing},
	{emitOnCloseKept, Reset, "Windows that closed before the upgrade and are still kept have final results now, although they were forwarded already.", "If those results may come once more, accept it; otherwise " + lower(resetIt)},
	{emitOnUpdate, Safe, "The rows of open windows are kept, and each further update is forwarded.", nothing},
	{retentionShorter, Safe, "Rows expire earlier, as they would have done with the new version from the start. There is no way back to those.", nothing},
	{retentionLonger, Breaks, "The changelog topic has the old retention.ms and would lose rows: the new version refuses to start.", "Raise retention.ms of the changelog to the new retention + 1 day, then upgrade; plan with --brokers sees that. Rows that have expired stay so."},
	{historyShorter, Safe, "Versions are forgotten earlier, as they would have been with the new version from the start.", nothing},
	{historyLonger, Reset, "Versions that were forgotten already stay so: for joins as of a time before the upgrade the history is short.", "If that is early enough, accept it; otherwise " + lower(resetIt)},
	{ttlChanged, Safe, "The times of last updates are kept: rows are deleted by the new time to live.", nothing},
	{joinWindowWider, Safe, "The retention is not longer than before, so the records that the wider window needs are there.", nothing},
	{joinWindowUnkept, Reset, "Records that the old window did not need any more are gone, so some pairs across the upgrade are not found.", "If those pairs may be missing, accept it; otherwise " + lower(resetIt)},
	{joinWindowNarrower, Safe, "More records are kept than the new window needs, and they are not joined.", nothing},
	{outerJoinWindow, Reset, "Which records wait for a match was decided by the old window: some results without a match are missing, or come beside a match.", resetIt},
	{suppressLimit, Safe, "What is held back leaves by the new limits. Which updates are left out on the way depends on them, the last one of each key does not.", nothing},
	{suppressLess, Breaks, "If more is held back at the upgrade than the new limit allows, the next record stops the application.", "Keep the limit, or use EmitEarly."},
	{changelogOff, Breaks, "The rows stay on the disks where they are: a task that moves, or a disk that is lost, begins without them.", "If that is wanted, accept it and delete the changelog afterwards."},
	{changelogOn, Reset, "Rows that are on a disk and do not change are not in the new changelog: they are lost when the task moves.", resetIt},
	{tableChangelogOn, Breaks, "The checkpoint of kept rows is an offset of the table's topic, but the new changelog is empty: a process with kept state refuses to start, one without it begins empty.", newStore},
	{tableChangelogOff, Reset, "The table is made anew from its topic: rows of which the topic has lost the records are gone.", "If the topic is compacted or keeps everything, accept it and delete the changelog afterwards."},
	{storePlace, Safe, "The rows are restored from the changelog.", nothing},
	{memoryUnlogged, Breaks, "Without a changelog rows in memory end with the process.", "If that is wanted, accept it."},

	{globalAdded, Safe, "It is read from the start of its topic before anything is processed.", nothing},
	{globalGone, Safe, "No task keeps anything of it.", nothing},
	{globalTopic, Breaks, "Kept rows have offsets of the old topic as checkpoints: records of the new one are passed over, and rows of the old one stay.", newStore},
	{globalSerde, Breaks, "Kept rows are decoded by other serdes than they were written by.", newStore},

	{repartitionAdded, Safe, "Records go through the topic from now on, and no store of the old version is behind it.", nothing},
	{repartitionRemoved, Breaks, "Records that lie in the topic at the upgrade are lost: nobody reads them any more.", keepTopic},
	{repartitionRenamed, Breaks, "Records that lie in the old topic at the upgrade are lost: nobody reads them any more.", "Name the grouping or join as before (Named). Otherwise: " + lower(keepTopic)},
	{repartitionSerde, Breaks, "Records that lie in the topic at the upgrade are decoded by another serde than they were written by.", keepTopic},
	{repartitionPartitions, Breaks, "The topic is there with another number of partitions: the new version refuses to start.", resetIt},

	{inputAdded, Safe, "It is read from where its source starts; what there is stays.", nothing},
	{inputAddedToWindows, Reset, "It is read from where its source starts, but the windows behind it have gone on in time: its old records are late for them.", "If they may be dropped, accept it; otherwise " + lower(resetIt)},
	{inputRemoved, Safe, "It is not read any more. No store has anything of it.", nothing},
	{inputRemovedStore, Reset, "Rows that were made of its records stay in the stores behind it.", resetIt},
	{inputReplaced, Reset, "Rows that were made of the old topic stay in the stores, and the new topic is added to them from where its source starts.", resetIt},
	{outputChanged, Safe, "Results go elsewhere from the committed offsets on. The new topic has none of the results before.", nothing},

	{operatorAdded, Safe, "It has no store, and no store is found by it.", nothing},
	{operatorRemoved, Safe, "It has no store, and no store is found by it.", nothing},
	{operatorRenamed, Safe, "Nothing durable depends on the names of operators.", nothing},
	{subMerged, Safe, "Task ids change, but state is found by store and partition. The inputs must have the same number of partitions: plan with --brokers sees that.", "Stop all processes of the old version first."},
	{subSplit, Safe, "Task ids change, but state is found by store and partition. The inputs must have the same number of partitions: plan with --brokers sees that.", "Stop all processes of the old version first."},

	{partitionsChanged, Breaks, "The topic is there with another number of partitions than its tasks have now: the new version refuses to start, and keys lie on other partitions than their rows.", resetIt},
	{topicMissing, Breaks, "The topic is not there: the new version does not start.", "Make it, or correct its name."},
	{topicOrphaned, Safe, "It begins with the name of the application and is of no use to the new version.", "Delete it when there is no way back to the old version any more, unless it is of an application whose name begins so."},
}

// Kinds is the table of all kinds of changes, a copy.
func Kinds() []KindInfo { return slices.Clone(kinds) }

func indexOf(k Kind) int {
	return slices.IndexFunc(kinds, func(i KindInfo) bool { return i.Kind == k })
}

func kindOf(k Kind) KindInfo { return kinds[indexOf(k)] }

// lower is an action behind a colon or a comma.
func lower(action string) string { return string(action[0]|0x20) + action[1:] }
