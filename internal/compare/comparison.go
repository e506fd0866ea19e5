package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// A comparison is one run over some servers.
type comparison struct {
	load    load
	conns   int
	runs    int           // repetitions of saves, restores and commands
	span    time.Duration // of each measure of reads and writes
	fill    string        // how the load gets into the servers: restore or put
	waiting int           // blocking queries that wait at a time; 0 leaves them out
	restart bool          // whether servers that this program has started are killed and started again
	files   *files
	targets []*target
	report  *report
}

func (c *comparison) run(ctx context.Context) error {
	for _, phase := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"fill", c.fillAll}, {"save", c.saves}, {"read and write", c.traffic}, {"write during saves", c.savesUnderWrites},
		{"wait", c.waits}, {"start again", c.restarts}, {"restore", c.restores}, {"inspect", c.inspects},
		{"save and verify with the command", c.commands}, {"time common tools", c.tools},
		{"measure what the machine can do", c.limits},
	} {
		if err := phase.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", phase.name, err)
		}
	}
	return nil
}

// each calls fn for all servers in turn.
func (c *comparison) each(fn func(i int, t *target) error) error {
	for i, t := range c.targets {
		if err := fn(i, t); err != nil {
			return err
		}
	}
	return nil
}

// rounds calls fn for all servers in turn, again and again.
func (c *comparison) rounds(fn func(i int, t *target) error) error {
	for range c.runs {
		if err := c.each(fn); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) fillAll(ctx context.Context) error {
	return c.each(func(i int, t *target) error {
		m, err := readMemory(t.pid)
		if err != nil {
			return err
		}
		c.report.add(memoryStart, i, megabytes(m.now))
		start := time.Now()
		if c.fill == "put" {
			err = t.fill(ctx, c.load, c.conns)
		} else {
			_, err = t.restore(ctx, c.files.archive)
		}
		if err != nil {
			return err
		}
		c.report.add(fillTime, i, time.Since(start).Seconds())
		if err := t.checkLoaded(ctx, c.load); err != nil {
			return err
		}
		m, err = readMemory(t.pid)
		c.report.add(memoryLoaded, i, megabytes(m.now))
		return err
	})
}

// saves takes one snapshot that is verified, and then those that are timed.
func (c *comparison) saves(ctx context.Context) error {
	before := make([]memory, len(c.targets))
	err := c.each(func(i int, t *target) (err error) {
		if err := resetPeak(t.pid); err != nil {
			return err
		}
		if before[i], err = readMemory(t.pid); err != nil {
			return err
		}
		size, err := t.checkSave(ctx)
		c.report.add(archiveSize, i, megabytes(size))
		return err
	})
	if err != nil {
		return err
	}
	err = c.rounds(func(i int, t *target) error {
		return c.timed(i, t, saveTime, saveCPU, func() (time.Duration, error) { return t.save(ctx, discard) })
	})
	if err != nil {
		return err
	}
	return c.each(func(i int, t *target) error {
		m, err := readMemory(t.pid)
		c.report.add(memoryAddedBySaves, i, megabytes(m.peak-before[i].now))
		c.report.add(memorySaved, i, megabytes(m.now))
		return err
	})
}

// timed adds a duration, and the processor time of the server that went into it.
func (c *comparison) timed(i int, t *target, wall, cpu measure, run func() (time.Duration, error)) error {
	before, err := readCPU(t.pid)
	if err != nil {
		return err
	}
	d, err := run()
	if err != nil {
		return err
	}
	after, err := readCPU(t.pid)
	c.report.add(wall, i, d.Seconds())
	c.report.add(cpu, i, (after - before).Seconds())
	return err
}

func (c *comparison) traffic(ctx context.Context) error {
	x := newTraffic(c.load)
	for _, kind := range []struct {
		rate, cpu, late measure
		conns           int
		do              exchange
	}{
		{readsMany, readsManyCPU, readsManyLate, c.conns, (*traffic).read},
		{writesMany, writesManyCPU, writesManyLate, c.conns, (*traffic).write},
		{readsOne, readsOneCPU, readsOneLate, 1, (*traffic).read},
		{writesOne, writesOneCPU, writesOneLate, 1, (*traffic).write},
	} {
		err := c.each(func(i int, t *target) error {
			p, err := t.exchanges(ctx, x, kind.do, kind.conns, c.span)
			c.report.add(kind.rate, i, p.rate)
			c.report.add(kind.cpu, i, float64(p.cpu)/float64(time.Microsecond))
			c.report.add(kind.late, i, milliseconds(p.late))
			return err
		})
		if err != nil {
			return err
		}
	}
	return c.each(func(i int, t *target) error {
		m, err := readMemory(t.pid)
		c.report.add(memoryWritten, i, megabytes(m.now))
		return err
	})
}

// savesUnderWrites measures writes over all connections by turns with and without saves, one after the other, beside them.
func (c *comparison) savesUnderWrites(ctx context.Context) error {
	x := newTraffic(c.load)
	return c.rounds(func(i int, t *target) error {
		quiet, err := t.exchanges(ctx, x, (*traffic).write, c.conns, c.span/4)
		if err != nil {
			return err
		}
		busy, saves, err := t.writesDuringSaves(ctx, x, c.conns, c.span/2)
		if err != nil {
			return err
		}
		for _, took := range saves {
			c.report.add(saveBusy, i, took.Seconds())
		}
		c.report.add(writesBusy, i, busy.rate)
		c.report.add(writesQuietLate, i, milliseconds(quiet.late))
		c.report.add(writesBusyLate, i, milliseconds(busy.late))
		c.report.add(writesBusyFactor, i, float64(busy.late)/float64(max(quiet.late, 1)))
		return nil
	})
}

func (c *comparison) restores(ctx context.Context) error {
	if err := c.each(func(_ int, t *target) error { return resetPeak(t.pid) }); err != nil {
		return err
	}
	err := c.rounds(func(i int, t *target) error {
		return c.timed(i, t, restoreTime, restoreCPU, func() (time.Duration, error) { return t.restore(ctx, c.files.archive) })
	})
	if err != nil {
		return err
	}
	return c.each(func(i int, t *target) error {
		if err := t.checkLoaded(ctx, c.load); err != nil {
			return err
		}
		m, err := readMemory(t.pid)
		c.report.add(memoryRestored, i, megabytes(m.now))
		c.report.add(memoryRestorePeak, i, megabytes(m.peak))
		return err
	})
}

func (c *comparison) inspects(ctx context.Context) error {
	return c.rounds(func(i int, t *target) error {
		if t.binary == "" {
			return nil
		}
		took, err := timeCommand(ctx, t.binary, "snapshot", "inspect", c.files.archive)
		if err != nil {
			return err
		}
		c.report.add(inspectTime, i, took.wall.Seconds())
		c.report.add(inspectCPU, i, took.cpu.Seconds())
		c.report.addMemory(inspectMemory, i, took.memory)
		return nil
	})
}

// commands runs the commands that an operator would: a save, and the verification of what it wrote.
func (c *comparison) commands(ctx context.Context) error {
	return c.rounds(func(i int, t *target) error {
		if t.binary == "" {
			return nil
		}
		path := c.files.archive + ".saved"
		defer func() { _ = os.Remove(path) }() // the next one overwrites it, too
		saved, err := timeCommand(ctx, t.binary, "snapshot", "save", "-http-addr="+t.addr, path)
		if err != nil {
			return err
		}
		c.report.add(commandSave, i, saved.wall.Seconds())
		c.report.addMemory(commandSaveMemory, i, saved.memory)
		if !t.verifies {
			return nil
		}
		verified, err := timeCommand(ctx, t.binary, "snapshot", "verify", path)
		if err != nil {
			return err
		}
		c.report.add(commandVerify, i, verified.wall.Seconds())
		c.report.addMemory(commandVerifyMemory, i, verified.memory)
		return nil
	})
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func megabytes(n int64) float64 { return float64(n) / 1e6 }
