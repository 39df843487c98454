import HostKernel
import Hypervisor
import SystemPackage
import Testing

@Suite struct QtestAcceleratorTests {
  private let events = ManualEventSources()

  @Test func withoutIRQFDItRefusesAssignments() {
    let accelerator = QtestAccelerator(events: events)
    #expect(!accelerator.hasResampleIRQFD)
    #expect(throws: Errno.noFunction) {
      try accelerator.assignResampleIRQFD(trigger: 1, resample: 2, gsi: 3)
    }
    #expect(events.watchCount == 0)
  }

  @Test func aTriggerRaisesTheLineUntilTheEndOfTheInterrupt() throws {
    let accelerator = QtestAccelerator(events: events, irqfd: true)
    let trigger = try EventDescriptor(on: LinuxKernel())
    let resample = try EventDescriptor(on: LinuxKernel())
    try accelerator.assignResampleIRQFD(
      trigger: trigger.rawValue, resample: resample.rawValue, gsi: 20)
    events.turn()
    #expect(!accelerator.level(gsi: 20))
    trigger.signal()
    events.turn()
    #expect(accelerator.level(gsi: 20))
    #expect(!EventDescriptor.drain(trigger.rawValue))
    #expect(!EventDescriptor.drain(resample.rawValue))
    accelerator.endOfInterrupt(gsi: 20)
    #expect(!accelerator.level(gsi: 20))
    #expect(EventDescriptor.drain(resample.rawValue))
  }

  @Test func everyDeviceOnTheLineHearsOfTheEnd() throws {
    let accelerator = QtestAccelerator(events: events, irqfd: true)
    let first = try EventDescriptor(on: LinuxKernel())
    let second = try EventDescriptor(on: LinuxKernel())
    let other = try EventDescriptor(on: LinuxKernel())
    let resample = try EventDescriptor(on: LinuxKernel())
    let sibling = try EventDescriptor(on: LinuxKernel())
    let stranger = try EventDescriptor(on: LinuxKernel())
    try accelerator.assignResampleIRQFD(
      trigger: first.rawValue, resample: resample.rawValue, gsi: 20)
    try accelerator.assignResampleIRQFD(
      trigger: second.rawValue, resample: sibling.rawValue, gsi: 20)
    try accelerator.assignResampleIRQFD(
      trigger: other.rawValue, resample: stranger.rawValue, gsi: 21)
    accelerator.endOfInterrupt(gsi: 20)
    #expect(EventDescriptor.drain(resample.rawValue))
    #expect(EventDescriptor.drain(sibling.rawValue))
    #expect(!EventDescriptor.drain(stranger.rawValue))
  }

  @Test func theLastDeassignmentLowersTheLineAndEndsTheWatch() throws {
    let accelerator = QtestAccelerator(events: events, irqfd: true)
    let trigger = try EventDescriptor(on: LinuxKernel())
    let resample = try EventDescriptor(on: LinuxKernel())
    try accelerator.assignResampleIRQFD(
      trigger: trigger.rawValue, resample: resample.rawValue, gsi: 5)
    trigger.signal()
    events.turn()
    try accelerator.deassignResampleIRQFD(trigger: trigger.rawValue, gsi: 6)
    #expect(accelerator.level(gsi: 5))
    try accelerator.deassignResampleIRQFD(trigger: trigger.rawValue, gsi: 5)
    #expect(!accelerator.level(gsi: 5))
    #expect(events.watchCount == 0)
    try accelerator.deassignResampleIRQFD(trigger: trigger.rawValue, gsi: 5)
  }

  @Test func aTriggerServesOneLineAndTheLineMustExist() throws {
    let accelerator = QtestAccelerator(events: events, irqfd: true)
    try accelerator.assignResampleIRQFD(trigger: 900, resample: 901, gsi: 0)
    #expect(throws: Errno.resourceBusy) {
      try accelerator.assignResampleIRQFD(trigger: 900, resample: 901, gsi: 1)
    }
    #expect(throws: Errno.invalidArgument) {
      try accelerator.assignResampleIRQFD(trigger: 902, resample: 903, gsi: 24)
    }
    #expect(events.watchCount == 1)
  }

  @Test func aLineIsHighWhileAnyoneHoldsIt() throws {
    let accelerator = QtestAccelerator(events: events, irqfd: true)
    let trigger = try EventDescriptor(on: LinuxKernel())
    let resample = try EventDescriptor(on: LinuxKernel())
    try accelerator.assignResampleIRQFD(
      trigger: trigger.rawValue, resample: resample.rawValue, gsi: 7)
    accelerator.setLine(gsi: 7, level: true)
    trigger.signal()
    events.turn()
    accelerator.endOfInterrupt(gsi: 7)
    #expect(accelerator.level(gsi: 7))
    accelerator.setLine(gsi: 7, level: false)
    #expect(!accelerator.level(gsi: 7))
    accelerator.setLine(gsi: .max, level: true)
    #expect(!accelerator.level(gsi: .max))
  }

  @Test func anAcceleratorThatGoesTakesItsWatchesAlong() throws {
    var accelerator: QtestAccelerator? = QtestAccelerator(events: events, irqfd: true)
    try accelerator?.assignResampleIRQFD(trigger: 900, resample: 901, gsi: 0)
    #expect(events.watchCount == 1)
    accelerator = nil
    #expect(events.watchCount == 0)
  }
}
