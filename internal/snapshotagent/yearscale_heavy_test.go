//go:build heavy

package snapshotagent

const simulatedYears uint64 = 10
