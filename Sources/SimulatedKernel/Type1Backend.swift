internal import CLinux
internal import SystemPackage

/// The type1 backend of a container (8.5 of the contract).
final class Type1Backend {
  /// A mapping as the user made it; `hasAddress` is false between unmapping and mapping VADDR.
  struct Mapping {
    var iova: ClosedRange<UInt64>
    var address: UInt64
    var hasAddress = true

    var length: UInt64 { iova.upperBound - iova.lowerBound + 1 }
  }

  static let mappingLimit = 65535

  private let isVersion2: Bool
  private var groups: [GroupState] = []
  /// In ascending order, without overlap.
  private(set) var mappings: [Mapping] = []

  init(isVersion2: Bool) { self.isVersion2 = isVersion2 }

  private var pageSizes: UInt64 { groups.map(\.iommu.pageSizes).reduce(.max, &) }

  private var pageMask: UInt64 { (1 << UInt64(pageSizes.trailingZeroBitCount)) - 1 }

  /// The addresses that can be mapped.
  private var usable: [ClosedRange<UInt64>] { Self.usable(of: groups) }

  private static func usable(of groups: [GroupState]) -> [ClosedRange<UInt64>] {
    var taken: [ClosedRange<UInt64>] = []
    for group in groups {
      taken += group.iommu.reserved.map { $0.first...$0.last }
      if group.iommu.lastAddress < .max { taken.append((group.iommu.lastAddress + 1)...(.max)) }
    }
    return complement(merged(taken))
  }

  /// Adds a group, whose windows must leave all mappings where they are.
  func attach(_ group: GroupState, on host: SimulatedHost) throws(Errno) {
    guard mappings.allSatisfy(\.hasAddress) else { throw .ebusy }
    guard group.iommu.remapsInterrupts || host.description.type1AllowsUnsafeInterrupts else {
      throw .eperm
    }
    guard pageSizes & group.iommu.pageSizes != 0 else { throw .einval }
    let usable = Self.usable(of: groups + [group])
    for mapping in mappings {
      let fits = usable.contains {
        $0.lowerBound <= mapping.iova.lowerBound && mapping.iova.upperBound <= $0.upperBound
      }
      guard fits else { throw .einval }
    }
    groups.append(group)
  }

  func detach(_ group: GroupState) { groups.removeAll { $0 === group } }

  /// `VFIO_IOMMU_GET_INFO`.
  func info(_ argument: inout UserArgument) throws(Errno) {
    let size = try argument.argumentSize(minimum: 16)
    let capabilities = CapabilityChain([
      CapabilityChain.migration(pageSizes: 4096),
      CapabilityChain.availableDMA(UInt32(Self.mappingLimit - mappings.count)),
      CapabilityChain.ranges(usable),
    ])
    try capabilities.answerIOMMUInfo(pageSizes: pageSizes, size: size, always: false, in: &argument)
  }

  /// `VFIO_IOMMU_MAP_DMA`.
  func map(_ argument: UserArgument, on host: SimulatedHost) throws(Errno) {
    _ = try argument.argumentSize(minimum: 32)
    let command = try argument.load(vfio_iommu_type1_dma_map.self)
    guard command.flags & ~7 == 0, command.size > 0 else { throw .einval }
    let (last, overflow) = command.iova.addingReportingOverflow(command.size - 1)
    guard !overflow, !command.vaddr.addingReportingOverflow(command.size - 1).overflow else {
      throw .eoverflow
    }
    let setsAddress = command.flags & UInt32(VFIO_DMA_MAP_FLAG_VADDR) != 0
    guard setsAddress != (command.flags & 3 != 0) else { throw .einval }
    guard (command.iova | command.vaddr | command.size) & pageMask == 0 else { throw .einval }
    if setsAddress {
      try setAddress(command.vaddr, of: command.iova...last)
      return
    }
    guard !mappings.contains(where: { $0.iova.overlaps(command.iova...last) }) else {
      throw .eexist
    }
    guard mappings.count < Self.mappingLimit else { throw .enospc }
    guard
      usable.contains(where: { $0.lowerBound <= command.iova && last <= $0.upperBound })
    else { throw .einval }
    let (end, wraps) = command.vaddr.addingReportingOverflow(command.size)
    guard !wraps else { throw .efault }
    try ProcessMemory.check(
      command.vaddr..<end, isWritten: command.flags & UInt32(VFIO_DMA_MAP_FLAG_WRITE) != 0)
    let index = mappings.firstIndex { $0.iova.lowerBound > last } ?? mappings.count
    mappings.insert(Mapping(iova: command.iova...last, address: command.vaddr), at: index)
  }

  private func setAddress(_ address: UInt64, of range: ClosedRange<UInt64>) throws(Errno) {
    guard let index = mappings.firstIndex(where: { $0.iova.overlaps(range) }) else {
      throw .enoent
    }
    guard mappings[index].iova == range, !mappings[index].hasAddress else { throw .einval }
    mappings[index].address = address
    mappings[index].hasAddress = true
  }

  /// `VFIO_IOMMU_UNMAP_DMA`.
  func unmap(_ argument: inout UserArgument) throws(Errno) {
    _ = try argument.argumentSize(minimum: 24)
    var command = try argument.load(vfio_iommu_type1_dma_unmap.self)
    guard command.flags & ~7 == 0 else { throw .einval }
    let isAll = command.flags & UInt32(VFIO_DMA_UNMAP_FLAG_ALL) != 0
    let isAddress = command.flags & UInt32(VFIO_DMA_UNMAP_FLAG_VADDR) != 0
    let isDirty = command.flags & UInt32(VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP) != 0
    if isDirty, isAll || isAddress { throw .einval }
    guard command.iova & pageMask == 0 else { throw .einval }
    var range: ClosedRange<UInt64> = 0...(.max)
    if isAll {
      guard command.iova == 0, command.size == 0 else { throw .einval }
    } else {
      guard command.size > 0, command.size & pageMask == 0 else { throw .einval }
      let (last, overflow) = command.iova.addingReportingOverflow(command.size - 1)
      guard !overflow else { throw .eoverflow }
      range = command.iova...last
    }
    // Tracking is never running: the model refuses to start it.
    guard !isDirty else { throw .einval }
    command.size = try unmap(range, keepsMapping: isAddress)
    try argument.store(command, count: 24)
  }

  private func unmap(_ range: ClosedRange<UInt64>, keepsMapping: Bool) throws(Errno) -> UInt64 {
    if isVersion2 {
      // Both ends are looked at before anything goes.
      for mapping in mappings where mapping.iova.overlaps(range) {
        guard range.contains(mapping.iova.lowerBound), range.contains(mapping.iova.upperBound)
        else { throw .einval }
      }
    }
    var bytes: UInt64 = 0
    for index in mappings.indices.reversed() where mappings[index].iova.overlaps(range) {
      // Version 1 takes a mapping whose start is in the range, and takes it whole.
      guard range.contains(mappings[index].iova.lowerBound) else { continue }
      bytes &+= mappings[index].length
      if keepsMapping {
        mappings[index].hasAddress = false
      } else {
        mappings.remove(at: index)
      }
    }
    return bytes
  }

  /// `VFIO_IOMMU_DIRTY_PAGES`; version 1 refuses, version 2 is not modelled.
  func trackDirtyPages(_ argument: UserArgument, on host: SimulatedHost) throws(Errno) {
    _ = try argument.argumentSize(minimum: 8)
    guard isVersion2 else { throw .eacces }
    throw host.notModelled("container", UInt(VFIO_IOMMU_DIRTY_PAGES))
  }
}
