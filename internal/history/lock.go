package history

import (
	"fmt"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// A holding is the state of a lock: the session that holds it, if any, and the sessions that have ended.
type holding struct{ holder, ended string }

// A turn is an operation as the model of a lock sees it.
type turn struct {
	Operation
	late bool // an acquisition of this session may happen after its end, and has no effect then
}

var lockModel = func() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{holding{}} },
		Step: func(state, input, _ any) []any {
			return state.(holding).do(input.(turn))
		},
		DescribeOperation: func(input, _ any) string { return input.(turn).String() },
		DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
	}
	return m.ToModel()
}()

// do returns what may be after an operation: nothing if its answer is impossible.
func (h holding) do(t turn) []any {
	next, answers := h, false
	switch t.Kind {
	case Acquire:
		if (h.holder == "" || h.holder == t.Session) && !h.over(t.Session) {
			next.holder, answers = t.Session, true
		}
	case Release:
		if h.holder == t.Session {
			next.holder, answers = "", true
		}
	case End:
		next, answers = h.end(t), true
	}
	switch {
	case t.Outcome == Unknown && next != h:
		return []any{next, h}
	case t.Outcome == Unknown || t.Done == answers:
		return []any{next}
	}
	return nil
}

func (h holding) end(t turn) holding {
	if h.holder == t.Session {
		h.holder = ""
	}
	if t.late && !h.over(t.Session) {
		h.ended += t.Session + " "
	}
	return h
}

func (h holding) over(session string) bool { return strings.Contains(" "+h.ended, " "+session+" ") }

// lockSteps are the operations on one lock that its model has to place. Once a session has ended, nothing that was done in its name
// can happen any more; without that, each operation whose outcome nobody knows could happen until the end.
func lockSteps(ops []Operation) (list []porcupine.Operation) {
	ended, late := map[string]time.Duration{}, map[string]bool{}
	for _, o := range ops {
		if o.Kind == End && o.Outcome == OK && ended[o.Session] == 0 {
			ended[o.Session] = o.Return
		}
		if o.Kind == Acquire && o.Outcome == Unknown {
			late[o.Session] = true
		}
	}
	for _, o := range ops {
		switch end := ended[o.Session]; {
		case o.Outcome == Fail:
			continue
		case o.Outcome == Unknown && end > o.Call:
			o.Return = max(o.Return, end)
		case o.Outcome == Unknown:
			o.Return = forever
		}
		input := turn{o, late[o.Session]}
		list = append(list, porcupine.Operation{ClientId: o.Client, Input: input, Call: int64(o.Call), Return: int64(o.Return)})
	}
	return list
}
