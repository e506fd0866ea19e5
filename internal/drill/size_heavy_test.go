//go:build heavy

package drill

const (
	faultSeeds   = 100
	goodArchives = 1000
)
