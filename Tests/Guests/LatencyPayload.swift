/// Cycles of the time stamp counter from the write that has the function assert its pin to the handler,
/// and to the code after it: the function quiet, the end of the interrupt seen. So many single turns as
/// `count` says, each after a quiet time; the fastest and the median are said.
func measureLatency() {
  let driver = Driver.chosen
  guard driver.function.read8(0x3D) != 0 else { return Report.skip("the function has no pin") }
  let count = Int(min(1000, max(1, Parameters.number("count", or: 100))))
  var arrival: UInt64 = 0
  Interrupts.openPins {
    if arrival == 0 { arrival = timeStamp() }
    return driver.acknowledge()
  }
  driver.allow()
  var arrivals: [UInt32] = []
  var ends: [UInt32] = []
  for _ in 0..<count {
    Interrupts.settle()
    driver.prepare()
    let number = Interrupts.pinCount
    arrival = 0
    let start = timeStamp()
    driver.trigger(0)
    guard Interrupts.wait({ Interrupts.pinCount > number }) else {
      Report.stop("an interrupt does not come")
    }
    ends.append(UInt32(truncatingIfNeeded: timeStamp() - start))
    arrivals.append(UInt32(truncatingIfNeeded: arrival - start))
  }
  Interrupts.closePins()
  arrivals.sort()
  ends.sort()
  Report.note("pin-fastest", arrivals[0])
  Report.note("pin-median", arrivals[count / 2])
  Report.note("pin-end-median", ends[count / 2])
  Report.check(true, "the interrupts came")
}
