// Package testproc gives tests processes of their own: a program is started, waited for, listened to and ended, and whatever becomes
// of the test, nothing is left running. Only tests import it.
//
// Every process is stopped by its number. On Linux it also dies with the test program, should that be killed. [Overlay] is for programs built of changed sources.
package testproc
