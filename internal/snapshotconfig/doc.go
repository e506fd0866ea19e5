// Package snapshotconfig reads the configuration of `lictor snapshot agent`: command-line flags, JSON and HCL files, the environment and
// defaults. Flags, keys and their meaning are those of Consul Enterprise's snapshot agent, so that its configuration files keep working.
//
// ParseFlags reads the command line, or Describe hands its flags to a command that reads them itself; Load merges all sources, checks
// them and returns a Config that is complete. Load reads files and writes nothing.
//
// # Sources
//
// Flags win over files, files over the environment, and that over defaults. Of several files a later one wins over an earlier one, key
// by key; destinations of backup_destinations add up. An empty text stands for the default. The files of -config-dir are read in the
// order of their names, those in sub-directories are not, and neither are names that do not end in .json or .hcl. A file without a
// snapshot_agent object is left alone, whatever else is in it, but where files are given one of them must have it. In HCL the objects
// are blocks of the same names, and a list of objects is a list or a block repeated:
//
//	snapshot_agent {
//	  snapshot { interval = "30m" }
//	  backup_destinations {
//	    local_storage { path = "/var/backups/consul" }
//	    aws_storage { s3_bucket = "b" s3_region = "r" retain = 300 }
//	  }
//	}
//
// # Destinations
//
// Either backup_destinations, with any number of each kind, or one of each kind directly in snapshot_agent and in flags: one of the two
// layouts, never both. In the second any remote destination switches local storage off. A destination in which nothing is set but
// defaults counts as not there, as the documented example file needs it; one that is set in part is refused.
//
// # Keys beyond Consul's
//
//	listen                  -listen               where /health and /metrics are served; "off" for nowhere; never in one-shot mode
//	token_file              -token-file           holds the token; the flag is Consul's own
//	cluster                 -cluster              the name that backups are filed under, instead of datacenter and trust domain
//	encryption.recipients      -encryption-recipient        public keys of age or OpenSSH that archives are encrypted for, a list
//	encryption.passphrase_file -encryption-passphrase-file  a file with a passphrase that they are encrypted with; not both
//	snapshot.skip_unchanged -skip-unchanged       upload nothing while the state is as in the last proven backup
//	snapshot.rpo            -rpo                  the objective: how old the newest proven backup may be, in each destination
//	snapshot.bandwidth_limit -bandwidth-limit     a rate such as 20MB/s (units are powers of 1024), or "off"
//	log.json                -log-json             one object a line; no banner then
//	drill.memory            -drill-memory         a size such as 512MB (units are powers of 1024), or "auto"
//	drill.every             -drill-every          drill every n-th backup only
//	drill.consul_binary     -drill-consul-binary  rebuild with this consul as well
//	snapshot.keep           -keep-last …          which snapshots to keep, instead of snapshot.retain: see below
//	snapshot.max_shrink     -max-shrink           after a larger loss of records or bytes nothing is deleted until it is accepted
//	retain, keep                                  in a destination: override snapshot.retain and snapshot.keep for it
//	key_prefix                                    in azure_blob_storage and google_storage: as s3_key_prefix in aws_storage
//	endpoint                                      in azure_blob_storage and google_storage: the URL of what is not Azure or Google itself
//
// # Retention
//
// keep is a block with any of last, hourly, daily, weekly, monthly and yearly, which are numbers, and within, a duration with y, w and d
// as further units:
//
//	snapshot { keep { hourly = 24 daily = 7 weekly = 4 monthly = 12 within = "2d" } }
//
// What each means is in package retention. retain and keep in one place are refused. A flag wins over files, whichever of the two they
// have: -retain over keep, any -keep-… over retain. A block in which everything is 0 counts as not there.
//
// # Hooks
//
// The object hooks has three lists, each of any length; lists of several files add up. There are no flags for them.
//
//	hooks {
//	  webhook {
//	    url           = "https://example.com/hook"      # or url_file, which is read for each request
//	    headers       = { "X-Team" = "storage" }
//	    secret_header = "Authorization"                 # its value is what secret_file holds
//	    secret_file   = "/etc/lictor.d/hook.secret"
//	    on            = ["failure", "recovery"]         # the default; or "success" as well
//	    timeout       = "10s"                           # of one try; at most 10m
//	  }
//	  command {
//	    args    = ["/usr/local/bin/notify", "consul"]   # no shell; JSON on standard input, LICTOR_… in the environment
//	    on      = ["failure"]
//	    timeout = "30s"
//	  }
//	  dead_mans_switch {
//	    url     = "https://hc-ping.com/UUID"            # or url_file
//	    method  = "GET"                                 # the default; or HEAD, or POST with the JSON
//	    timeout = "10s"
//	  }
//	}
//
// What a webhook and a command are given is described in internal/alarm. A dead man's switch is requested after each run that ends well
// with a proven backup, or with the last one confirmed, and never otherwise.
//
// # What becomes of a key
//
// Every known key has exactly one fate, and a test holds the table to that: it is served, its value ends up in Config; or it asks for
// something that is not served (syslog, logging in with an auth method) and Load refuses, with the reason and what to do instead; or it
// is without effect (licences) and there is a warning. A key that is not in the table is refused. Values of secret keys never appear in
// an error, a warning or the banner, nor does printing a Config show them.
package snapshotconfig
