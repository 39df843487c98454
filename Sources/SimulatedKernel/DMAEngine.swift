/// The DMA engine of a test device: one transfer at a time, moved in bounded steps.
struct DMAEngine {
  private(set) var source: UInt64 = 0
  private(set) var destination: UInt64 = 0
  private(set) var length: UInt32 = 0
  /// Bytes that are still to be moved.
  private(set) var remaining: UInt32 = 0
  /// FNV-1a (32 bits) over the bytes of the last transfer.
  private(set) var checksum: UInt32 = 0
  private(set) var faultAddress: UInt64 = 0
  /// Commands that ended well.
  private(set) var completed: UInt32 = 0
  /// The transfer moves only when its status is read.
  private(set) var isPaced = false
  private var transfer: Transfer?
  private var failure: Failure?
  private var hasRun = false
  private var outcome: Bool?

  /// Low byte of the command register.
  private enum Direction: UInt32 {
    case memoryToMemory = 1
    case memoryToDevice = 2
    case deviceToMemory = 3
  }

  /// Bit 8 of the command register.
  private static let paced: UInt32 = 0x100

  /// What the status register gives in bits 8 to 15.
  private enum Failure: UInt32 {
    case notMaster = 1
    case badLength = 2
    case readFault = 3
    case writeFault = 4
    case badDeviceAddress = 5
    case badCommand = 6
    case busy = 7
  }

  private struct Transfer {
    var direction: Direction
    var source: UInt64
    var destination: UInt64
  }

  var isBusy: Bool { transfer != nil }

  /// Bit 0 busy, bit 1 done, bits 8 to 15 why the last command failed.
  var status: UInt32 {
    (isBusy ? 1 : 0) | (!isBusy && hasRun && failure == nil ? 2 : 0)
      | (failure?.rawValue ?? 0) << 8
  }

  // MARK: Registers

  mutating func setSource(_ value: UInt32, high: Bool) { Self.set(&source, value, high) }

  mutating func setDestination(_ value: UInt32, high: Bool) {
    Self.set(&destination, value, high)
  }

  mutating func setLength(_ value: UInt32) { length = value }

  private static func set(_ address: inout UInt64, _ value: UInt32, _ high: Bool) {
    address =
      high
      ? address & 0xFFFF_FFFF | UInt64(value) << 32 : address & ~0xFFFF_FFFF | UInt64(value)
  }

  // MARK: Transfers

  /// Begins the transfer that the registers describe; one that is under way goes on.
  mutating func start(_ command: UInt32, isMaster: Bool) {
    guard transfer == nil else {
      failure = .busy
      return
    }
    hasRun = true
    failure = nil
    faultAddress = 0
    checksum = 0x811C_9DC5
    remaining = length
    isPaced = command & Self.paced != 0
    guard let direction = Direction(rawValue: command & ~Self.paced) else {
      return end(.badCommand)
    }
    guard length > 0, length <= TestDevice.transferLimit else { return end(.badLength) }
    guard isMaster else { return end(.notMaster) }
    transfer = Transfer(direction: direction, source: source, destination: destination)
  }

  /// Moves a page when paced, else 64 KiB, or what is left.
  mutating func step(on bus: some DeviceBus) {
    guard var current = transfer else { return }
    let count = min(Int(remaining), isPaced ? 4096 : 65536)
    do throws(DMAFault) {
      guard let bytes = try read(current, count, on: bus),
        try write(bytes, current, on: bus)
      else { return end(.badDeviceAddress) }
      for byte in bytes { checksum = (checksum ^ UInt32(byte)) &* 0x0100_0193 }
    } catch {
      faultAddress = error.address
      return end(
        error.reason == .notMaster ? .notMaster : error.isWrite ? .writeFault : .readFault)
    }
    remaining -= UInt32(count)
    current.source &+= UInt64(count)
    current.destination &+= UInt64(count)
    transfer = current
    if remaining == 0 { end(nil) }
  }

  private func read(
    _ current: Transfer, _ count: Int, on bus: some DeviceBus
  ) throws(DMAFault) -> [UInt8]? {
    current.direction == .deviceToMemory
      ? bus.readBAR(TestDevice.localBAR, at: current.source, count: count)
      : try bus.readMemory(at: current.source, count: count)
  }

  private func write(
    _ bytes: [UInt8], _ current: Transfer, on bus: some DeviceBus
  ) throws(DMAFault) -> Bool {
    if current.direction == .memoryToDevice {
      return bus.writeBAR(TestDevice.localBAR, at: current.destination, bytes)
    }
    try bus.writeMemory(bytes, at: current.destination)
    return true
  }

  private mutating func end(_ failure: Failure?) {
    transfer = nil
    self.failure = failure
    if failure == nil { completed &+= 1 }
    outcome = failure == nil
  }

  /// Whether the transfer that has just ended was good; nil when none has ended since the last look.
  mutating func takeOutcome() -> Bool? {
    defer { outcome = nil }
    return outcome
  }
}
