package drill

import (
	"encoding/hex"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
)

// tableFacts is the records of a source, as far as they are of the named types, without what is empty in them. Nothing else is lost.
func tableFacts(src digest.Source, types map[string]bool, lastIndex uint64) facts {
	e := expectation{lastIndex}
	return func(visit func(fact) error) error {
		return src(func(raw record.Raw) error {
			family := raw.Type.String()
			if !types[family] {
				return nil
			}
			v, err := plain(raw.Value)
			if err != nil {
				return unread(raw, err)
			}
			if m, ok := v.(map[string]any); ok && raw.Type == record.TypeRegister {
				e.complete(m)
			}
			tidied, _ := tidy(v, lossless)
			f, err := bodied(family, record.Name(raw), tidied)
			if err != nil {
				return err
			}
			return visit(f)
		})
	}
}

// lossless is the leaf that keeps apart what JSON would not: bytes that are no text, and floats from whole numbers. Both begin with a
// byte that other text does not begin with.
func lossless(v any) any {
	switch v := v.(type) {
	case string:
		if !utf8.ValidString(v) || strings.HasPrefix(v, "\x00") {
			return "\x00" + hex.EncodeToString([]byte(v))
		}
	case float64:
		return [2]any{"float", math.Float64bits(v)}
	case []byte:
		return [2]any{"bytes", v}
	}
	return v
}
