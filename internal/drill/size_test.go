//go:build !heavy

package drill

const (
	faultSeeds   = 4
	goodArchives = 60
)
