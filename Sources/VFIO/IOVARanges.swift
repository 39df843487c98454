internal import CLinux
package import SystemPackage

/// The I/O virtual addresses that the devices of one address space can be given.
package struct IOVARanges: Sendable, Equatable {
  /// In the kernel's order, ends included.
  package let ranges: [ClosedRange<UInt64>]
  /// The alignment that mappings need, in bytes.
  package let alignment: UInt64

  /// What is believed of the kernel's count; more is a broken answer.
  private static let largestCount = 1 << 12

  /// Asks in two calls: how many there are, then for them. `ask` gets room for some, fills it and says
  /// how many there are; it throws `EMSGSIZE` when the room is too small.
  static func fetch(
    _ ask: (inout [UInt64]) throws(Errno) -> (count: Int, alignment: UInt64, isComplete: Bool)
  ) throws(Errno) -> IOVARanges {
    var numbers: [UInt64] = []
    // The ranges may change between the calls; an answer that keeps growing is an error.
    for _ in 0..<8 {
      let answer = try ask(&numbers)
      if answer.isComplete {
        return IOVARanges(
          ranges: (0..<min(answer.count, numbers.count / 2)).compactMap { index in
            let (start, last) = (numbers[2 * index], numbers[2 * index + 1])
            return start <= last ? start...last : nil
          }, alignment: answer.alignment)
      }
      guard answer.count > numbers.count / 2, answer.count <= largestCount else { break }
      numbers = [UInt64](repeating: 0, count: 2 * answer.count)
    }
    throw .messageTooLong
  }
}

extension IOMMUFDObject {
  /// Asks what an address space has to give with the devices that are attached to it now
  /// (`IOMMU_IOAS_IOVA_RANGES`).
  func iovaRanges(ioas: UInt32) throws(Errno) -> IOVARanges {
    try IOVARanges.fetch { numbers throws(Errno) in
      var argument = iommu_ioas_iova_ranges()
      argument.size = UInt32(MemoryLayout<iommu_ioas_iova_ranges>.size)
      argument.ioas_id = ioas
      argument.num_iovas = UInt32(numbers.count / 2)
      var failure: Errno?
      unsafe numbers.withUnsafeMutableBytes { buffer in
        argument.allowed_iovas = UInt64(UInt(bitPattern: buffer.baseAddress))
        do throws(Errno) { try control(IOMMU_IOAS_IOVA_RANGES, &argument) } catch {
          failure = error
        }
      }
      if let failure, failure != .messageTooLong { throw failure }
      return (Int(argument.num_iovas), argument.out_iova_alignment, failure == nil)
    }
  }

  /// Asks what an address space would have to give with one device alone: one that is made for the
  /// question, with a page table for the device that nothing is attached to.
  ///
  /// Without a trace, as QEMU has no such question.
  fileprivate func iovaRanges(ofDevice device: UInt32) throws(Errno) -> IOVARanges {
    var space = iommu_ioas_alloc()
    space.size = UInt32(MemoryLayout<iommu_ioas_alloc>.size)
    try control(IOMMU_IOAS_ALLOC, &space)
    defer { destroy(space.out_ioas_id) }
    var table = iommu_hwpt_alloc()
    table.size = UInt32(MemoryLayout<iommu_hwpt_alloc>.size)
    table.dev_id = device
    table.pt_id = space.out_ioas_id
    try control(IOMMU_HWPT_ALLOC, &table)
    defer { destroy(table.out_hwpt_id) }
    return try iovaRanges(ioas: space.out_ioas_id)
  }

  private func destroy(_ id: UInt32) {
    var argument = iommu_destroy()
    argument.size = UInt32(MemoryLayout<iommu_destroy>.size)
    argument.id = id
    try? control(IOMMU_DESTROY, &argument)
  }
}

extension VFIODevice {
  /// Asks for the addresses that the device's address space has to give
  /// (`IOMMU_IOAS_IOVA_RANGES`, `VFIO_IOMMU_GET_INFO`). Throws `ENXIO` for a device that is in none.
  ///
  /// An IOAS that is shared ends where its narrowest IOMMU does. Then the end and the alignment are
  /// found for this device alone, so that they do not depend on who came first. What a container tells
  /// is that of all its groups.
  package func iovaRanges() throws(Errno) -> IOVARanges {
    switch attachment {
    case .group(let group):
      guard let container = group.container else { throw .noSuchAddressOrDevice }
      return try container.iovaRanges()
    case .iommufd(let object, let id):
      guard let space else { throw .noSuchAddressOrDevice }
      let shared = try object.iovaRanges(ioas: space.ioas)
      guard space.isShared, let own = try? object.iovaRanges(ofDevice: id) else { return shared }
      return shared.extended(to: own)
    }
  }
}

extension IOVARanges {
  /// The same up to the end of others, which reach as far or farther.
  fileprivate func extended(to others: IOVARanges) -> IOVARanges {
    var ranges = ranges
    if let end = others.ranges.last?.upperBound, let last = ranges.last, last.upperBound < end {
      ranges[ranges.count - 1] = last.lowerBound...end
    }
    return IOVARanges(ranges: ranges, alignment: others.alignment)
  }
}
