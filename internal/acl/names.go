package acl

import (
	"errors"
	"fmt"
	"strings"
)

// maxName is the longest name in bytes.
const maxName = 256

// ValidatePolicyName refuses names that a new policy cannot have: they have 1 to 256 letters, digits, dashes and underscores, and may
// have a slash inside.
func ValidatePolicyName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("Invalid Policy: invalid Name. %d characters are more than the %d allowed", len(name), maxName)
	}
	if !isPolicyName(name) {
		return errors.New("Invalid Policy: invalid Name. Only alphanumeric characters, a single '/', '-' and '_' are allowed")
	}
	return nil
}

// ValidateRoleName refuses names that a new role cannot have: they have 1 to 256 letters, digits, dashes and underscores.
func ValidateRoleName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("Invalid Role: invalid Name. %d characters are more than the %d allowed", len(name), maxName)
	}
	if !isWord(name) {
		return errors.New("Invalid Role: invalid Name. Only alphanumeric characters, '-' and '_' are allowed")
	}
	return nil
}

// ValidateServiceIdentityName refuses names that a service identity cannot have: they have 1 to 256 lower-case letters, digits, dashes
// and underscores, and begin and end with a letter or digit.
func ValidateServiceIdentityName(name string) error { return validateIdentity("Service", name) }

// ValidateNodeIdentityName refuses names that a node identity cannot have. The rule is that of service identities.
func ValidateNodeIdentityName(name string) error { return validateIdentity("Node", name) }

func validateIdentity(kind, name string) error {
	if len(name) > maxName {
		return fmt.Errorf("%s identity has an invalid name. %d characters are more than the %d allowed", kind, len(name), maxName)
	}
	if !isIdentity(name) {
		return fmt.Errorf("%s identity has an invalid name. Only lowercase alphanumeric characters, '-' and '_' are allowed", kind)
	}
	return nil
}

// isWord tells whether name is made of letters, digits, dashes and underscores, and not empty.
func isWord(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool { return !isAlphanumeric(c) && c != '-' && c != '_' })
}

func isAlphanumeric(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// isPolicyName tells whether name is a word, or two with a slash between them.
func isPolicyName(name string) bool {
	space, rest, slash := strings.Cut(name, "/")
	return isWord(space) && (!slash || isWord(rest))
}

// isIdentity tells whether name is a word in lower case with no dash or underscore at either end.
func isIdentity(name string) bool {
	return isWord(name) && name == strings.ToLower(name) && strings.Trim(name, "-_") == name
}
