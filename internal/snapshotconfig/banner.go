package snapshotconfig

import (
	"fmt"
	"strings"
)

// Banner is what the agent prints once its configuration has passed, in the layout of Consul's. It is empty when logs are JSON, so that
// standard output holds nothing else.
func (c *Config) Banner(version string) string {
	if c.LogJSON {
		return ""
	}
	var b strings.Builder
	b.WriteString("==> Consul snapshot agent running!\n")
	line := func(label, format string, v any) { fmt.Fprintf(&b, "%20s: "+format+"\n", label, v) }
	line("Version", "%s", version)
	if dc := c.Connection.Datacenter; dc != "" {
		line("Datacenter", "%q", dc)
	} else {
		line("Datacenter", "%s", "(default)")
	}
	line("Interval", "%q", c.Interval)
	if c.Keep.Empty() {
		line("Retain", "%d", c.Retain)
	} else {
		line("Keep", "%q", c.Keep.String())
	}
	line("Stale", "%t", c.Stale)
	if c.RPO > 0 {
		line("Objective", "%q", c.RPO)
	}
	if c.OneShot {
		line("Mode", "%s", "One-shot")
	} else {
		line("Mode", "%s", "Daemon")
		line("Service", "%q", c.Service)
		line("Deregister After", "%q", c.DeregisterAfter)
		line("Lock Key", "%q", c.LockKey)
		line("Max Failures", "%d", c.MaxFailures)
	}
	if whom := c.Encryption.String(); whom != "" {
		line("Encryption", "%s", whom)
	}
	for _, d := range c.Destinations.Describe() {
		line("Snapshot Storage", "%s", d)
	}
	b.WriteString("\n==> Log data will now stream in as it occurs:\n\n")
	return b.String()
}

// Describe describes every destination as the banner does, without secrets: directories, S3, Azure, Google.
func (d *Destinations) Describe() (lines []string) {
	for _, l := range d.Local {
		lines = append(lines, l.String())
	}
	for _, b := range d.S3 {
		lines = append(lines, b.String())
	}
	for _, b := range d.Azure {
		lines = append(lines, b.String())
	}
	for _, b := range d.GCS {
		lines = append(lines, b.String())
	}
	return lines
}

// String describes the directory.
func (l Local) String() string { return fmt.Sprintf("Local -> Path: %q", l.Path) }

// String describes the bucket.
func (b S3) String() string {
	text := fmt.Sprintf("Amazon S3 -> Region: %q Bucket: %q", b.Region, b.Bucket)
	if b.StaticName != "" {
		text += fmt.Sprintf(" Static Name: %q", b.StaticName)
	} else {
		text += fmt.Sprintf(" Key Prefix: %q", shownPrefix(b.KeyPrefix))
	}
	if b.Endpoint != "" {
		text += fmt.Sprintf(" Endpoint: %q", b.Endpoint)
	}
	return text
}

// String describes the container.
func (b Azure) String() string {
	return fmt.Sprintf("Azure Blob Storage -> Account: %q Container: %q Key Prefix: %q",
		b.AccountName, b.ContainerName, shownPrefix(b.KeyPrefix))
}

// String describes the bucket.
func (b GCS) String() string {
	return fmt.Sprintf("Google Cloud Storage -> Bucket: %q Key Prefix: %q", b.Bucket, shownPrefix(b.KeyPrefix))
}

// shownPrefix is the prefix as it stands in keys.
func shownPrefix(prefix string) string { return strings.Trim(prefix, "/") }
