package main

// A measure is one line of a report.
type measure struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
}

// What is measured of servers.
var (
	fillTime    = measure{"fill", "s"}
	saveTime    = measure{"save", "s"}
	saveCPU     = measure{"save, server's cpu", "s"}
	archiveSize = measure{"archive saved", "MB"}

	restoreTime = measure{"restore", "s"}
	restoreCPU  = measure{"restore, server's cpu", "s"}

	inspectTime   = measure{"inspect", "s"}
	inspectCPU    = measure{"inspect, cpu", "s"}
	inspectMemory = measure{"inspect, memory peak", "MB"}

	writesMany    = measure{"writes, all connections", "1/s"}
	writesManyCPU = measure{"write, all connections, server's cpu", "µs"}
	readsMany     = measure{"reads, all connections", "1/s"}
	readsManyCPU  = measure{"read, all connections, server's cpu", "µs"}
	writesOne     = measure{"writes, 1 connection", "1/s"}
	writesOneCPU  = measure{"write, 1 connection, server's cpu", "µs"}
	readsOne      = measure{"reads, 1 connection", "1/s"}
	readsOneCPU   = measure{"read, 1 connection, server's cpu", "µs"}

	memoryStart        = measure{"memory before", "MB"}
	memoryLoaded       = measure{"memory after fill", "MB"}
	memoryAddedBySaves = measure{"memory added by saves, peak", "MB"}
	memorySaved        = measure{"memory after saves", "MB"}
	memoryWritten      = measure{"memory after reads and writes", "MB"}
	memoryRestored     = measure{"memory after restores", "MB"}
	memoryRestorePeak  = measure{"memory during restores, peak", "MB"}
)

// What is measured of common tools, on the same bytes.
var (
	toolUnpack = measure{"gunzip | sha256sum of the archive", "s"}
	toolGzip   = measure{"gzip -6 of state.bin", "s"}
	toolPigz1  = measure{"pigz -1 of state.bin", "s"}
	toolPigz6  = measure{"pigz -6 of state.bin", "s"}
	gzipSize   = measure{"gzip -6 of state.bin, size", "MB"}
)

// order is the order of a report.
var order = []measure{
	saveTime, saveCPU, archiveSize, restoreTime, restoreCPU, inspectTime, inspectCPU, inspectMemory,
	writesMany, writesManyCPU, readsMany, readsManyCPU, writesOne, writesOneCPU, readsOne, readsOneCPU,
	memoryStart, fillTime, memoryLoaded, memoryAddedBySaves, memorySaved, memoryWritten, memoryRestored, memoryRestorePeak,
}

var toolOrder = []measure{toolUnpack, toolGzip, toolPigz1, toolPigz6, gzipSize}

// A goal is a bound for the first server, with the standard load on two processors.
type goal struct {
	measure measure
	over    *measure // what the figure is divided by, of the same server or of a tool; nil for the figure itself
	ratio   bool     // the figure is divided by the second server's
	limit   float64
	least   bool // the limit is a least and not a most
}

var goals = []goal{
	{measure: saveTime, limit: 0.6},
	{measure: restoreTime, limit: 0.9},
	{measure: inspectTime, limit: 0.6},
	{measure: memoryAddedBySaves, limit: 64},
	{measure: archiveSize, over: &gzipSize, limit: 1.1},
	{measure: saveTime, ratio: true, limit: 1. / 8},
	{measure: restoreTime, ratio: true, limit: 1. / 4},
	{measure: inspectTime, ratio: true, limit: 1. / 6},
	{measure: writesMany, ratio: true, limit: 1.5, least: true},
	{measure: readsMany, ratio: true, limit: 1.5, least: true},
	{measure: memoryLoaded, ratio: true, limit: 0.5},
	{measure: memoryRestored, ratio: true, limit: 0.5},
	{measure: archiveSize, ratio: true, limit: 1.1},
}
