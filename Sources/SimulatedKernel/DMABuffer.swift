internal import CLinux
internal import SystemPackage

/// A part of a memory BAR that its user exported for other devices (`VFIO_DEVICE_FEATURE_DMA_BUF`).
///
/// The kernel revokes it whenever the BAR cannot be reached, and around resets. Who has mapped it by
/// then has lost it for good and maps it anew.
final class DMABuffer: OpenFile {
  let kind = "dma-buf"
  /// The memory of the BAR, of which the part begins at `start`.
  let memory: BARMemory
  let start: UInt64
  /// Bytes.
  let size: UInt64
  /// Whether the part is one range of the BAR; others cannot be mapped by iommufd.
  let isOneRange: Bool
  private(set) var isRevoked: Bool
  /// How often it was revoked.
  private(set) var revocations = 0

  init(memory: BARMemory, start: UInt64, size: UInt64, isOneRange: Bool, isRevoked: Bool) {
    self.memory = memory
    self.start = start
    self.size = size
    self.isOneRange = isOneRange
    self.isRevoked = isRevoked
  }

  /// Ends all mappings, and keeps further ones away until `restore`.
  func revoke() {
    if !isRevoked { revocations += 1 }
    isRevoked = true
  }

  /// Lets it be mapped again.
  func restore() { isRevoked = false }
}

/// The exported parts of one device's BARs, which others may keep alive.
struct DMABuffers {
  private struct Entry {
    weak var buffer: DMABuffer?
  }

  private var entries: [Entry] = []

  mutating func add(_ buffer: DMABuffer) {
    entries.removeAll { $0.buffer == nil }
    entries.append(Entry(buffer: buffer))
  }

  /// Follows whether the registers can be reached.
  func setReachable(_ isReachable: Bool) {
    for entry in entries {
      if isReachable { entry.buffer?.restore() } else { entry.buffer?.revoke() }
    }
  }

  /// Revokes all for as long as a reset takes.
  func interrupt(isReachable: Bool) {
    setReachable(false)
    setReachable(isReachable)
  }

  /// Revokes all for good.
  mutating func end() {
    setReachable(false)
    entries = []
  }
}

extension VFIODeviceFile {
  /// `VFIO_DEVICE_FEATURE_DMA_BUF` with `GET`: the descriptor of a new dma-buf, `argument` of `size`
  /// bytes.
  func exportBuffer(
    _ argument: UserArgument, size: Int, on host: SimulatedHost
  ) throws(Errno) -> Int32 {
    let fixed = MemoryLayout<vfio_device_feature>.size
    let body = MemoryLayout<vfio_device_feature_dma_buf>.size
    guard size - fixed >= body else { throw .einval }
    let request = try argument.load(vfio_device_feature_dma_buf.self, at: fixed)
    guard request.nr_ranges > 0, request.flags == 0 else { throw .einval }
    guard request.region_index < UInt32(VFIO_PCI_ROM_REGION_INDEX) else { throw .enodev }
    let width = MemoryLayout<vfio_region_dma_range>.size
    guard request.nr_ranges <= 1024 else { throw .enomem }
    var ranges: [vfio_region_dma_range] = []
    for number in 0..<Int(request.nr_ranges) {
      ranges.append(
        try argument.load(vfio_region_dma_range.self, at: fixed + body + number * width))
    }
    guard let bar = device.function.description.bar(Int(request.region_index)), bar.kind != .io
    else { throw .einval }
    for range in ranges {
      guard range.length > 0, (range.offset | range.length) & 0xFFF == 0, range.offset <= bar.size,
        range.length <= bar.size - range.offset
      else { throw .einval }
    }
    let buffer = DMABuffer(
      memory: try device.function.memory(bar), start: ranges[0].offset, size: ranges[0].length,
      isOneRange: ranges.count == 1, isRevoked: !device.isMemoryReachable)
    let descriptor = try host.files.add(buffer, named: "dma-buf")
    device.buffers.add(buffer)
    return descriptor
  }
}
