internal import TestSupport

/// Makes random sequences of calls that are mostly valid: it begins with a common set-up, and picks
/// ids and addresses from few values, so that calls meet each other's objects.
struct DifferentialGenerator {
  private typealias Operation = DifferentialOperation

  /// The functions to use, each with its class of behaviour known to both hosts.
  private let functions: [Fixture]
  private var random: SeededGenerator

  init(_ functions: [Fixture], seed: UInt64) {
    self.functions = functions
    random = SeededGenerator(seed: seed)
  }

  /// The next sequence: a set-up of a few calls and up to 24 random ones.
  mutating func next() -> [DifferentialOperation] {
    var operations = setUp()
    // Opening a device resets it, which takes real time on Linux: half the sequences do without.
    let usesDevices = operations.contains { if case .openNode = $0 { true } else { false } }
    for _ in 0..<Int.random(in: 4...24, using: &random) {
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<5: operations.append(iommufdCall())
      case 5..<8 where usesDevices: operations.append(deviceCall())
      case 8 where usesDevices: operations.append(groupCall())
      case 8..<10 where !usesDevices: operations.append(groupCall())
      default: operations.append(iommufdCall())
      }
    }
    return operations
  }

  private mutating func setUp() -> [DifferentialOperation] {
    switch Int.random(in: 0..<6, using: &random) {
    case 0, 1: [.openIOMMUFD(0), .allocateIOAS(0), .allocateIOAS(0)]
    case 2: [.openIOMMUFD(0), .openIOMMUFD(1), .allocateIOAS(0)] + cdev(function(), 0)
    case 3:
      [.openIOMMUFD(0), .allocateIOAS(0), .allocateIOAS(0)] + cdev(function(), 0)
        + cdev(function(), 0)
    case 4:
      if Bool.random(using: &random) {
        native(function())
      } else {
        [.openIOMMUFD(0)] + standIn(function())
      }
    default: []
    }
  }

  private func cdev(_ fixture: Fixture, _ slot: Int) -> [DifferentialOperation] {
    let device = Operation.Device(fixture: fixture, slot: 0)
    return [.openNode(device), .bind(device, slot), .attach(device, 1)]
  }

  private func native(_ fixture: Fixture) -> [DifferentialOperation] {
    [
      .openContainer, .openGroup(fixture), .setContainer(fixture, .native),
      .setBackend(.native, 3), .openFromGroup(Operation.Device(fixture: fixture, slot: 0)),
    ]
  }

  private func standIn(_ fixture: Fixture) -> [DifferentialOperation] {
    [
      .openGroup(fixture), .setContainer(fixture, .iommufd(0)), .setBackend(.iommufd(0), 3),
      .openFromGroup(Operation.Device(fixture: fixture, slot: 0)),
    ]
  }

  // MARK: Calls

  private mutating func iommufdCall() -> DifferentialOperation {
    switch Int.random(in: 0..<24, using: &random) {
    case 0: .allocateIOAS(slot())
    case 1: .destroy(slot(), identifier())
    case 2:
      .allocateTable(
        slot(), device: identifier(), parent: identifier(), flags: one(of: 0, 0, 0, 2, 8, 0x80))
    case 3..<10: map()
    case 10..<14: .unmap(slot(), ioas: identifier(), iova: iova(), length: length())
    case 14: .unmap(slot(), ioas: identifier(), iova: 0, length: .max)
    case 15..<18:
      .copy(
        slot(), from: identifier(), to: identifier(), source: iova(), length: length(),
        iova: Bool.random(using: &random) ? iova() : nil, flags: one(of: 6, 6, 4, 2))
    case 18, 19: .ranges(slot(), ioas: identifier())
    case 20: .allow(slot(), ioas: identifier(), allowed())
    case 21: .hardwareInfo(slot(), device: identifier())
    case 22: .attach(device(), identifier())
    default:
      one(of: .openIOMMUFD(slot()), .closeIOMMUFD(slot()), .detach(device()), .allocateIOAS(slot()))
    }
  }

  private mutating func map() -> DifferentialOperation {
    .map(
      slot(), ioas: identifier(), page: Int.random(in: 0..<12, using: &random), length: length(),
      iova: Int.random(in: 0..<3, using: &random) == 0 ? nil : iova(),
      flags: one(of: 6, 6, 6, 6, 4, 2, 0, 8))
  }

  private mutating func deviceCall() -> DifferentialOperation {
    let device = device()
    switch Int.random(in: 0..<24, using: &random) {
    case 0, 1: return .openNode(device)
    case 2, 3: return .bind(device, slot())
    case 4..<7: return .attach(device, identifier())
    case 7: return .detach(device)
    case 8: return .closeDevice(device)
    case 9: return .deviceInfo(device)
    case 10: return .regionInfo(device, UInt32.random(in: 0...10, using: &random))
    case 11: return .interruptInfo(device, UInt32.random(in: 0...5, using: &random))
    case 12..<17: return interrupts(device)
    case 17..<19: return config(device)
    case 19: return .reset(device)
    case 20, 21: return .hotResetInfo(device)
    default:
      let count = one(of: 0, 0, 0, 1, 2)
      let groups = (0..<count).map { _ in function() }
      return .hotReset(device, groups: groups)
    }
  }

  private mutating func interrupts(_ device: Operation.Device) -> DifferentialOperation {
    let data: Operation.InterruptData
    switch Int.random(in: 0..<6, using: &random) {
    case 0: data = .none(count: UInt32.random(in: 0...2, using: &random))
    case 1:
      data = .switches((0..<one(of: 1, 1, 2)).map { _ in UInt8.random(in: 0...1, using: &random) })
    default:
      let count = one(of: 0, 1, 1, 2, 3)
      data = .events((0..<count).map { _ in one(of: true, true, true, false, nil) })
    }
    return .setInterrupts(
      device, index: one(of: 0, 1, 2, 2, 2, 3, 4, 5),
      action: one(of: 32, 32, 32, 32, 8, 16, 0, 48, 64),
      start: one(of: 0, 0, 0, 1, 3, 100), data)
  }

  private mutating func config(_ device: Operation.Device) -> DifferentialOperation {
    switch Int.random(in: 0..<4, using: &random) {
    case 0: .writeConfig(device, offset: 4, width: 2, value: one(of: 0, 2, 4, 6, 0x406))
    case 1:
      .writeConfig(
        device, offset: 0x10 + 4 * one(of: 0, 1, 2, 3, 4, 5), width: 4, value: 0xFFFF_FFFF)
    case 2: .writeConfig(device, offset: 0x3C, width: 1, value: one(of: 0, 5, 0x33))
    default: .writeConfig(device, offset: one(of: 0, 2, 0x2C, 0x3D), width: 1, value: 0xA5)
    }
  }

  private mutating func groupCall() -> DifferentialOperation {
    let fixture = function()
    let container = container()
    switch Int.random(in: 0..<20, using: &random) {
    case 0: return one(of: .openContainer, .openContainer, .closeContainer)
    case 1..<4: return .openGroup(fixture)
    case 4: return .closeGroup(fixture)
    case 5: return .groupStatus(fixture)
    case 6..<9: return .setContainer(fixture, container)
    case 9: return .unsetContainer(fixture)
    case 10, 11: return .setBackend(container, one(of: 3, 3, 3, 1, 8, 99))
    case 12: return .checkExtension(container, one(of: 1, 3, 4, 8, 9, 10, 99))
    case 13..<16: return .openFromGroup(device(of: fixture))
    case 16, 17:
      return .mapType1(
        container, page: Int.random(in: 0..<12, using: &random), length: length(), iova: iova(),
        flags: one(of: 3, 3, 3, 1, 2, 0, 8))
    case 18:
      return .unmapType1(container, iova: iova(), length: length(), flags: one(of: 0, 0, 0, 2, 8))
    default: return .closeDevice(device(of: fixture))
    }
  }

  // MARK: Values

  private mutating func slot() -> Int { one(of: 0, 0, 0, 0, 0, 1) }

  private mutating func function() -> Fixture { functions.randomElement(using: &random) ?? .n }

  private mutating func device() -> Operation.Device { device(of: function()) }

  private mutating func device(of fixture: Fixture) -> Operation.Device {
    Operation.Device(fixture: fixture, slot: one(of: 0, 0, 0, 0, 1))
  }

  private mutating func container() -> Operation.Container {
    one(of: .native, .iommufd(0), .iommufd(0), .iommufd(1))
  }

  private mutating func identifier() -> UInt32 { one(of: 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 0, 99) }

  private mutating func length() -> UInt64 {
    one(of: 0x1000, 0x1000, 0x1000, 0x2000, 0x2000, 0x4000, 0, 100, 0x1001, .max)
  }

  private mutating func iova() -> UInt64 {
    one(
      of: 0, 0x1000, 0x1000, 0x2000, 0x2000, 0x3000, 0x4000, 0x1_0000, 0x1_1000, 0x10_0001,
      0xFEE0_0000, 0xFEDF_F000, 1 << 47, .max - 0xFFF)
  }

  private mutating func allowed() -> [ClosedRange<UInt64>] {
    one(
      of: [], [0...0xFFFF], [0x1000...0x2FFF], [0x1_0000...0x1_FFFF, 0x4000...0x7FFF],
      [0...0xFEE0_0000], [0...0x1FFF, 0x1000...0x2FFF])
  }

  private mutating func one<Value>(of values: Value...) -> Value {
    values[Int.random(in: 0..<values.count, using: &random)]
  }
}
