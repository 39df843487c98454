import Board
import HostKernel
import Hypervisor
import PCI
import SystemPackage
import Testing

@Suite struct Q35BoardTests {
  private final class ResetWishes {
    var count = 0
  }

  private final class Layout: MemoryListener {
    var lines: [String] = []

    func regionAdded(_ section: MemorySection) { note("add", section) }
    func regionRemoved(_ section: MemorySection) { note("del", section) }

    private func note(_ word: String, _ section: MemorySection) {
      let range = "\(String(section.start, radix: 16))-\(String(section.last, radix: 16))"
      lines.append("\(word) \(range)\(section.isRAM ? " ram" : "")")
    }
  }

  private let accelerator = QtestAccelerator(events: ManualEventSources(), irqfd: true)
  private let wishes = ResetWishes()

  private func makeBoard(ramSize: UInt64 = 64 << 20) throws -> Q35Board {
    try Q35Board(ramSize: ramSize, accelerator: accelerator, on: LinuxKernel()) {
      [wishes] in wishes.count += 1
    }
  }

  private func slot(_ slot: Int, _ function: Int = 0) throws -> PCISlot {
    try #require(PCISlot(slot: slot, function: function))
  }

  /// The address register's value for a function's dword.
  private func address(_ slot: PCISlot, _ register: UInt32) -> UInt32 {
    0x8000_0000 | UInt32(slot.devfn) << 8 | register
  }

  // MARK: - Memory

  @Test(
    arguments: [
      (1 << 20, 1 << 20, 0), (0xafff_ffff, 0xafff_ffff, 0), (0xb000_0000, 0x8000_0000, 0x3000_0000),
      (5 << 30, 2 << 30, 3 << 30),
    ] as [(UInt64, UInt64, UInt64)])
  func guestMemoryIsSplitAsInQEMU(size: UInt64, below: UInt64, above: UInt64) {
    let layout = RAMLayout(size: size)
    #expect(layout.below4G == below && layout.above4G == above)
  }

  @Test func theMapHasRAMAroundTheWindows() throws {
    let board = try makeBoard(ramSize: 5 << 30)
    let layout = Layout()
    board.memory.register(layout)
    #expect(
      layout.lines == [
        "add 0-7fffffff ram", "add fec00000-fec00fff",
        "add fee00000-feefffff", "add 100000000-1bfffffff ram",
      ])
  }

  @Test func bothPiecesOfRAMAreOneMapping() throws {
    let board = try makeBoard(ramSize: 3 << 30)
    board.memory.write(0x7fff_fff8, size: 8, value: 1)
    board.memory.write(0x1_0000_0000, size: 8, value: 2)
    let sections = board.memory.flatView.sections.filter(\.isRAM)
    let low = try #require(sections.first?.hostAddress)
    let high = try #require(sections.last?.hostAddress)
    #expect(high - low == 2 << 30)
    #expect(low % (2 << 20) == 0)
    #expect(board.memory.read(0x7fff_fff8, size: 8) == 1)
    #expect(board.memory.read(0x1_0000_0000, size: 8) == 2)
  }

  @Test(arguments: [0, .max, 1 << 62] as [UInt64])
  func memoryThatCannotBeHadIsAnError(size: UInt64) {
    let error = #expect(throws: BoardError.self) { _ = try makeBoard(ramSize: size) }
    #expect(error?.message.hasPrefix("cannot set up guest memory 'pc.ram': ") == true)
  }

  @Test func aBoardThatGoesTakesItsMemoryAndFunctionsAlong() throws {
    final class Follower: Accelerator {
      var sections = 0
      let name = "test"
      let hasResampleIRQFD = false
      let memoryFailure: AcceleratorError? = nil
      let hasMessageRoutes = false
      func addMSIRoute(_ message: MSIMessage) -> UInt32 { 0 }
      func updateMSIRoute(_ gsi: UInt32, _ message: MSIMessage) {}
      func removeMSIRoute(_ gsi: UInt32) {}
      func commitRoutes() {}
      func assignIRQFD(trigger: Int32, gsi: UInt32) {}
      func deassignIRQFD(trigger: Int32, gsi: UInt32) {}
      func signal(_ message: MSIMessage) {}
      func assignResampleIRQFD(
        trigger: Int32, resample: Int32, gsi: UInt32
      ) throws(Errno) { throw .noFunction }
      func deassignResampleIRQFD(trigger: Int32, gsi: UInt32) throws(Errno) {}
      func addVFIOFile(_ descriptor: Int32) {}
      func removeVFIOFile(_ descriptor: Int32) {}
      func setLine(gsi: UInt32, level: Bool) {}
      func regionRemoved(_ section: MemorySection) { sections -= 1 }
      func regionAdded(_ section: MemorySection) { sections += 1 }
    }
    final class Mortal: PCIFunction {
      let memory: AddressSpace
      let onEnd: () -> Void
      init(memory: AddressSpace, onEnd: @escaping () -> Void) {
        self.memory = memory
        self.onEnd = onEnd
      }
      deinit { onEnd() }
      func readConfig(offset: Int, length: Int) -> UInt32 { 0 }
      func writeConfig(offset: Int, length: Int, value: UInt32) {}
      func reset() {}
    }
    let follower = Follower()
    var isGone = false
    var board: Q35Board? = try Q35Board(
      ramSize: 1 << 20, accelerator: follower, on: LinuxKernel()
    ) {}
    #expect(follower.sections == 3)
    if let board {
      let place = try board.rootBus.reserve(nil, for: "vfio-pci")
      board.rootBus.attach(Mortal(memory: board.memory) { isGone = true }, at: place)
    }
    board = nil
    #expect(isGone)
    #expect(follower.sections == 0)
  }

  // MARK: - Configuration space

  @Test func bothBridgesAreFoundThroughThePorts() throws {
    let board = try makeBoard()
    let expected: [(Int, UInt32, UInt32, UInt32)] = [
      (0, 0x29c0_8086, 0x0600_0000, 0), (31, 0x2918_8086, 0x0601_0002, 0x0080_0000),
      (4, .max, .max, .max),
    ]
    for (number, identity, classAndRevision, header) in expected {
      let place = try slot(number)
      for (register, value) in [(0, identity), (8, classAndRevision), (0xc, header)] {
        board.ports.write(0xcf8, size: 4, value: address(place, UInt32(register)))
        #expect(board.ports.read(0xcfc, size: 4) == value)
      }
    }
    board.ports.write(0xcf8, size: 4, value: address(try slot(31), 0))
    #expect(board.ports.read(0xcfe, size: 2) == 0x2918)
    #expect(board.ports.read(0xcff, size: 1) == 0x29)
  }

  @Test func theAddressRegisterKeepsItsBitsAndNeedsItsEnable() throws {
    let board = try makeBoard()
    board.ports.write(0xcf8, size: 4, value: .max)
    #expect(board.ports.read(0xcf8, size: 4) == 0x80ff_fffc)
    board.ports.write(0xcf8, size: 2, value: 0)
    #expect(board.ports.read(0xcf8, size: 4) == 0x80ff_fffc)
    #expect(board.ports.read(0xcfc, size: 4) == .max)
    board.ports.write(0xcf8, size: 4, value: 0)
    #expect(board.ports.read(0xcfc, size: 4) == .max)
    #expect(board.ports.read(0xcff, size: 4) == .max)
  }

  @Test func anAttachedFunctionGetsBytesAtTheirOffsets() throws {
    let board = try makeBoard()
    let place = try board.rootBus.reserve(slot(4), for: "vfio-pci")
    let function = RecordingFunction()
    board.rootBus.attach(function, at: place)
    board.ports.write(0xcf8, size: 4, value: address(place, 0x44))
    board.ports.write(0xcfc, size: 2, value: 0x1234)
    #expect(board.ports.read(0xcfe, size: 1) == 0x21)
    #expect(function.accesses == ["w2@44=1234", "r1@46"])
  }

  @Test func memoryConfigurationSpaceAppearsWhereItIsProgrammed() throws {
    let board = try makeBoard()
    let place = try board.rootBus.reserve(slot(4, 1), for: "vfio-pci")
    let function = RecordingFunction()
    board.rootBus.attach(function, at: place)
    #expect(board.memory.read(0xb000_0000, size: 4) == 0xffff_ffff)
    board.ports.write(0xcf8, size: 4, value: address(try slot(0), 0x60))
    #expect(board.ports.read(0xcfc, size: 4) == 0xb000_0000)
    board.ports.write(0xcfc, size: 4, value: 0xe000_0001)
    #expect(board.memory.read(0xe000_0000, size: 4) == 0x29c0_8086)
    #expect(board.memory.read(0xe00f_8002, size: 2) == 0x2918)
    #expect(board.memory.read(0xe010_0000, size: 4) == 0xffff_ffff)
    let base: UInt64 = 0xe000_0000 | UInt64(place.devfn) << 12
    board.memory.write(base | 0x100, size: 8, value: 0x1111_2222_3333_4444)
    #expect(board.memory.read(base | 0xffe, size: 2) == 0x4321)
    #expect(function.accesses == ["w4@100=33334444", "w4@104=11112222", "r2@ffe"])
  }

  @Test(arguments: [0xfc, 0xfd, 0xfe, 0xff, 0x100, 0xffc, 0xfff] as [UInt64])
  func registersThatABoardFunctionLacksReadAsOnes(register: UInt64) throws {
    let board = try makeBoard()
    board.ports.write(0xcf8, size: 4, value: address(try slot(0), 0x60))
    board.ports.write(0xcfc, size: 4, value: 0xe000_0001)
    for size in [1, 2, 4, 8] {
      board.memory.write(0xe000_0000 + register, size: size, value: 0)
      let value = board.memory.read(0xe000_0000 + register, size: size)
      for byte in 0..<UInt64(size) {
        // Past the last register comes the next function, which is not there.
        let expected: UInt64 = register + byte < 0x100 ? 0 : 0xff
        #expect(value >> (8 * byte) & 0xff == expected)
      }
    }
  }

  @Test(
    arguments: [
      (0x9000_0001, 0x9000_0000, 0x1000_0000), (0x9c00_0001, 0x9000_0000, 0x1000_0000),
      (0x9800_0003, 0x9800_0000, 0x800_0000), (0x9400_0005, 0x9400_0000, 0x400_0000),
      (0x9000_0007, 0, 0), (0x9000_0000, 0, 0),
    ] as [(UInt32, UInt64, UInt64)])
  func theWindowHasTheProgrammedSizeAndAlignment(
    register: UInt32, base: UInt64, size: UInt64
  ) throws {
    let board = try makeBoard()
    let before = board.memory.flatView.sections.map(\.start)
    board.ports.write(0xcf8, size: 4, value: address(try slot(0), 0x60))
    board.ports.write(0xcfc, size: 4, value: register)
    let found = board.memory.flatView.sections.filter { !before.contains($0.start) }
    #expect(found.first?.start ?? 0 == base)
    #expect(found.first?.size ?? 0 == size)
    #expect(found.count == (size == 0 ? 0 : 1))
    board.reset()
    #expect(board.memory.flatView.sections.map(\.start) == before)
  }

  // MARK: - Interrupts

  @Test func pinsOfTheRootBusTakeTurnsOnFourLines() throws {
    let board = try makeBoard()
    // The routing registers of a new board are zero, as QEMU's are before its first reset.
    #expect(
      board.interrupts.route(try slot(4), pin: 0) == InterruptRoute(isEnabled: true, gsi: 0))
    board.reset()
    let expected: [(Int, Int, UInt32)] = [
      (4, 0, 20), (4, 3, 23), (5, 0, 21), (7, 1, 20), (24, 0, 20), (25, 0, 16), (31, 2, 18),
    ]
    for (number, pin, gsi) in expected {
      #expect(board.interrupts.route(try slot(number), pin: pin).gsi == gsi)
    }
  }

  @Test func aRoutingRegisterLeadsToThe8259AndTellsItsObservers() throws {
    let board = try makeBoard()
    board.reset()
    var calls = 0
    let observer = board.interrupts.observe { calls += 1 }
    board.ports.write(0xcf8, size: 4, value: address(try slot(31), 0x68))
    board.ports.write(0xcfc, size: 1, value: 0x7a)
    #expect(board.ports.read(0xcfc, size: 1) == 0x0a)
    #expect(board.interrupts.route(try slot(4), pin: 0).gsi == 10)
    #expect(board.interrupts.route(try slot(5), pin: 0).gsi == 21)
    #expect(calls == 1)
    board.ports.write(0xcf8, size: 4, value: address(try slot(31), 0x60))
    board.ports.write(0xcfc, size: 4, value: 0x8080_8080)
    #expect(calls == 2)
    board.ports.write(0xcf8, size: 4, value: address(try slot(31), 0x64))
    board.ports.write(0xcfc, size: 4, value: 0)
    #expect(calls == 2)
    board.interrupts.remove(observer)
    board.ports.write(0xcf8, size: 4, value: address(try slot(31), 0x68))
    board.ports.write(0xcfc, size: 1, value: 0x80)
    #expect(calls == 2)
    #expect(board.interrupts.route(try slot(4), pin: 0).gsi == 20)
  }

  @Test func aSharedLineIsHighWhileAnyPinIs() throws {
    let board = try makeBoard()
    board.reset()
    let first = try slot(4)
    let second = try slot(8)
    board.interrupts.setLevel(true, first, pin: 0)
    board.interrupts.setLevel(true, second, pin: 0)
    board.interrupts.setLevel(false, first, pin: 0)
    #expect(accelerator.level(gsi: 20))
    board.interrupts.setLevel(false, second, pin: 0)
    #expect(!accelerator.level(gsi: 20))
  }

  @Test func aHighPinFollowsItsRoute() throws {
    let board = try makeBoard()
    board.reset()
    board.interrupts.setLevel(true, try slot(4), pin: 0)
    board.ports.write(0xcf8, size: 4, value: address(try slot(31), 0x68))
    board.ports.write(0xcfc, size: 1, value: 0x0b)
    #expect(!accelerator.level(gsi: 20))
    #expect(accelerator.level(gsi: 11))
    board.reset()
    #expect(!accelerator.level(gsi: 11))
  }

  // MARK: - Resets

  @Test(
    arguments: [
      (0xcf9, 0x02, false), (0xcf9, 0x06, true), (0xcf9, 0x0e, true), (0xcf9, 0x04, true),
    ] as [(UInt16, UInt32, Bool)])
  func theGuestCanAskForAReset(port: UInt16, value: UInt32, isReset: Bool) throws {
    let board = try makeBoard()
    // Every width is one access to the register, as in QEMU.
    for size in [1, 2, 4] { board.ports.write(port, size: size, value: value) }
    #expect(wishes.count == (isReset ? 3 : 0))
    if !isReset { for size in [1, 2, 4] { #expect(board.ports.read(port, size: size) == value) } }
  }

  @Test func theResetRegisterKeepsItsOtherBits() throws {
    let board = try makeBoard()
    board.ports.write(0xcf9, size: 1, value: 0xfb)
    #expect(board.ports.read(0xcf9, size: 1) == 0x0a)
    board.ports.write(0xcf8, size: 4, value: 0x8000_0400)
    #expect(wishes.count == 0)
    board.reset()
    #expect(board.ports.read(0xcf9, size: 1) == 0)
    #expect(board.ports.read(0xcf8, size: 4) == 0)
  }

  @Test func unclaimedPortsAreOnesForEverySizeAndAtTheEnd() throws {
    let board = try makeBoard()
    for (size, ones) in [(1, 0xff), (2, 0xffff), (4, UInt32.max), (3, .max), (8, .max)] {
      #expect(board.ports.read(0x5000, size: size) == ones)
      #expect(board.ports.read(.max, size: size) == ones)
      board.ports.write(.max, size: size, value: 0)
    }
  }
}
