import EventLoop
import Machine
import SimulatedKernel
import Testing
import Tracing

/// The vIOMMU's registers as a guest reaches them in a whole machine.
@Suite struct RemappingUnitTests {
  private static let base: UInt64 = 0xfed9_0000

  @VMMain private static func machine(_ properties: String) throws -> SimulatedMachine {
    let device = properties.isEmpty ? "intel-iommu" : "intel-iommu,\(properties)"
    return try SimulatedMachine(
      ["-device", device], on: SimulatedKernel(try Checkout.host("nvme-flr")))
  }

  /// A guest's accesses.
  @VMMain private struct Guest {
    let machine: Machine

    func get(_ offset: UInt64, size: Int = 4) -> UInt64 {
      machine.readMemory(RemappingUnitTests.base + offset, size: size)
    }

    func set(_ offset: UInt64, _ value: UInt64, size: Int = 4) {
      machine.writeMemory(RemappingUnitTests.base + offset, size: size, value: value)
    }

    func store(_ address: UInt64, _ values: UInt64...) {
      for (index, value) in values.enumerated() {
        machine.writeMemory(address + 8 * UInt64(index), size: 8, value: value)
      }
    }
  }

  @Test func `Without a vIOMMU nothing is at its address`() throws {
    try MainLoop.own {
      let simulated = try SimulatedMachine(
        [], on: SimulatedKernel(try Checkout.host("nvme-flr")))
      #expect(simulated.machine.readMemory(Self.base, size: 8) == .max)
    }
  }

  @Test func `A driver sets tables and invalidates, and a reset forgets it`() throws {
    try MainLoop.own {
      let simulated = try Self.machine("aw-bits=39,intremap=off")
      let guest = Guest(machine: simulated.machine)
      #expect(guest.get(0) == 0x10)
      #expect(guest.get(0x08, size: 8) == 0x80d2_008c_2226_0206)
      #expect(guest.get(0x10, size: 8) == 0xf42)
      guest.set(0x20, 0x5000, size: 8)
      guest.set(0x90, 0x1_0000, size: 8)
      guest.set(0x18, 1 << 30 | 1 << 26)
      #expect(guest.get(0x1c) == 1 << 30 | 1 << 26)
      guest.store(0x1_0000, 0x11, 0, 0x12, 0, 0x1234 << 32 | 0x25, 0x2_0000)
      guest.set(0x88, 0x30)
      #expect(guest.get(0x80) == 0x30)
      #expect(simulated.machine.readMemory(0x2_0000, size: 4) == 0x1234)
      simulated.machine.reset(.hostQMPSystemReset)
      #expect(guest.get(0x1c) == 0)
      #expect(guest.get(0x20, size: 8) == 0)
      #expect(guest.get(0x38) == 0x8000_0000)
      #expect(guest.get(0x08, size: 8) == 0x80d2_008c_2226_0206)
    }
  }

  @Test func `What a guest has the unit write to the unit is lost`() throws {
    try MainLoop.own {
      let guest = Guest(machine: try Self.machine("").machine)
      guest.set(0x90, 0x1_0000, size: 8)
      guest.set(0x18, 1 << 26)
      // Waits that store to the tail, and whose interrupt does.
      for place in stride(from: 0x1_0000, to: 0x1_1000, by: 16) as StrideTo<UInt64> {
        guest.store(place, 0x35, Self.base + 0x88)
      }
      guest.set(0xa4, 0x800)
      guest.set(0xa8, Self.base + 0x88)
      guest.set(0xa0, 0)
      guest.set(0x88, 0x40)
      #expect(guest.get(0x80) == 0x40)
      #expect(guest.get(0x88) == 0x40)
      #expect(guest.get(0x9c) == 1)
      // A queue in the registers themselves has descriptors of zeros, which are none.
      guest.set(0x18, 0)
      guest.set(0x90, Self.base, size: 8)
      guest.set(0x18, 1 << 26)
      #expect(guest.get(0x80) == 0)
      #expect(guest.get(0x34) == 0x10)
    }
  }

  @Test(arguments: [0xffff_ffff_ffff_f000, 0x8000_0000, 0xfee0_0000] as [UInt64])
  func `A queue where there is no memory stops`(address: UInt64) throws {
    try MainLoop.own {
      let guest = Guest(machine: try Self.machine("").machine)
      guest.set(0x90, address, size: 8)
      guest.set(0x18, 1 << 26)
      guest.set(0x88, 0xff0)
      #expect(guest.get(0x34) == 0x10)
      #expect(guest.get(0x80) == 0)
    }
  }

  @Test(
    arguments: [
      (31, "DMA translation", "intel_iommu=off"), (25, "interrupt remapping", "intremap=off"),
    ] as [(UInt64, String, String)])
  func `A guest that switches translation on ends the machine, which says what to do`(
    bit: UInt64, what: String, advice: String
  ) throws {
    try MainLoop.own {
      let simulated = try Self.machine("")
      var events: [MachineEvent] = []
      simulated.machine.observeEvents { events.append($0) }
      let guest = Guest(machine: simulated.machine)
      guest.set(0x18, 1 << bit)
      guest.set(0x18, 1 << bit)
      #expect(guest.get(0x1c) == 0)
      #expect(MainLoop.run() == 1)
      #expect(simulated.machine.runState == .shutdown)
      #expect(events == [.shutdown(.hostError)])
      #expect(simulated.messages.lines.count == 2)
      #expect(simulated.messages.lines.first?.contains(what) == true)
      #expect(simulated.messages.lines.last?.contains(advice) == true)
    }
  }

  @Test func `A guest that asks for what is not offered goes on untranslated`() throws {
    try MainLoop.own {
      let simulated = try Self.machine("intremap=off,dma-translation=off")
      let guest = Guest(machine: simulated.machine)
      guest.set(0x18, 1 << 31 | 1 << 25)
      #expect(guest.get(0x1c) == 0)
      while MainLoop.turn(waiting: false) {}
      #expect(simulated.machine.runState != .shutdown)
      #expect(simulated.messages.lines.isEmpty)
    }
  }
}
