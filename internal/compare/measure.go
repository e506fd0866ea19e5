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

	writesManyLate = measure{"write, all connections, p99", "ms"}
	readsManyLate  = measure{"read, all connections, p99", "ms"}
	writesOneLate  = measure{"write, 1 connection, p99", "ms"}
	readsOneLate   = measure{"read, 1 connection, p99", "ms"}

	saveBusy         = measure{"save during writes", "s"}
	writesBusy       = measure{"writes during saves", "1/s"}
	writesQuietLate  = measure{"write before saves, p99", "ms"}
	writesBusyLate   = measure{"write during saves, p99", "ms"}
	writesBusyFactor = measure{"write, p99 during / before saves", ""}

	wakeMedian    = measure{"blocking query, from a write's start to its answer", "ms"}
	wakeLate      = measure{"the same, p99", "ms"}
	memoryWaiting = measure{"memory added by waiting queries", "MB"}
	writesWaiting = measure{"writes, all connections, while queries wait", "1/s"}
	writesAlone   = measure{"writes, all connections, right after", "1/s"}

	startTime = measure{"start after kill -9, until the last of the load is read", "s"}

	commandSave         = measure{"snapshot save, the command", "s"}
	commandSaveMemory   = measure{"snapshot save, the command, memory peak", "MB"}
	commandVerify       = measure{"snapshot verify, the command", "s"}
	commandVerifyMemory = measure{"snapshot verify, the command, memory peak", "MB"}

	memoryStart        = measure{"memory before", "MB"}
	memoryLoaded       = measure{"memory after fill", "MB"}
	memoryAddedBySaves = measure{"memory added by saves, peak", "MB"}
	memorySaved        = measure{"memory after saves", "MB"}
	memoryWritten      = measure{"memory after reads and writes", "MB"}
	memoryStarted      = measure{"memory after the start", "MB"}
	memoryRestored     = measure{"memory after restores", "MB"}
	memoryRestorePeak  = measure{"memory during restores, peak", "MB"}
)

// What is measured of common tools, on the same bytes.
var (
	toolUnpack = measure{"gunzip | sha256sum of the archive", "s"}
	toolGzip   = measure{"gzip -6 of state.bin", "s"}
	toolPigz1  = measure{"pigz -1 of state.bin", "s"}
	toolPigz6  = measure{"pigz -6 of state.bin", "s"}
	limitPack  = measure{"pgzip at level 3 of state.bin, in parallel", "s"}
	limitReads = measure{"answers of net/http that are made already, all connections", "1/s"}
	limitSyncs = measure{"appends of 700 bytes to a file, each synced", "1/s"}
	gzipSize   = measure{"gzip -6 of state.bin, size", "MB"}
)

// order is the order of a report.
var order = []measure{
	saveTime, saveCPU, archiveSize, restoreTime, restoreCPU, inspectTime, inspectCPU, inspectMemory,
	writesMany, writesManyCPU, readsMany, readsManyCPU, writesOne, writesOneCPU, readsOne, readsOneCPU,
	writesManyLate, readsManyLate, writesOneLate, readsOneLate,
	saveBusy, writesBusy, writesQuietLate, writesBusyLate, writesBusyFactor,
	wakeMedian, wakeLate, memoryWaiting, writesWaiting, writesAlone, startTime,
	commandSave, commandSaveMemory, commandVerify, commandVerifyMemory,
	memoryStart, fillTime, memoryLoaded, memoryAddedBySaves, memorySaved, memoryWritten, memoryStarted, memoryRestored, memoryRestorePeak,
}

var toolOrder = []measure{toolUnpack, toolGzip, toolPigz1, toolPigz6, gzipSize, limitPack, limitReads, limitSyncs}

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
	{measure: memoryRestorePeak, ratio: true, limit: 0.5},
	{measure: writesOne, ratio: true, limit: 1.2, least: true},
	{measure: writesBusyFactor, limit: 2},
	{measure: wakeLate, limit: 5},
	{measure: memoryWaiting, limit: 300},
	{measure: startTime, limit: 5},
	{measure: commandSaveMemory, limit: 64},
	{measure: commandVerifyMemory, limit: 64},
	{measure: archiveSize, ratio: true, limit: 1.1},
}

// guards are bounds for the first server with the standard load, where times are ratios to what the machine can do by itself: they hold on
// any machine with two processors. Noise has half as much again; what is slower than that was made slower.
var guards = []goal{
	{measure: saveTime, over: &limitPack, limit: 2.7},
	{measure: restoreTime, over: &toolUnpack, limit: 1.4},
	{measure: inspectTime, over: &toolUnpack, limit: 0.95},
	{measure: archiveSize, over: &gzipSize, limit: 1.1},
	{measure: readsMany, over: &limitReads, limit: 0.4, least: true},
	{measure: writesMany, over: &limitReads, limit: 0.14, least: true},
	{measure: writesOne, over: &limitSyncs, limit: 0.25, least: true},
	{measure: writesBusyFactor, limit: 4},
	{measure: startTime, over: &toolUnpack, limit: 6},
	{measure: memoryLoaded, limit: 450},
	{measure: memoryAddedBySaves, limit: 64},
	{measure: memoryRestorePeak, limit: 1000},
	{measure: memoryWaiting, limit: 300},
	{measure: commandSaveMemory, limit: 80},
	{measure: commandVerifyMemory, limit: 80},
}
