package selective

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/lictor-dr/lictor/internal/diff"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// What a transaction holds, at most. Servers refuse more than 128 operations, and bodies of more than 512 KiB.
const (
	chunkOps   = 64
	chunkBytes = 480 << 10
	inFlight   = 4 // transactions at a time
)

// A keyOp is one change of a key, on the condition that the key is as the plan saw it.
type keyOp struct {
	name  string
	what  diff.What
	value []byte
	flags uint64
	index uint64 // 0: it must not be there
	text  []byte // in a transaction
}

func newKeyOp(c *diff.Change) (*keyOp, error) {
	before, after, err := both(c)
	if err != nil {
		return nil, err
	}
	op := &keyOp{name: c.Name, what: c.What}
	if before != nil {
		op.index = before.Value.(*record.KVEntry).ModifyIndex
	}
	if after != nil {
		e := after.Value.(*record.KVEntry)
		op.value, op.flags = e.Value, e.Flags
	}
	op.encode()
	return op, nil
}

func both(c *diff.Change) (before, after *object.Object, err error) {
	if before, err = c.Before(); err != nil {
		return nil, nil, err
	}
	after, err = c.After()
	return before, after, err
}

// encode writes the operation as a transaction has it.
func (o *keyOp) encode() {
	verb := "cas"
	if o.what == diff.Removed {
		verb = "delete-cas"
	}
	name, _ := json.Marshal(o.name) // a string always has a form
	b := make([]byte, 0, 96+len(name)+base64.StdEncoding.EncodedLen(len(o.value)))
	b = append(append(b, `{"KV":{"Verb":"`...), verb...)
	b = append(append(b, `","Key":`...), name...)
	b = strconv.AppendUint(append(b, `,"Index":`...), o.index, 10)
	if o.what != diff.Removed {
		b = strconv.AppendUint(append(b, `,"Flags":`...), o.flags, 10)
		b = base64.StdEncoding.AppendEncode(append(b, `,"Value":"`...), o.value)
		b = append(b, '"')
	}
	o.text = append(b, "}}"...)
}

// done tells whether a key is as the operation would leave it.
func (o *keyOp) done(e *record.KVEntry) bool {
	if o.what == diff.Removed || e == nil {
		return o.what == diff.Removed && e == nil
	}
	return string(e.Value) == string(o.value) && e.Flags == o.flags
}

// untouched tells whether a key is as the plan saw it.
func (o *keyOp) untouched(e *record.KVEntry) bool {
	return e == nil && o.index == 0 || e != nil && e.ModifyIndex == o.index
}

// A keyWriter writes keys in chunks, several at a time.
type keyWriter struct {
	target *Target
	out    *Outcome
	bar    io.Writer
	chunks chan []*keyOp
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
}

// writeKeys carries out what a plan says of keys. An error says that it was broken off; operations that were not done are counted.
func (p *Plan) writeKeys(ctx context.Context, out *Outcome) error {
	counts := p.count(object.FamilyKey)
	total := counts.Total()
	if total == 0 {
		return nil
	}
	bar := p.opts.start("Writing keys", -1)
	defer bar.Close()
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &keyWriter{target: p.target, out: out, bar: bar, chunks: make(chan []*keyOp), cancel: cancel}
	for range inFlight {
		w.wg.Go(func() { w.work(inner) })
	}
	sent, err := w.feed(inner, p)
	close(w.chunks)
	w.wg.Wait()
	out.NotDone += total - sent
	if cause := context.Cause(inner); cause != nil {
		return cause
	}
	return err
}

// feed hands out the operations in chunks, and returns how many.
func (w *keyWriter) feed(ctx context.Context, p *Plan) (sent int64, err error) {
	var chunk []*keyOp
	size := 2
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case w.chunks <- chunk:
		}
		sent += int64(len(chunk))
		chunk, size = nil, 2
		return nil
	}
	for c := range p.Changes() {
		if c.Family != object.FamilyKey {
			continue
		}
		op, err := newKeyOp(&c)
		if err != nil {
			return sent, err
		}
		if len(chunk) == chunkOps || size+len(op.text)+1 > chunkBytes {
			if err := flush(); err != nil {
				return sent, err
			}
		}
		chunk, size = append(chunk, op), size+len(op.text)+1
	}
	return sent, flush()
}

// work writes chunks until there are no more. Once it was broken off it only counts.
func (w *keyWriter) work(ctx context.Context) {
	for chunk := range w.chunks {
		left, err := w.write(ctx, chunk)
		if err != nil {
			w.cancel(err)
		}
		w.out.mu.Lock()
		w.out.NotDone += int64(len(left))
		w.out.mu.Unlock()
	}
}

// write carries out the operations of a chunk, and returns those of which it is not known what came of them.
func (w *keyWriter) write(ctx context.Context, chunk []*keyOp) (left []*keyOp, err error) {
	left = chunk
	unsure := false // an answer is lost, and it may have happened: what is there is looked at before anything is sent again
	err = w.target.again(ctx, retryWrite, func() (err error) {
		if unsure {
			if left, err = w.look(ctx, left, nil); err != nil {
				return err
			}
			unsure = false
		}
		for err == nil && len(left) > 0 {
			left, err = w.transact(ctx, left)
		}
		unsure = err != nil
		return err
	})
	return left, err
}

// retryWrite tells whether a transaction may be sent again. It does nothing twice.
func retryWrite(err error) bool {
	return transient(err) || status(err) >= http.StatusInternalServerError
}

// transact sends one transaction, and returns the operations that are still to be done, also beside an error.
func (w *keyWriter) transact(ctx context.Context, ops []*keyOp) (left []*keyOp, err error) {
	if len(ops) == 1 && len(ops[0].text)+2 > chunkBytes {
		return w.single(ctx, ops[0])
	}
	faults, err := w.target.transaction(ctx, w.out, ops)
	switch {
	case status(err) == http.StatusRequestEntityTooLarge && len(ops) > 1:
		return w.halves(ctx, ops)
	case status(err) == http.StatusRequestEntityTooLarge && ops[0].what != diff.Removed:
		return w.single(ctx, ops[0])
	case status(err) != 0 && !retryWrite(err):
		for _, op := range ops {
			w.out.fail(object.FamilyKey, op.name, err)
		}
		return nil, nil
	case err != nil:
		return ops, err
	case len(faults) > 0:
		return w.sort(ctx, ops, faults)
	}
	for _, op := range ops {
		w.applied(op)
	}
	return nil, nil
}

// halves sends what is too large for the datacenter in two.
func (w *keyWriter) halves(ctx context.Context, ops []*keyOp) (left []*keyOp, err error) {
	left, err = w.transact(ctx, ops[:len(ops)/2])
	if err != nil {
		return append(left, ops[len(ops)/2:]...), err
	}
	again, err := w.transact(ctx, ops[len(ops)/2:])
	return append(left, again...), err
}

func (w *keyWriter) applied(op *keyOp) {
	_, _ = w.bar.Write(op.value) // which never fails
	w.out.applied(object.FamilyKey, op.what)
}

// sort goes through the operations of a transaction that was rolled back: those that are at fault are looked at, the others go again.
func (w *keyWriter) sort(ctx context.Context, ops []*keyOp, faults map[int]string) (left []*keyOp, err error) {
	var suspects []*keyOp
	texts := map[*keyOp]string{}
	for i, op := range ops {
		switch text, at := faults[i]; {
		case !at:
			left = append(left, op)
		case denied(errors.New(text)):
			w.out.fail(object.FamilyKey, op.name, errors.New(text))
		default:
			suspects, texts[op] = append(suspects, op), text
		}
	}
	if len(left) == len(ops) {
		return left, fmt.Errorf("%w: a transaction was rolled back and no operation of it is at fault", errAnswer)
	}
	looked, err := w.look(ctx, suspects, texts)
	return append(left, looked...), err
}

// look reads keys that could not be written, each with what was said of it, or that may have been written. It returns those that are to be
// written still.
func (w *keyWriter) look(ctx context.Context, ops []*keyOp, faults map[*keyOp]string) (left []*keyOp, err error) {
	for i, op := range ops {
		e, err := w.target.readKey(ctx, op.name)
		switch fault := faults[op]; {
		case denied(err):
			w.out.fail(object.FamilyKey, op.name, err)
		case err != nil:
			return append(left, ops[i:]...), err
		case op.done(e) && faults == nil:
			w.applied(op)
		case op.done(e):
			w.out.already()
		case !op.untouched(e):
			w.out.conflict(object.FamilyKey, op.name, changedSince)
		case fault != "":
			w.out.fail(object.FamilyKey, op.name, errors.New(fault))
		default:
			left = append(left, op)
		}
	}
	return left, nil
}

// transaction sends operations as one transaction: none of them is done if one fails. It returns what is said of those that do.
func (t *Target) transaction(ctx context.Context, out *Outcome, ops []*keyOp) (faults map[int]string, err error) {
	size := 2
	for _, op := range ops {
		size += len(op.text) + 1
	}
	body := append(make([]byte, 0, size), '[')
	for i, op := range ops {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, op.text...)
	}
	return t.txn(ctx, out, append(body, ']'))
}

// txn sends a transaction.
func (t *Target) txn(ctx context.Context, out *Outcome, body []byte) (faults map[int]string, err error) {
	ctx, stop := lingering(ctx)
	defer stop()
	out.requested()
	resp, err := t.call(ctx, http.MethodPut, "/v1/txn", nil, body, http.StatusConflict)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Errors []struct {
			OpIndex int
			What    string
		}
	}
	conflict := resp.StatusCode == http.StatusConflict
	if err := decode(resp, &answer); err != nil || !conflict {
		return nil, err
	}
	faults = map[int]string{}
	for _, e := range answer.Errors {
		faults[e.OpIndex] = e.What
	}
	if len(faults) == 0 {
		return nil, fmt.Errorf("%w: a transaction was rolled back without a reason", errAnswer)
	}
	return faults, nil
}

// single writes a key that no transaction has room for.
func (w *keyWriter) single(ctx context.Context, op *keyOp) (left []*keyOp, err error) {
	w.out.requested()
	params := url.Values{"cas": {strconv.FormatUint(op.index, 10)}, "flags": {strconv.FormatUint(op.flags, 10)}}
	sending, stop := lingering(ctx)
	defer stop()
	resp, err := w.target.call(sending, http.MethodPut, "/v1/kv/"+escapeKey(op.name), params, op.value)
	var held bool
	if err == nil {
		err = decode(resp, &held)
	}
	switch {
	case status(err) != 0 && !retryWrite(err):
		w.out.fail(object.FamilyKey, op.name, err)
		return nil, nil
	case err != nil:
		return []*keyOp{op}, err
	case held:
		w.applied(op)
		return nil, nil
	}
	return w.look(ctx, []*keyOp{op}, map[*keyOp]string{op: "the datacenter did not take it"})
}
