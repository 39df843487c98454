import Board
import HostKernel
import Hypervisor
import TestSupport
import Testing

/// Whatever a guest does, the board answers and stays whole.
@Suite struct GuestAccessTests {
  /// Memory sections as a follower is told of them, which must agree with the map at all times.
  private final class Follower: MemoryListener {
    private(set) var sections: [UInt64: MemorySection] = [:]
    private(set) var mistakes: [String] = []

    func regionAdded(_ section: MemorySection) {
      let overlaps = sections.values.contains {
        $0.start <= section.last && section.start <= $0.last
      }
      if overlaps { mistakes.append("added over another: \(section.name)") }
      sections[section.start] = section
    }

    func regionRemoved(_ section: MemorySection) {
      let old = sections.removeValue(forKey: section.start)
      if old?.isSame(as: section) != true { mistakes.append("removed: \(section.name)") }
    }
  }

  private static let ports: [UInt16] = [
    0x60, 0x64, 0xcf6, 0xcf8, 0xcf9, 0xcfa, 0xcfb, 0xcfc, 0xcfd, 0xcfe, 0xcff, 0xfffe, 0xffff,
  ]
  private static let addresses: [UInt64] = [
    0, 0x9_fffd, 0xa_0000, 0xb_fffe, 0xf_ffff, 0x10_0000, 0xb000_0000, 0xb00f_8060, 0xfec0_0ffe,
    0xfedf_ffff, 0xffff_fffd, 0x1_0000_0000, 0x7fff_ffff_ffff_fffe, .max - 3,
  ]

  @Test(arguments: 0..<40 as Range<UInt64>)
  func randomAccessesAreAnsweredAndListenersKeepUp(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let accelerator = QtestAccelerator(events: ManualEventSources())
    let board = try Q35Board(
      ramSize: 1 << 20, accelerator: accelerator, on: LinuxKernel(), requestReset: {})
    let follower = Follower()
    board.memory.register(follower)
    for _ in 0..<300 {
      let size = [1, 2, 4, 8].randomElement(using: &generator) ?? 1
      let value = generator.next()
      let register = UInt32.random(in: 0..<64, using: &generator) << 2
      let devfn = UInt32([0, 0, 0xf8, 0x20].randomElement(using: &generator) ?? 0)
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: board.ports.write(0xcf8, size: 4, value: 0x8000_0000 | devfn << 8 | register)
      case 1:
        board.ports.write(0xcf8, size: 4, value: 0x8000_0060)
        board.ports.write(0xcfc, size: 4, value: UInt32(truncatingIfNeeded: value))
      case 2:
        let port = Self.ports.randomElement(using: &generator) ?? 0
        board.ports.write(port, size: size, value: UInt32(truncatingIfNeeded: value))
        _ = board.ports.read(port, size: size)
      case 3, 4:
        let address = Self.addresses.randomElement(using: &generator) ?? 0
        board.memory.write(address, size: size, value: value)
        let answer = board.memory.read(address, size: size)
        #expect(size == 8 || answer >> (8 * UInt64(size)) == 0)
        board.memory.writeBytes(address, [1, 2, 3, 4, 5])
        #expect(board.memory.readBytes(address, count: 7).count == 7)
      default: if value % 8 == 0 { board.reset() }
      }
      #expect(follower.mistakes == [])
      let sections = board.memory.flatView.sections
      #expect(sections.count == follower.sections.count)
      #expect(sections.allSatisfy { follower.sections[$0.start]?.isSame(as: $0) == true })
    }
  }

  @Test func theRoutingRegistersMayBeWrittenAfterTheBoardIsGone() throws {
    let accelerator = QtestAccelerator(events: ManualEventSources())
    var board: Q35Board? = try Q35Board(
      ramSize: 1 << 20, accelerator: accelerator, on: LinuxKernel(), requestReset: {})
    let bus = try #require(board?.rootBus)
    let place = try #require(PCISlot(slot: 31))
    board = nil
    bus.writeConfig(place, offset: 0x60, length: 1, value: 5)
    #expect(bus.readConfig(place, offset: 0x60, length: 1) == 5)
  }
}
