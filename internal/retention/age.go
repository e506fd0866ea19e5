package retention

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

var errAge = errors.New("not a duration: write numbers with their units, as in 36h, 14d, 8w or 1y (a day has 24 hours, a year 365 days)")

// longUnits are those that Go's durations do not have.
var longUnits = []struct {
	name string
	size time.Duration
}{{"y", 365 * 24 * time.Hour}, {"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}}

// ParseAge reads a duration, in which years, weeks and days may stand before Go's own units, in this order: 1y2w3d12h30m.
func ParseAge(text string) (time.Duration, error) {
	var total time.Duration
	rest := text
	for _, unit := range longUnits {
		digits, after, found := strings.Cut(rest, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || n > uint64((math.MaxInt64-total)/unit.size) {
			return 0, errAge
		}
		total += time.Duration(n) * unit.size
		rest = after
	}
	if rest == "" && text != "" {
		return total, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || rest != text && (d < 0 || rest[0] == '+') || d > 0 && total > math.MaxInt64-d {
		return 0, errAge
	}
	return total + d, nil
}

// FormatAge writes a duration that is not negative so that ParseAge reads it.
func FormatAge(d time.Duration) string {
	var b strings.Builder
	if days := d / (24 * time.Hour); days > 0 {
		b.WriteString(strconv.FormatInt(int64(days), 10) + "d")
		d -= days * 24 * time.Hour
	}
	if d > 0 || b.Len() == 0 {
		text := d.String()
		for _, zero := range []string{"m0s", "h0m"} {
			if strings.HasSuffix(text, zero) {
				text = text[:len(text)-2]
			}
		}
		b.WriteString(text)
	}
	return b.String()
}
