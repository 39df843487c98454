import Board
import HostKernel
import Hypervisor
import PCI
import Testing

/// A board with root ports, and the guest's ways to them.
struct RootPortFixture {
  let accelerator = QtestAccelerator(events: ManualEventSources(), irqfd: true)
  let board: Q35Board

  init() throws {
    board = try Q35Board(
      ramSize: 64 << 20, accelerator: accelerator, on: LinuxKernel(), requestReset: {})
    board.reset()
    write(0, 0, 0x60, 4, 0xb000_0001)
  }

  func place(_ slot: Int, _ function: Int = 0) throws -> PCISlot {
    try #require(PCISlot(slot: slot, function: function))
  }

  /// A port in slot 4 with chassis 1 and slot 3, as the reference values were read from.
  func port(_ options: RootPortOptions? = nil, slot: Int = 4) throws -> RootPort {
    var standard = RootPortOptions(id: "rp\(slot)")
    standard.chassis = 1
    standard.slot = UInt16(slot - 1)
    return try board.addRootPort(options ?? standard, at: place(slot))
  }

  /// Reads config space by CF8.
  func read(_ bus: UInt32, _ devfn: UInt32, _ register: UInt32, _ size: Int) -> UInt32 {
    let address = 0x8000_0000 | bus << 16 | devfn << 8 | register & 0xfc
    board.ports.write(0xcf8, size: 4, value: address)
    return board.ports.read(0xcfc + UInt16(register & 3), size: size)
  }

  /// Writes config space by CF8.
  func write(_ bus: UInt32, _ devfn: UInt32, _ register: UInt32, _ size: Int, _ value: UInt32) {
    let address = 0x8000_0000 | bus << 16 | devfn << 8 | register & 0xfc
    board.ports.write(0xcf8, size: 4, value: address)
    board.ports.write(0xcfc + UInt16(register & 3), size: size, value: value)
  }

  /// Reads a dword of config space by memory.
  func dword(_ bus: UInt64, _ devfn: UInt64, _ register: UInt64) -> UInt32 {
    UInt32(
      truncatingIfNeeded: board.memory.read(
        0xb000_0000 | bus << 20 | devfn << 12 | register, size: 4))
  }

  /// Numbers the bus behind the port in slot 4 and turns decoding and bus mastering on.
  func open(_ secondary: UInt32 = 1, slot: UInt32 = 4) {
    write(0, slot << 3, 0x18, 4, secondary << 16 | secondary << 8)
    write(0, slot << 3, 0x04, 2, 7)
  }
}

/// A function with one 4 KiB memory BAR and one 16-byte I/O BAR, placed by their registers.
final class BARFunction: PCIFunction, MemoryHandler {
  private let space: AddressSpace
  private let memory: RegionID
  private var registers: [UInt32] = [0, 0, 0, 0, 0, 0]
  private(set) var resets = 0
  private(set) var reached: [UInt64] = []

  init(on bus: PCIBus, of board: Q35Board, size: UInt64 = 0x1000) {
    space = board.memory
    let registers = Registers()
    memory = space.add(
      MemoryRegion(
        name: "bar", base: 0, size: size, priority: 1, kind: .io(registers), isEnabled: false),
      over: bus.memory)
    registers.function = self
  }

  private final class Registers: MemoryHandler {
    weak var function: BARFunction?
    func read(offset: UInt64, size: Int) -> UInt64 {
      function?.read(offset: offset, size: size) ?? 0
    }
    func write(offset: UInt64, size: Int, value: UInt64) {}
  }

  func read(offset: UInt64, size: Int) -> UInt64 {
    reached.append(offset)
    return 0xb0
  }

  func write(offset: UInt64, size: Int, value: UInt64) { reached.append(offset) }

  /// Places the BAR as if by its register, with decode on.
  func place(_ address: UInt64?) {
    space.update {
      if let address { space.move(memory, to: address) }
      space.setEnabled(memory, address != nil)
    }
  }

  func readConfig(offset: Int, length: Int) -> UInt32 { 0x10d3_8086 >> UInt32(8 * (offset & 3)) }
  func writeConfig(offset: Int, length: Int, value: UInt32) {}
  func reset() {
    resets += 1
    place(nil)
  }
}
