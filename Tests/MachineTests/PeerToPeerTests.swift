import EventLoop
import Machine
import SimulatedKernel
import Testing
import Tracing

/// Two assigned functions of which one does DMA to a BAR of the other.
@Suite struct PeerToPeerTests {
  enum Way: CaseIterable, Sendable {
    /// By a container, which takes mapped BARs.
    case container
    /// By an iommufd of a kernel that exports BARs.
    case exported
    /// By an iommufd of a kernel that does not.
    case none
  }

  /// The first function, in slot 4, and its peer in slot 5.
  @VMMain private final class Pair {
    let machine: SimulatedMachine
    private static let registers: UInt64 = 0xfe00_0000
    static let memory: UInt64 = 0xfd10_0000

    init(_ way: Way) throws {
      let host = try Checkout.host(
        "test-device-pair",
        replacing: [
          ("name: test-device-pair", "name: pair\ndma-buf: \(way == .exported)"),
          (
            "        device-capabilities: 0x00008001",
            "        flr: true\n        device-capabilities: 0x10008001"
          ),
        ])
      let suffix = way == .container ? "" : ",iommufd=i"
      machine = try SimulatedMachine(
        (way == .container ? [] : ["-object", "iommufd,id=i"]) + [
          "-device", "vfio-pci,host=0000:85:00.0,addr=04.0\(suffix)",
          "-device", "vfio-pci,host=0000:85:00.1,addr=05.0\(suffix)",
        ], on: SimulatedKernel(host, report: { _ in }))
      machine.messages.removeAll()
      machine.writeConfigDword(slot: 4, offset: 0x10, UInt32(Self.registers))
      machine.writeConfig(slot: 4, offset: 4, 6)
      place(Self.memory)
      machine.writeConfig(slot: 5, offset: 4, 2)
    }

    /// Moves BAR 2 of the peer.
    func place(_ address: UInt64) {
      machine.writeConfigDword(slot: 5, offset: 0x18, UInt32(truncatingIfNeeded: address))
      machine.writeConfigDword(slot: 5, offset: 0x1c, UInt32(address >> 32))
    }

    /// Copies a page by the first function; its status at the end is 2 when all was reached.
    func copy(from source: UInt64, to destination: UInt64) -> UInt32 {
      let words: [(UInt64, UInt64)] = [
        (0x40, source), (0x44, source >> 32), (0x48, destination), (0x4c, destination >> 32),
        (0x50, 4096), (0x54, 1),
      ]
      for (register, value) in words {
        machine.machine.writeMemory(
          Self.registers + register, size: 4, value: value & 0xffff_ffff)
      }
      var status: UInt32 = 1
      while status & 1 != 0 {
        status = UInt32(machine.machine.readMemory(Self.registers + 0x58, size: 4))
      }
      return status
    }

    /// Writes a pattern into guest memory and copies it to an address; 2 when it arrived whole.
    func send(to address: UInt64) -> UInt32 {
      for offset in stride(from: 0 as UInt64, to: 4096, by: 8) {
        machine.machine.writeMemory(0x10_0000 + offset, size: 8, value: offset &* 0x9e37_79b9)
      }
      return copy(from: 0x10_0000, to: address)
    }

    func arrived(at address: UInt64) -> Bool {
      stride(from: 0 as UInt64, to: 4096, by: 8).allSatisfy {
        machine.machine.readMemory(address + $0, size: 8) == $0 &* 0x9e37_79b9
      }
    }
  }

  @Test(arguments: [Way.container, .exported])
  func aBARIsReachedWhereverTheGuestPutsIt(_ way: Way) throws {
    try MainLoop.own {
      let pair = try Pair(way)
      #expect(pair.send(to: Pair.memory + 0x1000) == 2)
      #expect(pair.arrived(at: Pair.memory + 0x1000))
      // Moved, it is where it was no more.
      for address in [0xfd20_0000, 0xfd21_0000, 0x8_0000_0000] as [UInt64] {
        pair.place(address)
        #expect(pair.send(to: Pair.memory) == 0x400)
        #expect(pair.send(to: address) == 2)
        #expect(pair.arrived(at: address))
      }
      pair.place(Pair.memory)
      #expect(pair.copy(from: Pair.memory, to: 0x20_0000) == 2)
      #expect(pair.arrived(at: 0x20_0000))
      // Without decoding it is nowhere.
      pair.machine.writeConfig(slot: 5, offset: 4, 0)
      #expect(pair.send(to: Pair.memory) == 0x400)
      pair.machine.writeConfig(slot: 5, offset: 4, 2)
      #expect(pair.send(to: Pair.memory) == 2)
      // It is back after a reset that the guest orders as Linux does, without decoding.
      pair.machine.writeConfig(slot: 5, offset: 4, 0)
      pair.machine.writeConfig(slot: 5, offset: 0x88, 0x8000)
      pair.machine.writeConfig(slot: 5, offset: 4, 2)
      #expect(!pair.arrived(at: Pair.memory))
      #expect(pair.send(to: Pair.memory) == 2)
      #expect(pair.arrived(at: Pair.memory))
      #expect(pair.machine.messages.lines == [])
    }
  }

  @Test(arguments: [Way.container, .exported])
  func aMoveUnmapsBeforeItMaps(_ way: Way) throws {
    try MainLoop.own {
      let pair = try Pair(way)
      pair.machine.machine.tracer.set("vfio_listener*", enabled: true)
      pair.machine.trace.removeAll()
      pair.machine.writeConfigDword(slot: 5, offset: 0x18, 0xfd20_0000)
      let changes = pair.machine.trace.lines.compactMap { line -> String? in
        line.hasPrefix("vfio_listener_region_skip")
          ? nil : line.split(separator: " ").dropFirst().prefix { $0 != "-" }.joined(separator: " ")
      }
      #expect(
        changes == [
          "region_del 0xfd100000", "region_add [ram] 0xfd200000",
        ])
    }
  }

  @Test func whereTheHostHasNoWayEachFunctionIsToldOfOnce() throws {
    try MainLoop.own {
      let pair = try Pair(.none)
      #expect(pair.send(to: Pair.memory) == 0x400)
      for address in [0xfd20_0000, 0xfd30_0000, Pair.memory] as [UInt64] {
        pair.place(address)
        #expect(pair.send(to: address) == 0x400)
      }
      let lines = pair.machine.messages.lines
      #expect(lines.count == 2, "\(lines)")
      for (line, function) in zip(lines, ["0000:85:00.0", "0000:85:00.1"]) {
        #expect(line.hasPrefix("swiftvmm: warning: vfio_container_dma_map(0x"))
        #expect(line.contains(" = -14 (Bad address): \(function) BAR "))
        #expect(line.hasSuffix(": PCI peer-to-peer transactions on BARs are not supported."))
      }
    }
  }
}
