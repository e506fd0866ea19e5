// Package priority runs work that can wait on threads of their own, to which the system gives the processors that others leave. A save
// uses all processors of a machine that has nothing else to do, and next to none of one whose server answers clients.
//
// The priority is that of a thread, and there is no way back for it without rights: such threads end with their work. Where threads have
// no priority of their own (anywhere but on Linux), the work runs as any other.
package priority
