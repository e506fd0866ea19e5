package snapshotconfig

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// sizeUnits are powers of 1024, whether written MB, MiB or M.
var sizeUnits = map[string]int64{"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}

// parseRate reads a size with /s behind it, bytes in a second. "off" is no value of its own: nil, the default.
func parseRate(text string) (any, error) {
	if strings.EqualFold(text, "off") {
		return nil, nil
	}
	size, found := strings.CutSuffix(strings.ToLower(text), "/s")
	v, err := parseSize(size)
	if err != nil || v == nil || !found {
		return nil, errors.New("not a rate: write a whole number above 0 with its unit, as in 512KB/s or 20MB/s, or off")
	}
	return v, nil
}

// parseSize reads a number of bytes with an optional unit. "auto" is no value of its own: nil, the default.
func parseSize(text string) (any, error) {
	if strings.EqualFold(text, "auto") {
		return nil, nil
	}
	upper := strings.ToUpper(text)
	digits := strings.TrimRight(upper, "KMGTIB ")
	unit := strings.TrimSpace(upper[len(digits):])
	if plain, ok := strings.CutSuffix(unit, "B"); ok {
		unit = strings.TrimSuffix(plain, "I")
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	factor, ok := sizeUnits[unit]
	if err != nil || !ok || n <= 0 || n > math.MaxInt64/factor {
		return nil, errors.New("not a size: write a whole number above 0 with its unit, as in 512MB or 2GB, or auto")
	}
	return n * factor, nil
}
