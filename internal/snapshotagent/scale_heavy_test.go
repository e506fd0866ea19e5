//go:build heavy

package snapshotagent

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// How much LICTOR_SOAK asks for: all of it, a share, or as much as fits into a minute.
func faultSeeds() int        { return share(100, 10) }
func goodBackups() int       { return share(1000, 200) }
func simulatedYears() uint64 { return uint64(share(10, 3)) }
func daysOfAYear() int       { return 365 }

func share(full, short int) int {
	switch text := os.Getenv("LICTOR_SOAK"); text {
	case "", "short":
		return short
	case "full":
		return full
	default:
		n, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
		if err != nil || n < 1 {
			panic(fmt.Sprintf("LICTOR_SOAK is %q: say short, full, or a share such as 30%%", text))
		}
		return max(1, full*n/100)
	}
}

func defaultSeed() uint64 { return uint64(time.Now().UnixNano()) }
