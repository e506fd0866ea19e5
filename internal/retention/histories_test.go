//go:build !heavy

package retention

const histories = 100_000
