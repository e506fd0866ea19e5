package archive

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/klauspost/compress/flate"
)

const (
	// blockSize is what one goroutine compresses at a time; each block sees the end of the one before it as dictionary.
	blockSize = 512 << 10
	// dictionarySize is how much of the block before that is. Deflate could look back twice as far, which costs more than it saves.
	dictionarySize = 16 << 10
	// maxParallel bounds the blocks in work, and so the memory, on large machines. Each costs about 2 MB.
	maxParallel = 8
	// sampleSize bytes are tried at all levels, at the beginning and after each segmentSize bytes.
	sampleSize  = 128 << 10
	segmentSize = 32 << 20
	// tolerance is by how much the sample may be larger than at the level that packs it best, in percent. Together with the 5 % below, no
	// archive is a tenth larger than that of gzip -6.
	tolerance = 3
)

// levels are the candidates, fastest first. Level 6 is within 5 % of gzip -6 on all data that was measured. Levels 2
// and 3 are two to three times as fast and pack some data just as well, other data (many small keys) 20 % worse.
var levels = [...]int{2, 3, 5, 6}

const safeLevel = 6

// A block is a part of a gzip member: its bytes, those before it, and what has come of them; or a piece of the frame around them.
type block struct {
	in, before, out []byte
	level           int
	last            bool // of its member
	frame           bool
	done            chan struct{} // has room for one
}

// compressor writes gzip members, compressing in parallel. A member ends where another level becomes the better one.
// Write blocks while as many blocks are in work as there may be. w must not fail.
type compressor struct {
	w    io.Writer
	gate gate
	low  bool // blocks are compressed with low priority

	level   int    // of the member, 0 if none has begun
	cur     *block // what is gathered of it
	crc     uint32
	size    uint32
	sample  []byte // held back until its level is chosen
	segment int    // bytes to write before the next sample

	order chan *block // to who writes; nil until there is a second block
	jobs  chan *block // to who compresses
	wrote chan struct{}
}

// Blocks and what compresses them hold megabytes. They are used again, so that saves do not leave them for the garbage collector.
var (
	idleBlocks   = sync.Pool{New: func() any { return &block{in: make([]byte, 0, blockSize), done: make(chan struct{}, 1)} }}
	idleDeflates [safeLevel + 1]sync.Pool // of *flate.Writer, by level
)

func newCompressor(w io.Writer) *compressor { return &compressor{w: w} }

func (c *compressor) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		n, err := c.writeSome(p)
		if err != nil {
			return total - len(p), err
		}
		p = p[n:]
	}
	return total, nil
}

func (c *compressor) writeSome(p []byte) (int, error) {
	if c.segment > 0 {
		p = p[:min(len(p), c.segment)]
		c.gather(p)
		c.segment -= len(p)
		return len(p), nil
	}
	n := min(len(p), sampleSize-len(c.sample))
	c.sample = append(c.sample, p[:n]...)
	if len(c.sample) < sampleSize {
		return n, nil
	}
	level, err := bestLevel(c.sample)
	if err != nil {
		return 0, err
	}
	c.segment = segmentSize
	c.flushSample(level)
	return n, nil
}

// flushSample writes the sample at the given level, in a new member if it is not that of the current one.
func (c *compressor) flushSample(level int) {
	if c.level != level {
		c.endMember()
		c.begin(level)
	}
	c.gather(c.sample)
	c.sample = c.sample[:0]
}

// begin begins a member. (The format is that of RFC 1952: no name, no time, no system.)
func (c *compressor) begin(level int) {
	c.level, c.crc, c.size = level, 0, 0
	c.emit(&block{out: []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}, frame: true})
	c.cur = newBlock(level, nil)
}

func newBlock(level int, before []byte) *block {
	b := idleBlocks.Get().(*block)
	b.in, b.before, b.level, b.last = b.in[:0], append(b.before[:0], before...), level, false
	return b
}

// gather adds to the member. Blocks that are full, and not the last, are compressed.
func (c *compressor) gather(p []byte) {
	c.crc = crc32.Update(c.crc, crc32.IEEETable, p)
	c.size += uint32(len(p))
	for len(p) > 0 {
		if len(c.cur.in) == blockSize {
			full := c.cur
			c.cur = newBlock(c.level, full.in[blockSize-dictionarySize:])
			c.dispatch(full)
		}
		n := min(len(p), blockSize-len(c.cur.in))
		c.cur.in = append(c.cur.in, p[:n]...)
		p = p[n:]
	}
}

// endMember ends the member, if one has begun.
func (c *compressor) endMember() {
	if c.level == 0 {
		return
	}
	c.cur.last = true
	c.dispatch(c.cur)
	c.cur, c.level = nil, 0
	trailer := binary.LittleEndian.AppendUint32(nil, c.crc)
	c.emit(&block{out: binary.LittleEndian.AppendUint32(trailer, c.size), frame: true})
}

// dispatch has a block compressed: here if it is the only one, else beside.
func (c *compressor) dispatch(b *block) {
	if c.order == nil && b.last {
		b.compress()
		_, _ = c.w.Write(b.out) // which never fails
		idleBlocks.Put(b)
		return
	}
	if c.order == nil {
		c.start()
	}
	c.gate.enter()
	c.order <- b
	c.jobs <- b
}

// emit writes a piece of the frame, behind the blocks that come before it.
func (c *compressor) emit(b *block) {
	if c.order == nil {
		_, _ = c.w.Write(b.out) // which never fails
		return
	}
	c.order <- b
}

// start starts who compresses and who writes.
func (c *compressor) start() {
	workers := min(runtime.NumCPU(), maxParallel)
	depth := min(2*workers, maxParallel)
	c.order, c.jobs, c.wrote = make(chan *block, depth), make(chan *block, depth), make(chan struct{})
	for range workers {
		beside(c.low, func() {
			for b := range c.jobs {
				b.compress()
				b.done <- struct{}{}
			}
		})
	}
	go func() {
		defer close(c.wrote)
		for b := range c.order {
			c.put(b)
		}
	}()
}

// put writes a block once it has been compressed.
func (c *compressor) put(b *block) {
	if b.frame {
		_, _ = c.w.Write(b.out) // which never fails
		return
	}
	<-b.done
	_, _ = c.w.Write(b.out)
	c.gate.leave()
	idleBlocks.Put(b)
}

// compress makes deflate blocks of a block, which end at a byte.
func (b *block) compress() {
	out := bytes.NewBuffer(b.out[:0])
	z := newDeflate(b.level)
	z.ResetDict(out, b.before)
	_, err := z.Write(b.in)
	if err == nil && b.last {
		err = z.Close()
	} else if err == nil {
		err = z.Flush()
	}
	if err != nil { // memory takes everything
		panic("archive: " + err.Error())
	}
	idleDeflates[b.level].Put(z)
	b.out = out.Bytes()
}

func newDeflate(level int) *flate.Writer {
	if z, idle := idleDeflates[level].Get().(*flate.Writer); idle {
		return z
	}
	z, err := flate.NewWriterDict(nil, level, nil)
	if err != nil { // there is no such level
		panic("archive: " + err.Error())
	}
	return z
}

// bestLevel compresses a sample at all levels and gives the fastest one that packs it well enough.
func bestLevel(sample []byte) (int, error) {
	var sizes [len(levels)]int
	for i, level := range levels {
		var size countWriter
		z := newDeflate(level)
		z.ResetDict(&size, nil)
		if _, err := z.Write(sample); err != nil {
			return 0, err
		}
		if err := z.Close(); err != nil {
			return 0, err
		}
		idleDeflates[level].Put(z)
		sizes[i] = int(size)
	}
	best := slices.Min(sizes[:])
	for i, n := range sizes {
		if n*100 <= best*(100+tolerance) {
			return levels[i], nil
		}
	}
	return safeLevel, nil
}

// Close ends the last member and the goroutines. Without any Write it writes an empty member.
func (c *compressor) Close() error {
	if len(c.sample) > 0 || c.level == 0 {
		level := c.level
		if level == 0 {
			level = safeLevel
		}
		c.flushSample(level)
	}
	c.endMember()
	if c.order != nil {
		close(c.jobs)
		close(c.order)
		<-c.wrote
		c.order = nil
	}
	return nil
}

// countWriter counts bytes and drops them.
type countWriter int

func (n *countWriter) Write(p []byte) (int, error) {
	*n += countWriter(len(p))
	return len(p), nil
}
