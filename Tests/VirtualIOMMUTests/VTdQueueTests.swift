import Testing
import VirtualIOMMU

/// Queued invalidation; what is said to be QEMU's was seen in QEMU 11.1.3 with `-accel qtest`.
@Suite struct VTdQueueTests {
  /// A unit and the guest memory with its queue, which the tests write to.
  private struct Guest {
    var file: VTdRegisterFile
    /// Eights of memory by address; what is not there is 0.
    var memory: [UInt64: UInt64] = [:]
    var messages: [VTdEffect] = []

    init(_ properties: String = "", queue: UInt64 = 0x1_0000, isOn: Bool = true) throws {
      file = try VTdRegisterFileTests.file(properties)
      set(0x90, queue, size: 8)
      if isOn { set(0x18, 1 << 26) }
    }

    /// Writes a register and has the unit do all that follows.
    mutating func set(_ offset: UInt64, _ value: UInt64, size: Int = 4) {
      perform(file.write(offset: offset, size: size, value: value))
      while let address = file.nextDescriptor {
        perform(file.run((memory[address] ?? 0, memory[address + 8] ?? 0)))
      }
    }

    private mutating func perform(_ effects: [VTdEffect]) {
      for effect in effects {
        if case .store(let address, let value) = effect {
          memory[address] = UInt64(value)
        } else {
          messages.append(effect)
        }
      }
    }

    func register(_ offset: UInt64) -> UInt64 { file.read(offset: offset, size: 4) }

    var head: UInt64 { register(0x80) }
    var hasFault: Bool { register(0x34) == 0x10 }
  }

  /// By type, which values of bits 5 and 4 QEMU takes.
  private static let narrow: [UInt64: Set<UInt64>] = [
    1: [1, 2, 3], 2: [1, 2, 3], 3: [0], 4: [0, 1],
  ]
  private static let wide: [UInt64: Set<UInt64>] = [
    6: [2, 3], 7: [0, 1, 3], 8: [0, 1, 2, 3], 9: [1],
  ]

  @Test(arguments: 0..<32 as Range<UInt64>, [false, true])
  func `Invalidations that QEMU takes are taken, and others stop the queue`(
    type: UInt64, isWide: Bool
  ) throws {
    guard type != 5 else { return }
    for bits in 0..<4 as Range<UInt64> {
      var guest = try Guest(
        isWide ? "scalable-mode=on" : "", queue: isWide ? 0x1_0800 : 0x1_0000)
      guest.memory[0x1_0000] = type & 0xf | (type >> 4) << 9 | bits << 4
      let step: UInt64 = isWide ? 0x20 : 0x10
      guest.set(0x88, step)
      var choices = Self.narrow[type] ?? []
      if isWide { choices.formUnion(Self.wide[type] ?? []) }
      #expect(guest.head == (choices.contains(bits) ? step : 0))
      #expect(guest.hasFault == !choices.contains(bits))
      #expect(guest.register(0x38) == (choices.contains(bits) ? 0x8000_0000 : 0xc000_0000))
    }
  }

  @Test(
    arguments: [
      ("", 0x25, 0x2_0000, true), ("", 0x65, 0x2_0000, true), ("", 0x45, 0, true),
      ("", 0x15, 3, true),
      ("", 0xa5, 0x2_0000, false), ("", 0x25, 0x2_0001, false), ("", 5, 0, false),
      ("", 0x85, 0, false),
      ("", 0x125, 0x2_0000, false), ("", 0x8000_0025, 0x2_0000, false),
      (VTdRegisterFileTests.pageRequests, 0xa5, 0x2_0000, true),
    ] as [(String, UInt64, UInt64, Bool)])
  func `A wait is taken with the bits that QEMU takes`(
    properties: String, low: UInt64, high: UInt64, isTaken: Bool
  ) throws {
    var guest = try Guest(properties)
    guest.memory[0x1_0000] = low
    guest.memory[0x1_0008] = high
    guest.set(0x88, 0x10)
    #expect(guest.hasFault == !isTaken)
    #expect(guest.head == (isTaken ? 0x10 : 0))
  }

  @Test func `A driver that waits in memory sees its value after all before it`() throws {
    var guest = try Guest()
    guest.memory[0x1_0000] = 0x11
    guest.memory[0x1_0010] = 0x12
    guest.memory[0x1_0020] = 0xabcd << 32 | 0x25
    guest.memory[0x1_0028] = 0x2_0000
    guest.set(0x88, 0x20)
    #expect(guest.memory[0x2_0000] == nil)
    guest.set(0x88, 0x30)
    #expect(guest.memory[0x2_0000] == 0xabcd)
    #expect(guest.head == 0x30)
    #expect(guest.messages.isEmpty)
  }

  @Test func `An interrupt waits for its mask to go, and goes with its cause`() throws {
    var guest = try Guest()
    guest.memory[0x1_0000] = 0x15
    guest.memory[0x1_0010] = 0x15
    guest.memory[0x1_0020] = 0x15
    guest.set(0xa4, 0x4041)
    guest.set(0xa8, 0xfee0_1000)
    guest.set(0x88, 0x10)
    #expect(guest.register(0x9c) == 1)
    #expect(guest.register(0xa0) == 0xc000_0000)
    #expect(guest.messages.isEmpty)
    guest.set(0xa0, 0)
    #expect(guest.register(0xa0) == 0)
    #expect(guest.messages == [.message(address: 0xfee0_1000, data: 0x4041)])
    // While the guest has not seen it there is no other.
    guest.set(0x88, 0x20)
    #expect(guest.messages.count == 1)
    guest.set(0x9c, 1)
    #expect(guest.register(0x9c) == 0)
    guest.set(0x88, 0x30)
    #expect(guest.messages.count == 2)
  }

  @Test func `A cause that is cleared while it is masked is forgotten`() throws {
    var guest = try Guest()
    guest.memory[0x1_0000] = 0x15
    guest.set(0x88, 0x10)
    guest.set(0x9c, 1)
    #expect(guest.register(0xa0) == 0x8000_0000)
    guest.set(0xa0, 0)
    #expect(guest.messages.isEmpty)
  }

  @Test func `A queue that stopped goes on when the fault is cleared and the tail written`() throws
  {
    var guest = try Guest()
    guest.set(0x38, 0)
    guest.set(0x3c, 0x77)
    guest.set(0x40, 0xfee0_2000)
    guest.set(0x88, 0x10)
    #expect(guest.hasFault)
    #expect(guest.messages == [.message(address: 0xfee0_2000, data: 0x77)])
    guest.memory[0x1_0000] = 0x11
    guest.set(0x88, 0x10)
    #expect(guest.head == 0)
    guest.set(0x34, 0x10)
    #expect(!guest.hasFault)
    #expect(guest.head == 0)
    guest.set(0x88, 0x10)
    #expect(guest.head == 0x10)
    #expect(guest.messages.count == 1)
  }

  @Test(
    arguments: [
      ("", 0x1_0000, 0x1000, true), ("", 0x1_0000, 0x2000, true), ("", 0x1_0000, 0xff0, false),
      ("", 0x1_0001, 0x1000, false), ("", 0x1_0007, 0x7_fff0, false), ("", 0x1_0800, 0x10, false),
      ("scalable-mode=on", 0x1_0800, 0x10, true), ("scalable-mode=on", 0x1_0800, 0xfe0, false),
      ("scalable-mode=on", 0x1_0800, 0x1000, true),
    ] as [(String, UInt64, UInt64, Bool)])
  func `A tail where no descriptor begins is a fault`(
    properties: String, queue: UInt64, tail: UInt64, isFault: Bool
  ) throws {
    var guest = try Guest(properties, queue: queue)
    for place in stride(from: 0x1_0000, to: 0x9_0000, by: 16) as StrideTo<UInt64> {
      guest.memory[place] = 0x11
    }
    guest.set(0x88, tail)
    #expect(guest.hasFault == isFault)
    #expect(guest.head == (isFault ? 0 : tail))
    guest.set(0x34, 0x10)
    #expect(guest.file.nextDescriptor == nil)
    guard !isFault else { return }
    guest.set(0x88, 0)
    #expect(guest.head == 0)
    #expect(!guest.hasFault)
  }

  @Test func `The queue is the one that was there when it was switched on`() throws {
    var guest = try Guest(isOn: false)
    guest.memory[0x1_0000] = 0x11
    guest.set(0x88, 0x10)
    #expect(guest.head == 0)
    guest.set(0x18, 1 << 26)
    #expect(guest.head == 0x10)
    guest.set(0x90, 0x5_0000, size: 8)
    guest.memory[0x1_0010] = 0x11
    guest.set(0x88, 0x20)
    #expect(guest.head == 0x20)
    guest.set(0x18, 0)
    #expect(guest.head == 0)
    #expect(guest.register(0x1c) == 0)
    guest.set(0x88, 0x10)
    #expect(guest.head == 0)
    guest.memory[0x5_0000] = 0x12
    guest.set(0x18, 1 << 26)
    #expect(guest.head == 0x10)
  }

  @Test func `A queue at the end of the address space is as long as any`() throws {
    var guest = try Guest(queue: 0xffff_ffff_ffff_f007)
    guest.memory[0xffff_ffff_ffff_f000] = 0x11
    guest.set(0x88, 0x10)
    #expect(guest.head == 0x10)
  }
}
