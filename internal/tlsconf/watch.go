package tlsconf

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
)

// LoadedFiles identifies the content of the files in force.
func (t *TLS) LoadedFiles() string { return t.now.Load().files }

// CurrentFiles is what LoadedFiles would be of the same configuration loaded now. What cannot be read is identified by the reason.
func (t *TLS) CurrentFiles() string { return t.Config().digest() }

// digest is a digest of all files that a configuration names.
func (c Config) digest() string {
	sum := sha256.New()
	for _, p := range []Protocol{c.InternalRPC, c.HTTPS} {
		for _, path := range p.files() {
			data, err := os.ReadFile(path)
			fmt.Fprintf(sum, "%d %s %d %v ", len(path), path, len(data), err)
			sum.Write(data)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// files are the paths of a protocol's files. A directory that cannot be read stands for what is in it.
func (p Protocol) files() (paths []string) {
	switch {
	case p.CAFile != "":
		paths = append(paths, p.CAFile)
	case p.CAPath != "":
		found, err := filesIn(p.CAPath)
		if err != nil {
			found = []string{p.CAPath}
		}
		paths = append(paths, found...)
	}
	if p.CertFile != "" {
		paths = append(paths, p.CertFile, p.KeyFile)
	}
	return paths
}
