//go:build heavy

package retention

const histories = 1_000_000
