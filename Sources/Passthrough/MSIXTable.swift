internal import Hypervisor
package import PCI
package import VFIO

extension MSIXCapability.Registers {
  /// What is left of a fully mapped BAR when the host pages that hold the table are cut out.
  ///
  /// No area when the table covers everything, else one or two, in address order. A BAR whose areas
  /// are not exactly one over all of it is left as it is (nil).
  package func areasWithoutTable(
    of areas: [RegionInfo.Area], size: UInt64, pageSize: UInt64 = 4096
  ) -> [RegionInfo.Area]? {
    guard areas == [RegionInfo.Area(offset: 0, size: size)], tableOffset < size else { return nil }
    let mask = pageSize - 1
    let start = tableOffset & ~mask
    let (rawEnd, overflow) = (tableOffset &+ tableLength).addingReportingOverflow(mask)
    let end = overflow ? size : min(size, rawEnd & ~mask)
    var left: [RegionInfo.Area] = []
    if start > 0 { left.append(RegionInfo.Area(offset: 0, size: start)) }
    if end < size { left.append(RegionInfo.Area(offset: end, size: size - end)) }
    return left
  }
}

/// The emulated MSI-X table of an assigned function: the guest's entries, all masked after reset.
///
/// Used under the machine lock.
final class MSIXTable: MemoryHandler {
  private var words: [UInt32]

  init(entries: Int) {
    words = [UInt32](repeating: 0, count: entries * 4)
    reset()
  }

  /// Clears every entry and sets its mask bit.
  func reset() {
    for index in words.indices { words[index] = index % 4 == 3 ? 1 : 0 }
  }

  func read(offset: UInt64, size: Int) -> UInt64 {
    guard let index = index(of: offset) else { return 0 }
    if size == 8, index + 1 < words.count {
      return UInt64(words[index]) | UInt64(words[index + 1]) << 32
    }
    return UInt64(words[index]) >> (8 * (offset & 3))
  }

  func write(offset: UInt64, size: Int, value: UInt64) {
    // Narrower writes are not allowed to the table (PCI 3.0, 6.8.2) and are dropped.
    guard size >= 4, offset & 3 == 0, let index = index(of: offset) else { return }
    words[index] = UInt32(truncatingIfNeeded: value)
    if size == 8, index + 1 < words.count {
      words[index + 1] = UInt32(truncatingIfNeeded: value >> 32)
    }
  }

  private func index(of offset: UInt64) -> Int? {
    guard offset / 4 < UInt64(words.count) else { return nil }
    return Int(offset / 4)
  }
}
