//go:build !heavy

package snapshotagent

// How much the plain tests go through: a few seconds each.
func faultSeeds() int        { return 2 }
func goodBackups() int       { return 20 }
func simulatedYears() uint64 { return 1 }
func daysOfAYear() int       { return 120 }
func defaultSeed() uint64    { return 1 }
