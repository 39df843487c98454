internal import CLinux
internal import SystemPackage

/// The type1 backend of a container (8.5 of the contract).
final class Type1Backend {
  /// A mapping as the user made it; `hasAddress` is false between unmapping and mapping VADDR.
  struct Mapping {
    var iova: ClosedRange<UInt64>
    var address: UInt64
    var hasAddress = true
    var isReadable: Bool
    var isWritable: Bool
    /// Pages that are charged for it.
    var lockedPages: UInt64

    var length: UInt64 { iova.upperBound - iova.lowerBound + 1 }
  }

  private let isVersion2: Bool
  private let entryLimit: Int
  private let memory: LockedMemory
  private var groups: [GroupState] = []
  /// In ascending order, without overlap.
  private(set) var mappings: [Mapping] = []

  /// `VFIO_IOMMU_DIRTY_PAGES` has been started.
  private var tracksDirtyPages = false

  /// A backend of version 2 or 1 with room for so many mappings.
  init(isVersion2: Bool, entryLimit: Int, memory: LockedMemory) {
    self.isVersion2 = isVersion2
    self.entryLimit = entryLimit
    self.memory = memory
  }

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
    guard group.iommu.remapsInterrupts || host.parameters.type1AllowsUnsafeInterrupts else {
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
      CapabilityChain.availableDMA(UInt32(entryLimit - mappings.count)),
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
    guard mappings.count < entryLimit else { throw .enospc }
    guard
      usable.contains(where: { $0.lowerBound <= command.iova && last <= $0.upperBound })
    else { throw .einval }
    let (end, wraps) = command.vaddr.addingReportingOverflow(command.size)
    guard !wraps else { throw .efault }
    try ProcessMemory.check(
      command.vaddr..<end, isWritten: command.flags & UInt32(VFIO_DMA_MAP_FLAG_WRITE) != 0)
    // Memory of devices is not pinned.
    let isCharged =
      !host.privileges.has(.ipcLock) && !host.overlapsDeviceMemory(command.vaddr...(end - 1))
    let pages = isCharged ? command.size / 4096 : 0
    try memory.charge(pages, to: .process)
    let index = mappings.firstIndex { $0.iova.lowerBound > last } ?? mappings.count
    mappings.insert(
      Mapping(
        iova: command.iova...last, address: command.vaddr,
        isReadable: command.flags & UInt32(VFIO_DMA_MAP_FLAG_READ) != 0,
        isWritable: command.flags & UInt32(VFIO_DMA_MAP_FLAG_WRITE) != 0, lockedPages: pages),
      at: index)
  }

  private func setAddress(_ address: UInt64, of range: ClosedRange<UInt64>) throws(Errno) {
    guard let index = mappings.firstIndex(where: { $0.iova.overlaps(range) }) else {
      throw .enoent
    }
    guard mappings[index].iova == range, !mappings[index].hasAddress else { throw .einval }
    mappings[index].address = address
    mappings[index].hasAddress = true
  }

  /// Removes everything, as the end of the backend does.
  func unmapAll() {
    for mapping in mappings { memory.release(mapping.lockedPages, from: .process) }
    mappings.removeAll()
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
    let bitmap = isDirty ? try dirtyBitmap(argument, of: range, at: 24) : nil
    let dirty = mappings.filter { range.overlaps($0.iova) }
    command.size = try unmap(range, keepsMapping: isAddress)
    if let bitmap { try bitmap.mark(dirty) }
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
        memory.release(mappings[index].lockedPages, from: .process)
        mappings.remove(at: index)
      }
    }
    return bytes
  }

  // MARK: Dirty pages

  /// `VFIO_IOMMU_DIRTY_PAGES`. No IOMMU of the model tells which pages a device wrote, so all that it
  /// could have written are dirty.
  func trackDirtyPages(_ argument: UserArgument) throws(Errno) {
    guard isVersion2 else { throw .eacces }
    _ = try argument.argumentSize(minimum: 8)
    let flags = try argument.load(UInt32.self, at: 4)
    switch Int32(bitPattern: flags) {
    case VFIO_IOMMU_DIRTY_PAGES_FLAG_START: tracksDirtyPages = true
    case VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP: tracksDirtyPages = false
    case VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP:
      guard try argument.argumentSize(minimum: 8) >= 48 else { throw .einval }
      let iova = try argument.load(UInt64.self, at: 8)
      let size = try argument.load(UInt64.self, at: 16)
      let (last, overflow) = iova.addingReportingOverflow(size &- 1)
      guard size > 0, !overflow, (iova | size) & pageMask == 0 else { throw .einval }
      let bitmap = try dirtyBitmap(argument, of: iova...last, at: 24)
      let covered = mappings.filter { $0.iova.overlaps(iova...last) }
      for mapping in covered {
        guard mapping.iova.lowerBound >= iova, mapping.iova.upperBound <= last else {
          throw .einval
        }
      }
      try bitmap.mark(covered)
    default: throw .einval
    }
  }

  /// The bitmap that an argument names at `offset`, for a range. `EINVAL` when it does not fit or when
  /// nothing is tracked.
  private func dirtyBitmap(
    _ argument: UserArgument, of range: ClosedRange<UInt64>, at offset: Int
  ) throws(Errno) -> DirtyBitmap {
    guard try argument.argumentSize(minimum: 8) >= offset + 24 else { throw .einval }
    let pageSize = try argument.load(UInt64.self, at: offset)
    let size = try argument.load(UInt64.self, at: offset + 8)
    let address = try argument.load(UInt64.self, at: offset + 16)
    guard pageSize == pageMask + 1, tracksDirtyPages else { throw .einval }
    let pages = (range.upperBound - range.lowerBound) / pageSize + 1
    let needed = ((pages - 1) / 64 + 1) * 8
    guard needed <= size, size <= DirtyBitmap.greatestSize else { throw .einval }
    return DirtyBitmap(address: address, start: range.lowerBound, pageSize: pageSize)
  }
}

/// A bitmap in the caller's memory with one bit for each page from `start` on.
private struct DirtyBitmap {
  /// Bytes.
  static let greatestSize: UInt64 = 1 << 28

  var address: UInt64
  var start: UInt64
  var pageSize: UInt64

  /// Sets the bits of mappings, which do not begin before `start`. Throws `EFAULT`.
  func mark(_ mappings: [Type1Backend.Mapping]) throws(Errno) {
    for mapping in mappings {
      let first = (mapping.iova.lowerBound - start) / pageSize
      let last = (mapping.iova.upperBound - start) / pageSize
      var bytes = try UserMemory.bytes(
        at: address &+ first / 8, count: Int(last / 8 - first / 8 + 1))
      for page in first...last { bytes[Int(page / 8 - first / 8)] |= 1 << UInt8(page % 8) }
      try UserMemory.write(bytes, to: address &+ first / 8)
    }
  }
}
