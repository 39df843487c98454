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
}

extension VFIODevice {
  /// Asks for the addresses that the device's address space has to give
  /// (`IOMMU_IOAS_IOVA_RANGES`, `VFIO_IOMMU_GET_INFO`). Throws `ENXIO` for a device that is in none.
  package func iovaRanges() throws(Errno) -> IOVARanges {
    switch attachment {
    case .group(let group):
      guard let container = group.container else { throw .noSuchAddressOrDevice }
      return try container.iovaRanges()
    case .iommufd(let object, _):
      guard let ioas else { throw .noSuchAddressOrDevice }
      return try object.iovaRanges(ioas: ioas)
    }
  }
}
