package state

import (
	"context"
	"testing"
	"testing/synctest"
)

// TestLeaseWaitsForWrites: a partition has its next holder when the former one has released it and its last write is done.
func TestLeaseWaitsForWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l leases
		id := StoreID{Name: "s", Kind: KindKeyValue}
		first, err := l.acquire(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		if err := first.begin(); err != nil {
			t.Fatal(err)
		}
		got := false
		go func() {
			second, err := l.acquire(context.Background(), id)
			if err != nil || second.epoch != first.epoch+1 {
				t.Errorf("second holder: %+v, %v", second, err)
			}
			got = true
			second.release()
		}()
		synctest.Wait()
		if got {
			t.Error("leased twice")
		}
		first.release()
		synctest.Wait()
		if got {
			t.Error("leased while the former holder writes")
		}
		first.end()
		synctest.Wait()
		if !got {
			t.Error("not leased although it is free")
		}

		third, err := l.acquire(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		if err := third.begin(); err != nil {
			t.Fatal(err)
		}
		closed := false
		go func() { l.close(); closed = true }()
		synctest.Wait()
		if closed {
			t.Error("closed while a holder writes")
		}
		third.end()
		synctest.Wait()
		if !closed {
			t.Error("not closed although nobody writes")
		}
		if third.begin() == nil {
			t.Error("a write began after the close")
		}
	})
}
