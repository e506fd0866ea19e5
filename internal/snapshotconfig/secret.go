package snapshotconfig

// A Secret is a text that must not be shown. Printing it, or marshalling it, shows a placeholder; string(s) is the text.
type Secret string

const placeholder = "(hidden)"

// String is the placeholder, or nothing if there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return placeholder
}

// GoString is String in quotes.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// MarshalText is String, for encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
