package engine

import (
	"net"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// observedClient tells the observer what a worker's client does on the wire.
type observedClient struct{ Observer }

func (o observedClient) OnProduceBatchWritten(_ kgo.BrokerMetadata, topic string, partition int32, m kgo.ProduceBatchMetrics) {
	o.BatchSent(BatchInfo{Topic: topic, Partition: partition, Records: m.NumRecords, Bytes: m.UncompressedBytes, WireBytes: m.CompressedBytes})
}

func (o observedClient) OnFetchBatchRead(_ kgo.BrokerMetadata, topic string, partition int32, m kgo.FetchBatchMetrics) {
	o.BatchFetched(BatchInfo{Topic: topic, Partition: partition, Records: m.NumRecords, Bytes: m.UncompressedBytes, WireBytes: m.CompressedBytes})
}

func (o observedClient) OnBrokerE2E(b kgo.BrokerMetadata, key int16, e kgo.BrokerE2E) {
	o.RequestEnded(RequestInfo{
		Request: kmsg.NameForKey(key), Broker: net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))), Took: e.DurationE2E(), Err: e.Err(),
	})
}

// observe makes clients tell the observer, if there is one.
func (c *Config) observe() []kgo.Opt {
	if c.Observer == (NoObserver{}) {
		return nil
	}
	return []kgo.Opt{kgo.WithHooks(observedClient{c.Observer})}
}
