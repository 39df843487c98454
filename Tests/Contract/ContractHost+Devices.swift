internal import CLinux
internal import HostKernel
internal import PCI
internal import SystemPackage

/// Regions, interrupts and resets of a device.
extension ContractHost {
  func read(_ device: Int32, _ offset: UInt64, count: Int) throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xEE, count: count)
    var elements = bytes.mutableSpan
    var span = unsafe elements.mutableBytes
    let done = try kernel.read(device, into: &span, at: offset)
    return Array(bytes.prefix(done))
  }

  @discardableResult
  func write(_ device: Int32, _ offset: UInt64, _ bytes: [UInt8]) throws(Errno) -> Int {
    try unsafe kernel.write(device, from: bytes.span.bytes, at: offset)
  }

  static let config: UInt64 = 7 << 40

  func config(_ device: Int32, _ offset: Int, width: Int) throws(Errno) -> UInt64 {
    try read(device, Self.config + UInt64(offset), count: width).reversed()
      .reduce(0) { $0 << 8 | UInt64($1) }
  }

  func setConfig(_ device: Int32, _ offset: Int, _ value: UInt64, width: Int) throws(Errno) {
    let bytes = (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
    try write(device, Self.config + UInt64(offset), bytes)
  }

  @discardableResult
  func setInterrupts(
    _ device: Int32, index: Int32, flags: Int32, start: UInt32 = 0, events: [Int32]
  ) throws(Errno) -> Int32 {
    var bytes = Self.bytes(
      [
        UInt32(20 + 4 * events.count), UInt32(flags | VFIO_IRQ_SET_DATA_EVENTFD), UInt32(index),
        start, UInt32(events.count),
      ] + events.map { UInt32(bitPattern: $0) })
    return try call(device, VFIO_DEVICE_SET_IRQS, &bytes)
  }

  func setInterrupts(
    _ device: Int32, index: Int32, flags: Int32, start: UInt32 = 0, count: UInt32
  ) throws(Errno) {
    try call(
      device, VFIO_DEVICE_SET_IRQS,
      [20, UInt32(flags | VFIO_IRQ_SET_DATA_NONE), UInt32(index), start, count])
  }

  func setInterrupts(
    _ device: Int32, index: Int32, flags: Int32, start: UInt32 = 0, switches: [UInt8]
  ) throws(Errno) {
    var bytes =
      Self.bytes(
        [
          UInt32(20 + switches.count), UInt32(flags | VFIO_IRQ_SET_DATA_BOOL), UInt32(index),
          start, UInt32(switches.count),
        ]) + switches
    try call(device, VFIO_DEVICE_SET_IRQS, &bytes)
  }

  /// Flags, and number, address of each entry of the hot-reset information.
  func hotResetInfo(
    _ device: Int32
  ) throws(Errno) -> (flags: UInt32, entries: [(number: UInt32, address: String)]) {
    let words = try call(
      device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, [12 + 8 * 16] + Array(repeating: 0, count: 34))
    let entries = (0..<Int(words[2])).map { index in
      let place = words[4 + 2 * index]
      let devfn = UInt8(place >> 24)
      return (
        words[3 + 2 * index],
        PCIAddress(
          domain: UInt16(place & 0xFFFF), bus: UInt8(place >> 16 & 0xFF), devfn: devfn
        ).description
      )
    }
    return (words[1], entries)
  }

  func hotReset(_ device: Int32, _ descriptors: [Int32] = []) throws(Errno) {
    try call(
      device, VFIO_DEVICE_PCI_HOT_RESET,
      [UInt32(12 + 4 * descriptors.count), 0, UInt32(descriptors.count)]
        + descriptors.map { UInt32(bitPattern: $0) })
  }
}
