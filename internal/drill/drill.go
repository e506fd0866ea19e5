package drill

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/preflight"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// Run carries out a drill on the archive that open opens: without something to compare with that was read before, and with no server
// but Lictor's own. It needs the memory that [Need] tells.
func Run(ctx context.Context, open func() (io.ReadCloser, error)) (*Report, error) {
	return Prove(ctx, open, nil)
}

// Prove carries out a drill on the archive that open opens, and compares what is in it with want, unless that is nil. The report tells
// whether the archive is proven; the error is that of ctx.
func Prove(ctx context.Context, open Open, want *Want) (*Report, error) {
	return lictor().prove(ctx, open, want)
}

// A prover rebuilds archives. Its fields are what a drill puts on trial.
type prover struct {
	decoder func() func(record.Raw) (any, error) // of records into what the tables hold, for one stream
	encoder func(*state.Store) digest.Source     // of what the tables hold into records
	handler func(*state.Store) http.Handler
}

// lictor is the code that servers run.
func lictor() *prover { return &prover{checked, Tables, handlers} }

// checked returns the decoder of servers, which looks at all records before a restore. Records of unknown types come through.
func checked() func(record.Raw) (any, error) {
	c := preflight.Checker{Allow: unknownTypes}
	return c.Check
}

// unknownTypes are the types that Consul does not restore.
var unknownTypes = func() (all []record.Type) {
	for i := range 256 {
		if t := record.Type(i); !t.Restorable() {
			all = append(all, t)
		}
	}
	return all
}()

func (p *prover) prove(ctx context.Context, open Open, want *Want) (*Report, error) {
	report := &Report{Engine: engineName, Proof: Proven}
	began := time.Now()
	err := p.compare(ctx, open, want, report)
	report.Duration = time.Since(began)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	report.conclude(err)
	return report, nil
}

// compare carries out the steps of a drill. An error is the reason why there is nothing to compare.
func (p *prover) compare(ctx context.Context, open Open, want *Want, report *Report) error {
	open = withContext(ctx, open)
	built, err := p.rebuild(open, want, report)
	if err != nil {
		return err
	}
	if err := p.compareTables(open, built, report); err != nil {
		return err
	}
	ask := asking(p.handler(built.store))
	return compareAnswers(open, built.expected, func(visit func(fact) error) error {
		if built.expected[familyAutopilot] != nil {
			if err := ask.autopilot(ctx, visit); err != nil {
				return err
			}
		}
		return ask.answers(ctx, visit)
	}, func(Mismatch) bool { return false }, report)
}

// rebuilt is an archive that was read to its end, and the state that was built from it.
type rebuilt struct {
	header   record.Header
	store    *state.Store
	expected tally
}

// rebuild reads the archive once, to its last byte: counts it, works out what the API is to show, and builds the state. That the archive is
// not what was wanted is reported even if no state can be built from it.
func (p *prover) rebuild(open Open, want *Want, report *Report) (*rebuilt, error) {
	built := &rebuilt{expected: tally{}}
	var builder *state.Builder
	var refused error
	decode := p.decoder()
	c, err := read(open, func(h record.Header) {
		built.header, builder = h, state.NewBuilder(h)
	}, func(raw record.Raw) error {
		if refused == nil {
			refused = add(builder, decode, raw)
		}
		if refused == nil {
			refused = expectation{built.header.LastIndex}.facts(raw, built.expected.add)
		}
		return nil // whatever it is, the rest is counted
	})
	if err != nil {
		return nil, err
	}
	report.Records, report.Families, report.StateSize = c.families.Records(), c.families, c.StateSize
	report.ByBytes = byBytes(c.families)
	report.Differences = append(report.Differences, want.compare(c)...)
	if refused == nil {
		refused = c.Meta.CheckRestorable(c.StateSize)
	}
	if refused != nil && want != nil { // it is what the server gave: who is wrong, the server or Lictor, is not for a drill to say
		return nil, fmt.Errorf("no state can be built from it: %v", refused)
	}
	if refused != nil {
		return nil, refused
	}
	built.store, err = builder.Store(c.Meta.Index, c.Meta.Term)
	return built, err
}

func add(b *state.Builder, decode func(record.Raw) (any, error), raw record.Raw) error {
	v, err := decode(raw)
	if err != nil {
		return err
	}
	if err := b.Add(raw.Type, v); err != nil {
		return raw.Fault(err)
	}
	return nil
}

// compareTables compares what the tables encode afresh with the archive. Archives of other versions lack fields, which are written out
// empty: families that differ are compared once more, without what is empty.
func (p *prover) compareTables(open Open, built *rebuilt, report *Report) error {
	encoded := p.encoder(built.store)
	families, err := digest.Of(encoded)
	if err != nil {
		return fmt.Errorf("encode the tables: %w", err)
	}
	unlike := map[string]bool{}
	for _, t := range report.Families.Differing(families) {
		if t != record.TypeChunkingState || report.Families[t].Count > 0 { // tables always write one
			unlike[t.String()] = true
		}
	}
	if len(unlike) == 0 {
		return nil
	}
	first := tableFacts(Archive(open), unlike, built.header.LastIndex)
	second := tableFacts(encoded, unlike, built.header.LastIndex)
	named, total, err := mismatches(first, second, unlike, addedIndex)
	if err != nil {
		return err
	}
	report.Tables = append(report.Tables, named...)
	report.Mismatches += total
	if len(named) == 0 {
		delete(unlike, record.TypeIndex.String())
		report.Completed = slices.Sorted(maps.Keys(unlike))
	}
	return nil
}

// addedIndex tells whether a mismatch is the Index record of a table for which the archive has none: servers write one for each.
func addedIndex(m Mismatch) bool {
	return m.What == digest.Added && m.Family == record.TypeIndex.String()
}

// compareAnswers compares what the API shows with what the archive says.
func compareAnswers(open Open, expected tally, answers facts, none func(Mismatch) bool, report *Report) error {
	answered := tally{}
	if err := answers(answered.add); err != nil {
		return fmt.Errorf("ask the rebuilt state: %w", err)
	}
	report.Facts = expected.total()
	unlike := expected.differing(answered)
	if len(unlike) == 0 {
		return nil
	}
	named, total, err := mismatches(expectedOf(open), answers, unlike, none)
	report.Answers = append(report.Answers, named...)
	report.Mismatches += total
	return err
}

// expectedOf is what the API is to show of an archive.
func expectedOf(open Open) facts {
	return func(visit func(fact) error) error {
		var e expectation
		_, err := read(open, func(h record.Header) { e.lastIndex = h.LastIndex }, func(raw record.Raw) error { return e.facts(raw, visit) })
		return err
	}
}
