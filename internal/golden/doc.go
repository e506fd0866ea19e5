// Package golden gives tests the archives in the project's testdata: those that a real Consul 1.21.4 wrote, and damaged ones made of
// them. Only tests import it.
package golden
