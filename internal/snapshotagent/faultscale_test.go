//go:build !heavy

package snapshotagent

// How much of the table of faults the plain tests go through: a few seconds.
func faultSeeds() int     { return 6 }
func goodBackups() int    { return 60 }
func defaultSeed() uint64 { return 1 }
