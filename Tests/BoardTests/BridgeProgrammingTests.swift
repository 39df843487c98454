import Board
import HostKernel
import Hypervisor
import PCI
import TestSupport
import Testing

/// Whatever a guest programs into bridges: accesses are answered, both ways to configuration space agree,
/// and nothing is reached that is not decoded.
@Suite struct BridgeProgrammingTests {
  /// A function that is told which accesses it may get.
  private final class Witness: PCIFunction {
    private(set) var words = [UInt32](repeating: 0, count: 1024)
    private(set) var accesses = 0
    let identity: UInt32

    init(identity: UInt32) { self.identity = identity }

    func readConfig(offset: Int, length: Int) -> UInt32 {
      accesses += 1
      let word = offset < 4 ? identity : words[offset / 4]
      return word >> UInt32(8 * (offset & 3))
    }

    func writeConfig(offset: Int, length: Int, value: UInt32) {
      accesses += 1
      let shift = UInt32(8 * (offset & 3))
      let mask = UInt32(truncatingIfNeeded: UInt64(1) << UInt64(8 * length) - 1) << shift
      words[offset / 4] = words[offset / 4] & ~mask | value << shift & mask
    }

    func reset() {}
  }

  /// Two ports on the root bus, a third behind the first, each with a function behind it.
  private struct World {
    let fixture: RootPortFixture
    let ports: [RootPort]
    let witnesses: [Witness]
    let bars: [BARFunction]

    init() throws {
      fixture = try RootPortFixture()
      let board = fixture.board
      var ports = [try fixture.port(slot: 4), try fixture.port(slot: 5)]
      var options = RootPortOptions(id: "inner")
      options.slot = 20
      ports.append(
        try board.addRootPort(options, at: fixture.place(1), on: ports[0].secondaryBus))
      var witnesses: [Witness] = []
      var bars: [BARFunction] = []
      for (index, port) in ports.enumerated() {
        let bus = port.secondaryBus
        let witness = Witness(identity: 0x1000_1af4 + UInt32(index) << 16)
        bus.attach(witness, at: try bus.reserve(nil, for: "witness"))
        witnesses.append(witness)
        let bar = BARFunction(on: bus, of: board, size: 1 << 20)
        bars.append(bar)
      }
      self.ports = ports
      self.witnesses = witnesses
      self.bars = bars
    }
  }

  /// The ports whose bus an access to a number goes to, by the specification: each bridge on the way
  /// forwards it.
  private func isReachable(_ path: [RootPort], _ number: UInt8) -> Bool {
    path.allSatisfy { $0.header.forwards(bus: number) }
      && path.last?.header.secondaryBus == number
  }

  @Test(arguments: 0..<30 as Range<UInt64>)
  func configAccessesReachOnlyWhatIsForwarded(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let world = try World()
    let fixture = world.fixture
    let memory = fixture.board.memory
    let paths = [[world.ports[0]], [world.ports[1]], [world.ports[0], world.ports[2]]]
    for _ in 0..<200 {
      // Programs one of the bridges, wherever it can be found.
      let register: UInt32 = [0x18, 0x18, 0x19, 0x1a, 0x3e].randomElement(using: &generator) ?? 0
      let size = register == 0x18 ? 4 : 1
      let value = UInt32(truncatingIfNeeded: generator.next()) & 0x0107_0707
      switch generator.next() % 3 {
      case 0: fixture.write(0, 0x20, register, size, value & ~0x40)
      case 1: fixture.write(0, 0x28, register, size, value & ~0x40)
      default:
        fixture.write(
          UInt32(world.ports[0].header.secondaryBus), 8, register, size, value)
      }
      let number = UInt8.random(in: 0..<9, using: &generator)
      let devfn = UInt32([0, 0, 8, 1, 0xff].randomElement(using: &generator) ?? 0)
      let width = [1, 2, 4].randomElement(using: &generator) ?? 4
      let offset = UInt32.random(in: 0..<256, using: &generator) & ~UInt32(width - 1)
      let before = world.witnesses.map(\.accesses)
      let byPorts = fixture.read(UInt32(number), devfn, offset, width)
      let address = 0xb000_0000 | UInt64(number) << 20 | UInt64(devfn) << 12 | UInt64(offset)
      let byMemory = UInt32(truncatingIfNeeded: memory.read(address, size: width))
      let ones = UInt32.max >> UInt32(32 - 8 * width)
      #expect(byPorts & ones == byMemory)
      if number != 0 {
        fixture.write(
          UInt32(number), devfn == 8 ? 1 : devfn, offset, width, UInt32(number) << 8)
      }
      for (index, path) in paths.enumerated() {
        let isReached = world.witnesses[index].accesses != before[index]
        let isExpected = devfn == 0 && isReachable(path, number)
        if isReached { #expect(isReachable(path, number)) }
        // Another bridge may have been asked first where ranges overlap.
        let others = paths.indices.filter { $0 != index }.flatMap { paths[$0] }
        if isExpected, !others.contains(where: { $0.header.forwards(bus: number) }) {
          #expect(isReached)
        }
      }
    }
  }

  @Test(arguments: 0..<30 as Range<UInt64>)
  func memoryReachesABAROnlyThroughOpenWindowsOfAllBridges(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let world = try World()
    let fixture = world.fixture
    let board = fixture.board
    fixture.write(0, 0x20, 0x18, 4, 0x0002_0100)
    fixture.write(0, 0x28, 0x18, 4, 0x0003_0300)
    fixture.write(1, 8, 0x18, 4, 0x0002_0201)
    let bridges: [(UInt32, UInt32)] = [(0, 0x20), (0, 0x28), (1, 8)]
    let paths = [[world.ports[0]], [world.ports[1]], [world.ports[0], world.ports[2]]]
    var places: [UInt64?] = [nil, nil, nil]
    for _ in 0..<120 {
      let (bus, devfn) = bridges.randomElement(using: &generator) ?? (0, 0x20)
      let base = UInt32.random(in: 0..<8, using: &generator) << 4 | 0xc000
      let limit = UInt32.random(in: 0..<8, using: &generator) << 4 | 0xc000
      switch generator.next() % 4 {
      case 0: fixture.write(bus, devfn, 0x20, 4, limit << 16 | base)
      case 1: fixture.write(bus, devfn, 0x24, 4, limit << 16 | base)
      case 2: fixture.write(bus, devfn, 0x04, 2, UInt32(generator.next() & 0x407))
      default:
        let index = Int.random(in: 0..<3, using: &generator)
        places[index] = 0xc000_0000 + UInt64.random(in: 0..<16, using: &generator) << 19
        world.bars[index].place(places[index])
      }
      for address in stride(from: UInt64(0xc000_0000), to: 0xc088_0000, by: 0x8_0000) {
        let before = world.bars.map(\.reached.count)
        _ = board.memory.read(address, size: 4)
        var reached = 0
        for (index, path) in paths.enumerated() {
          guard world.bars[index].reached.count != before[index] else { continue }
          reached += 1
          let place = try #require(places[index])
          #expect(place <= address && address < place + 1 << 20)
          #expect(path.allSatisfy { $0.header.memory.contains { $0.contains(address) } })
        }
        #expect(reached <= 1)
        let candidates = paths.indices.filter { index in
          guard let place = places[index], place <= address, address < place + 1 << 20 else {
            return false
          }
          return paths[index].allSatisfy { $0.header.memory.contains { $0.contains(address) } }
        }
        #expect(reached == (candidates.isEmpty ? 0 : 1))
      }
    }
  }

  @Test(arguments: 0..<40 as Range<UInt64>)
  func randomAccessesToEverythingAreAnswered(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let world = try World()
    let fixture = world.fixture
    let board = fixture.board
    for _ in 0..<600 {
      let value = generator.next()
      let register = UInt64.random(in: 0..<0x160, using: &generator)
      let bus = UInt64([0, 0, 0, 1, 2, 3, 255].randomElement(using: &generator) ?? 0)
      let devfn = UInt64([0, 8, 0x20, 0x28, 0xf8].randomElement(using: &generator) ?? 0)
      let size = [1, 2, 4, 8].randomElement(using: &generator) ?? 4
      switch generator.next() % 8 {
      case 0...3:
        let address = 0xb000_0000 | bus << 20 | devfn << 12 | register
        board.memory.write(address, size: size, value: value)
        let answer = board.memory.read(address, size: size)
        #expect(size == 8 || answer >> (8 * UInt64(size)) == 0)
      case 4, 5:
        let address = 0x8000_0000 | UInt32(bus) << 16 | UInt32(devfn) << 8 | UInt32(register) & 0xfc
        board.ports.write(0xcf8, size: 4, value: address)
        let port = 0xcfc + UInt16(value & 3)
        board.ports.write(port, size: size, value: UInt32(truncatingIfNeeded: value >> 8))
        _ = board.ports.read(port, size: size)
      case 6:
        let port = world.ports.randomElement(using: &generator)
        try? port?.requestUnplug(PCISlot(devfn: UInt8(value & 1)), now: value >> 8)
        if value & 0x300 == 0, let bus = port?.secondaryBus,
          let place = try? bus.reserve(PCISlot(devfn: 0), for: "witness")
        {
          bus.attach(Witness(identity: 1), at: place, isHotPlug: value & 0x400 == 0)
        }
      default:
        if value % 16 == 0 { board.reset() }
        if value % 3 == 0 { fixture.write(0, 0, 0x60, 4, 0xb000_0001) }
        if value % 5 == 0 { fixture.open() }
      }
      for port in world.ports {
        #expect(port.readConfig(offset: 0, length: 4) == 0x000c_1b36)
        #expect(port.readConfig(offset: 0x34, length: 4) == 0x54)
      }
    }
  }
}
