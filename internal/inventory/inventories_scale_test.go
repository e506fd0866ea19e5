//go:build !heavy

package inventory

const inventories = 100_000
