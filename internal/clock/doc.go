// Package clock is time that a test can hold in its hands.
//
// A [Moment] has two readings, because neither alone tells how much time has passed: the monotonic clock stands still while the
// machine is suspended, and the wall clock can be set back. [Moment.Since] is the larger of the two differences: who asks whether a
// lease may have run out must err on the long side.
package clock
