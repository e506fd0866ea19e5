package inventory

// ClusterName is the name by which backups are told apart: the configured one, else the datacenter with, after a slash, the trust domain of
// its certificate authority if it has one. It must be asked for with the same parts each time: a trust domain that could not be read is
// not the same as none.
func ClusterName(configured, datacenter, trustDomain string) string {
	switch {
	case configured != "":
		return configured
	case trustDomain == "":
		return datacenter
	}
	return datacenter + "/" + trustDomain
}
