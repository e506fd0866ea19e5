package agentconfig

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/lictor-dr/lictor/internal/gossip"
)

// GossipConfig is gossip_lan. All of it is positive.
type GossipConfig struct {
	Interval       time.Duration // between messages to random members
	Nodes          int           // how many members get each
	ProbeInterval  time.Duration // between probes of members in turn
	ProbeTimeout   time.Duration // until a probe's answer is late
	SuspicionMult  int           // how long a suspect may defend itself, in probe intervals, grows with the pool
	RetransmitMult int           // how often news is passed on, grows with the pool
}

// EncryptConfig is the encryption of the gossip.
type EncryptConfig struct {
	// Key is base64 of 16, 24 or 32 bytes, or empty. It seeds a keyring; one that is there already counts for more.
	Key string
	// VerifyIncoming refuses messages that are not encrypted.
	VerifyIncoming bool
	// VerifyOutgoing encrypts what is sent.
	VerifyOutgoing bool
	// DisableKeyringFile keeps the keys in memory only.
	DisableKeyringFile bool
}

// setGossip reads where the pool's gossip listens, how fast it is and who may take part.
func setGossip(s *settings, c *Config) error {
	var err error
	if c.SerfLAN, err = serfAddress(s, c, "serf_lan"); err != nil {
		return err
	}
	c.Gossip, c.GossipWAN = gossipTiming(s, "gossip_lan"), gossipTiming(s, "gossip_wan")
	c.DisableCoordinates = s.boolean("disable_coordinates")
	if c.SerfAllowed, err = allowedNetworks("serf_lan_allowed_cidrs", s); err != nil {
		return err
	}
	if c.SerfWANAllowed, err = allowedNetworks("serf_wan_allowed_cidrs", s); err != nil {
		return err
	}
	if !s.boolean("server") && !s.dev || s.integer("ports.serf_wan") <= 0 {
		return nil
	}
	c.SerfWAN, err = serfAddress(s, c, "serf_wan")
	return err
}

// serfAddress is where the gossip of one kind listens.
func serfAddress(s *settings, c *Config, name string) (netip.AddrPort, error) {
	bind, err := oneAddress(s, name)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if !bind.IsValid() {
		bind = c.BindAddr
	}
	return netip.AddrPortFrom(bind, uint16(s.integer("ports."+name))), nil
}

func gossipTiming(s *settings, block string) GossipConfig {
	return GossipConfig{
		Interval:       s.duration(block + ".gossip_interval"),
		Nodes:          s.integer(block + ".gossip_nodes"),
		ProbeInterval:  s.duration(block + ".probe_interval"),
		ProbeTimeout:   s.duration(block + ".probe_timeout"),
		SuspicionMult:  s.integer(block + ".suspicion_mult"),
		RetransmitMult: s.integer(block + ".retransmit_mult"),
	}
}

// allowedNetworks reads networks that have been found valid. A network of IPv4 addresses in IPv6's form is one of IPv4.
func allowedNetworks(key string, s *settings) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range s.list(key) {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// setEncrypt reads the gossip's encryption. No error contains the key.
func setEncrypt(s *settings, c *Config) error {
	c.Encrypt = EncryptConfig{
		Key:                s.str("encrypt"),
		VerifyIncoming:     s.boolean("encrypt_verify_incoming"),
		VerifyOutgoing:     s.boolean("encrypt_verify_outgoing"),
		DisableKeyringFile: s.boolean("disable_keyring_file"),
	}
	if c.Encrypt.Key == "" {
		return nil
	}
	if _, err := base64.StdEncoding.DecodeString(c.Encrypt.Key); err != nil {
		return fmt.Errorf("encrypt has invalid key: %w", err)
	}
	if _, err := gossip.DecodeKey(c.Encrypt.Key); err != nil {
		return fmt.Errorf("Failed to configure keyring: %w", err)
	}
	return nil
}

// KeyringFile is the file that keeps the gossip's keys, empty if they are kept in memory only. An agent without a key keeps none, but
// one that finds the file has its keys.
func (c *Config) KeyringFile() string { return c.keyringFile("local.keyring") }

// WANKeyringFile is the KeyringFile of the gossip between the servers of all datacenters.
func (c *Config) WANKeyringFile() string { return c.keyringFile("remote.keyring") }

func (c *Config) keyringFile(name string) string {
	if c.DataDir == "" || c.Encrypt.DisableKeyringFile {
		return ""
	}
	return filepath.Join(c.DataDir, "serf", name)
}

// encrypts reports whether the gossip is going to be encrypted: there is a key, or a keyring of an earlier run.
func (c *Config) encrypts() bool {
	if c.Encrypt.Key != "" {
		return true
	}
	file := c.KeyringFile()
	if file == "" {
		return false
	}
	_, err := os.Stat(file)
	return err == nil
}
