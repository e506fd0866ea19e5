//go:build heavy

package inventory

const inventories = 1_000_000
