package retention

import (
	"errors"
	"strconv"
	"strings"
)

// MaxShrink is by how many percent a state may shrink from one backup to the next where nobody says otherwise.
const MaxShrink = 50

// Size is how much there is in a state.
type Size struct {
	Records int64
	Bytes   int64
}

// Collapsed tells whether a state has lost more than most percent of its records or of its bytes. It never has with 0, or with 100 and more.
func Collapsed(from, to Size, most int) bool {
	if most <= 0 || most >= 100 {
		return false
	}
	return lost(from.Records, to.Records) > float64(most) || lost(from.Bytes, to.Bytes) > float64(most)
}

// Lost is by how many percent a state has shrunk, by the measure by which it has shrunk more; 0 if it has not.
func Lost(from, to Size) int {
	return int(max(lost(from.Records, to.Records), lost(from.Bytes, to.Bytes), 0))
}

func lost(from, to int64) float64 {
	if from <= 0 || to >= from {
		return 0
	}
	return float64(from-to) * 100 / float64(from)
}

// ParsePercent reads a whole number from 1 to 100, with or without its sign: 50%.
func ParsePercent(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
	if err != nil || n < 1 || n > 100 || strings.HasPrefix(text, "+") {
		return 0, errors.New("not a percentage: write a whole number from 1% to 100%")
	}
	return n, nil
}
