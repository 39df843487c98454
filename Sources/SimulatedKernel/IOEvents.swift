internal import CLinux
internal import SystemPackage

/// The values that signals of eventfds write to the BARs of one device (`VFIO_DEVICE_IOEVENTFD`).
///
/// Each eventfd is held once by a duplicate, however many values it writes.
struct IOEvents {
  /// A write that a signal causes.
  struct Write: Equatable {
    var bar: Int
    var offset: UInt64
    /// Bytes: 1, 2 or 4.
    var width: Int
    var value: UInt64
  }

  private struct Holder {
    var descriptor: Int32
    var users: Int
  }

  /// Linux: VFIO_PCI_IOEVENTFD_MAX.
  static let limit = 1000

  private var writes: [(write: Write, event: String)] = []
  private var holders: [String: Holder] = [:]

  /// The duplicates of the eventfds.
  var descriptors: [Int32] { holders.values.map(\.descriptor) }

  /// The eventfd that a duplicate refers to, nil when it is none of these.
  func identity(of descriptor: Int32) -> String? {
    holders.first { $0.value.descriptor == descriptor }?.key
  }

  /// What a signal of an eventfd writes, in the order that it was asked for.
  func writes(of event: String) -> [Write] {
    writes.filter { $0.event == event }.map(\.write)
  }

  /// Adds a write, or removes it for descriptor -1.
  mutating func set(_ write: Write, _ descriptor: Int32) throws(Errno) {
    if let index = writes.firstIndex(where: { $0.write == write }) {
      guard descriptor == -1 else { throw .eexist }
      letGo(writes.remove(at: index).event)
      return
    }
    guard descriptor >= 0 else { throw .enodev }
    guard writes.count < Self.limit else { throw .enospc }
    let event = try ProcessDescriptor.identity(ofEvent: descriptor)
    if holders[event] == nil {
      let copy = try ProcessDescriptor.duplicate(event: descriptor)
      holders[event] = Holder(descriptor: copy, users: 0)
    }
    holders[event]?.users += 1
    writes.append((write, event))
  }

  mutating func removeAll() {
    for holder in holders.values { _ = clinux_close(holder.descriptor) }
    holders.removeAll()
    writes.removeAll()
  }

  private mutating func letGo(_ event: String) {
    guard var holder = holders[event] else { return }
    holder.users -= 1
    holders[event] = holder.users == 0 ? nil : holder
    if holder.users == 0 { _ = clinux_close(holder.descriptor) }
  }
}

extension VFIODeviceFile {
  /// `VFIO_DEVICE_IOEVENTFD`.
  func setIOEvent(_ argument: UserArgument, on host: SimulatedHost) throws(Errno) {
    _ = try argument.argumentSize(minimum: 28)
    let command = try argument.load(vfio_device_ioeventfd.self, count: 28)
    guard command.flags & ~0xF == 0, command.flags.nonzeroBitCount == 1, command.fd >= -1 else {
      throw .einval
    }
    let (index, position) = Self.split(command.offset)
    let width = UInt64(command.flags)
    guard let bar = device.function.description.bar(index), position <= bar.size,
      width <= bar.size - position
    else { throw .einval }
    if let table = device.function.messageTable, table.bar == index,
      table.range.overlaps(Int(position)..<Int(position + width))
    {
      throw .einval
    }
    guard width < 8 else { throw .einval }
    try device.ioEvents.set(
      IOEvents.Write(bar: index, offset: position, width: Int(width), value: command.data),
      command.fd)
    host.hasNewWatchedEvent = true
  }
}

extension VFIODevice {
  /// Writes what a signal of an eventfd writes; nothing to a memory BAR that cannot be reached.
  func writeValues(signalledBy event: String, on host: SimulatedHost) {
    for write in ioEvents.writes(of: event) {
      guard let bar = function.description.bar(write.bar), bar.kind == .io || decodesMemory,
        !function.isGone
      else { continue }
      let bytes = (0..<write.width).map { UInt8(truncatingIfNeeded: write.value >> (8 * $0)) }
      try? writeBAR(bar, at: Int(write.offset), bytes[...], on: host)
    }
  }
}
