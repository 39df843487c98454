import CLinux
import HostKernel
import Hypervisor
import SystemPackage
import Testing

@Suite struct MSIRouteTests {
  private let kernel = ScriptedKVM()

  private func accelerator() throws -> KVMAccelerator {
    let accelerator = try KVMAccelerator(on: kernel)
    kernel.forgetCalls()
    return accelerator
  }

  private func message(_ data: UInt32, at address: UInt64 = 0xfee0_0000) -> MSIMessage {
    MSIMessage(address: address, data: data)
  }

  @Test func aBatchOfRoutesIsOneCallAndNothingNewIsNone() throws {
    let accelerator = try accelerator()
    #expect(accelerator.hasMessageRoutes)
    #expect(try (0..<3).map { try accelerator.addMSIRoute(message(0x20 + $0)) } == [24, 25, 26])
    try accelerator.commitRoutes()
    try accelerator.commitRoutes()
    accelerator.updateMSIRoute(25, message(0x21))
    try accelerator.commitRoutes()
    accelerator.updateMSIRoute(25, message(0x41, at: 0x0001_0000_fee0_1000))
    try accelerator.commitRoutes()
    #expect(
      kernel.calls == [
        "SET_GSI_ROUTING 42=39+24:fee00000,0,20 25:fee00000,0,21 26:fee00000,0,22",
        "SET_GSI_ROUTING 42=39+24:fee00000,0,20 25:fee01000,10000,41 26:fee00000,0,22",
      ])
  }

  @Test func aFreedInterruptIsTheNextToBeGiven() throws {
    let accelerator = try accelerator()
    for data in 0..<3 as Range<UInt32> { _ = try accelerator.addMSIRoute(message(data)) }
    for gsi in [24, 25, 25, 23, 27, .max] as [UInt32] { accelerator.removeMSIRoute(gsi) }
    #expect(try accelerator.addMSIRoute(message(9)) == 24)
    accelerator.updateMSIRoute(25, message(8))
    try accelerator.commitRoutes()
    #expect(kernel.calls == ["SET_GSI_ROUTING 41=39+24:fee00000,0,9 26:fee00000,0,2"])
  }

  @Test func aMessageThatKVMRefusesStaysOutOfTheTable() throws {
    let accelerator = try accelerator()
    _ = try accelerator.addMSIRoute(message(1, at: 0xff_fee0_0000))
    _ = try accelerator.addMSIRoute(message(2))
    try accelerator.commitRoutes()
    #expect(kernel.calls == ["SET_GSI_ROUTING 40=39+25:fee00000,0,2"])
  }

  @Test func theKernelsLimitCountsPinsToo() throws {
    let small = ScriptedKVM { $0.routeCount = 41 }
    let accelerator = try KVMAccelerator(on: small)
    _ = try accelerator.addMSIRoute(message(1))
    let last = try accelerator.addMSIRoute(message(2))
    #expect(throws: Errno.noSpace) { try accelerator.addMSIRoute(message(3)) }
    accelerator.removeMSIRoute(last)
    #expect(try accelerator.addMSIRoute(message(3)) == last)
  }

  @Test func aRefusedTableIsToldAgainTheNextTime() throws {
    let accelerator = try accelerator()
    _ = try accelerator.addMSIRoute(message(1))
    kernel.failCall(after: 0, with: .noMemory)
    #expect(throws: Errno.noMemory) { try accelerator.commitRoutes() }
    try accelerator.commitRoutes()
    try accelerator.commitRoutes()
    #expect(kernel.calls.count == 2)
  }

  @Test func triggersAndMessagesOfThisProcessAreSingleCalls() throws {
    let accelerator = try accelerator()
    try accelerator.assignIRQFD(trigger: 0x31, gsi: 24)
    try accelerator.deassignIRQFD(trigger: 0x31, gsi: 24)
    accelerator.signal(message(0x4030, at: 0x1_fee0_2000))
    #expect(
      kernel.calls == [
        "IRQFD 31 18 0 0 0 0 0 0", "IRQFD 31 18 1 0 0 0 0 0",
        "SIGNAL_MSI fee02000 1 4030 0 0 0 0 0",
      ])
    kernel.failCall(after: 0, with: .invalidArgument)
    #expect(throws: Errno.invalidArgument) { try accelerator.assignIRQFD(trigger: 1, gsi: 24) }
  }

  @Test(.needsKVM) func aRealMachineTakesRoutesAndTriggers() throws {
    let kernel = LinuxKernel()
    let accelerator = try KVMAccelerator(on: kernel)
    let trigger = try EventDescriptor(on: kernel)
    let messages = (0..<64).map { message(0x30 + $0) } + [message(1, at: 0xff_fee0_0000)]
    let numbers = try messages.map { try accelerator.addMSIRoute($0) }
    try accelerator.commitRoutes()
    for gsi in numbers {
      try accelerator.assignIRQFD(trigger: trigger.rawValue, gsi: gsi)
      #expect(throws: Errno.resourceBusy) {
        try accelerator.assignIRQFD(trigger: trigger.rawValue, gsi: gsi)
      }
      try accelerator.deassignIRQFD(trigger: trigger.rawValue, gsi: gsi)
      accelerator.removeMSIRoute(gsi)
    }
    try accelerator.commitRoutes()
    accelerator.signal(message(0x31))
    for _ in 0..<4096 { _ = try? accelerator.addMSIRoute(message(0x31)) }
    try accelerator.commitRoutes()
  }

  // MARK: - Without CPUs

  /// What an accelerator without CPUs delivers.
  private final class Inbox {
    var messages: [MSIMessage] = []
  }

  @Test func withoutCPUsATriggerSendsTheCommittedMessage() throws {
    let events = ManualEventSources()
    let accelerator = QtestAccelerator(events: events, irqfd: true)
    let inbox = Inbox()
    accelerator.onMessage = { inbox.messages.append($0) }
    let trigger = try EventDescriptor(on: LinuxKernel())
    let gsi = try accelerator.addMSIRoute(message(1))
    try accelerator.assignIRQFD(trigger: trigger.rawValue, gsi: gsi)
    trigger.signal()
    events.turn()
    #expect(inbox.messages.isEmpty)
    accelerator.commitRoutes()
    trigger.signal()
    events.turn()
    accelerator.updateMSIRoute(gsi, message(2))
    trigger.signal()
    events.turn()
    accelerator.commitRoutes()
    trigger.signal()
    events.turn()
    #expect(inbox.messages == [message(1), message(1), message(2)])
    #expect(throws: Errno.resourceBusy) {
      try accelerator.assignIRQFD(trigger: trigger.rawValue, gsi: gsi)
    }
    #expect(throws: Errno.resourceBusy) {
      try accelerator.assignResampleIRQFD(trigger: trigger.rawValue, resample: 900, gsi: 3)
    }
    try accelerator.deassignIRQFD(trigger: trigger.rawValue, gsi: gsi)
    #expect(events.watchCount == 0)
    try accelerator.deassignIRQFD(trigger: trigger.rawValue, gsi: gsi)
    accelerator.removeMSIRoute(gsi)
    accelerator.commitRoutes()
  }

  @Test func withoutIRQFDMessagesAreSentByThisProcessOnly() throws {
    let accelerator = QtestAccelerator(events: ManualEventSources())
    let inbox = Inbox()
    accelerator.onMessage = { inbox.messages.append($0) }
    #expect(!accelerator.hasMessageRoutes)
    #expect(throws: Errno.noFunction) { try accelerator.addMSIRoute(message(1)) }
    #expect(throws: Errno.noFunction) { try accelerator.assignIRQFD(trigger: 900, gsi: 24) }
    accelerator.signal(message(3))
    #expect(inbox.messages == [message(3)])
  }

  @Test func anAcceleratorThatGoesTakesItsMessageWatchesAlong() throws {
    let events = ManualEventSources()
    var accelerator: QtestAccelerator? = QtestAccelerator(events: events, irqfd: true)
    try accelerator?.assignIRQFD(trigger: 900, gsi: 24)
    #expect(events.watchCount == 1)
    accelerator = nil
    #expect(events.watchCount == 0)
  }
}
