package storetest

import "time"

// A Fault is one way in which a store goes wrong.
type Fault int

// The faults of a [Faulty] store. Those of a Put strike what is stored, those of a read only what this reader is given.
const (
	FailPut      Fault = iota + 1 // Put fails and stores nothing
	FailAfterPut                  // Put fails, but everything is stored
	LosePut                       // Put succeeds, but nothing is stored: an old object stays
	TruncatePut                   // Put succeeds, but the object ends early
	EmptyPut                      // Put succeeds, but the object is empty
	FlipPut                       // Put succeeds, but one bit of the object is another
	ZeroPut                       // Put succeeds, but up to 4 KiB of the object are zeros
	SwapPut                       // Put succeeds, but stores the content of the object that was put before, under whatever name
	FailGet                       // Get fails
	LoseGet                       // Get says that there is no such object
	FailRead                      // reading fails somewhere
	TruncateRead                  // the object seems to end early
	FlipRead                      // one bit of the object seems to be another
	StaleRead                     // Get gives what the object was before its last Put: the old one, or none
	FailList                      // List fails
	StaleList                     // List gives what it gave last time, nothing at first
	ShortList                     // List leaves one object out
	FailDelete                    // Delete fails, the object stays
	LoseDelete                    // Delete succeeds, the object stays
	Delay                         // whatever is called waits first, or until its context is done
)

var faultNames = map[Fault]string{
	FailPut: "fail put", FailAfterPut: "fail after put", LosePut: "lose put", TruncatePut: "truncate put", EmptyPut: "empty put",
	FlipPut: "flip put", ZeroPut: "zero put", SwapPut: "swap put", FailGet: "fail get", LoseGet: "lose get", FailRead: "fail read",
	TruncateRead: "truncate read", FlipRead: "flip read", StaleRead: "stale read", FailList: "fail list", StaleList: "stale list",
	ShortList: "short list", FailDelete: "fail delete", LoseDelete: "lose delete", Delay: "delay",
}

func (f Fault) String() string { return faultNames[f] }

// A Strike is what a [Faulty] store is to do wrong, and when. The zero values of all but Fault mean: always.
type Strike struct {
	Fault  Fault
	Chance float64                // of every call that fits, 0 to 1; 0 means 1
	Skip   int                    // so many calls that fit go well first
	Times  int                    // it strikes so often; 0 means without end
	Match  func(name string) bool // calls that fit, by the name of the object, which is "" for a list; nil means all
	Wait   time.Duration          // of a Delay; 0 means until the context is done
}

// A Struck is a fault that has struck.
type Struck struct {
	Fault Fault
	Name  string // of the object; "" for a list
}
