//go:build !heavy

package snapshotagent

// How much of the table of faults the plain tests go through: a few seconds.
func faultSeeds() int     { return 2 }
func goodBackups() int    { return 20 }
func defaultSeed() uint64 { return 1 }
