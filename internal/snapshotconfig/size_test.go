package snapshotconfig

import "testing"

func TestParseSize(t *testing.T) {
	tests := []struct {
		text string
		want any // nil for the default
		ok   bool
	}{
		{"1", int64(1), true}, {"7B", int64(7), true}, {"2k", int64(2 << 10), true}, {"512MB", int64(512 << 20), true},
		{"3 GiB", int64(3 << 30), true}, {"1tb", int64(1 << 40), true}, {"Auto", nil, true},
		{"0", nil, false}, {"-1K", nil, false}, {"1.5G", nil, false}, {"G", nil, false}, {"1X", nil, false}, {"1MM", nil, false},
		{"1BB", nil, false}, {"1I", nil, false}, {"9223372036854775807K", nil, false}, {"8388607T", int64(8388607 << 40), true}, {"8388608T", nil, false},
	}
	for _, tt := range tests {
		if got, err := parseSize(tt.text); (err == nil) != tt.ok || got != tt.want {
			t.Errorf("%q: %v, %v", tt.text, got, err)
		}
	}
}
