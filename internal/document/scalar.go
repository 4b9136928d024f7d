package document

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// scalarNode is a text from elsewhere as what the same text is in a document.
func scalarNode(place Place, path, text string) *Node {
	n := &Node{place: place, path: path, text: text, scalar: text}
	if text == "" {
		return n // an empty text, not null: somebody wrote it
	}
	if v, err := resolved(&yaml.Node{Kind: yaml.ScalarNode, Value: text}); err == nil && v != nil {
		n.scalar = v
	}
	return n
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("not a duration: %q, write a number with a unit, such as 100ms, 5s or 2m30s", shortened(text))
	}
	return d, nil
}

// bytesUnits are the units of sizes, the longest names first.
var bytesUnits = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
}

func parseBytes(text string) (int64, error) {
	for _, u := range bytesUnits {
		digits, found := strings.CutSuffix(text, u.name)
		if !found {
			continue
		}
		digits = strings.TrimSpace(digits)
		n, err := strconv.ParseFloat(digits, 64)
		if bytes := n * u.bytes; err == nil && strings.Trim(digits, "0123456789.") == "" && bytes == math.Trunc(bytes) && bytes < 1<<53 {
			return int64(bytes), nil
		}
		break
	}
	return 0, fmt.Errorf("not a size: %q, write a number with a unit, such as 512KiB, 64MiB or 1.5GiB", shortened(text))
}

// formatBytes is a size with the largest unit that divides it.
func formatBytes(n int64) string {
	for i := 3; i >= 0; i-- {
		if unit := int64(bytesUnits[i].bytes); n != 0 && n%unit == 0 {
			return strconv.FormatInt(n/unit, 10) + bytesUnits[i].name
		}
	}
	return strconv.FormatInt(n, 10)
}
