package document

import (
	"fmt"
	"slices"
)

func contains(names []string, name string) bool { return slices.Contains(names, name) }

// Nearest is the known name that a wrong one was probably meant to be, "" if none is near.
func Nearest(wrong string, known []string) string {
	best, distance := "", min(3, 1+len(wrong)/2)
	for _, name := range known {
		if d := editDistance(wrong, name); d < distance {
			best, distance = name, d
		}
	}
	return best
}

// didYouMean is a hint at the nearest known name, "" if none is near.
func didYouMean(wrong string, known []string) string {
	if best := Nearest(wrong, known); best != "" {
		return fmt.Sprintf(", did you mean %q?", best)
	}
	return ""
}

// editDistance is the number of bytes to insert, delete, replace or swap with the next to make b of a. Names that differ much
// in length are not compared.
func editDistance(a, b string) int {
	if diff := len(a) - len(b); diff > 3 || diff < -3 {
		return 4
	}
	var before []int // the row before the last
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replace := last[j]
			if a[i] != b[j] {
				replace++
			}
			row[j+1] = min(replace, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
