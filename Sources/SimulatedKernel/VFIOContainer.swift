internal import CLinux
internal import SystemPackage

/// A container: groups that share one type1 backend (2.4 and 8.5 of the contract).
final class VFIOContainer: OpenFile {
  let kind = "container"
  private(set) var groups: [GroupState] = []
  private(set) var backend: Type1Backend?
  /// The backend of groups without IOMMU was set; it does nothing.
  private(set) var hasNoIOMMUBackend = false

  /// Whether devices can be opened.
  var hasBackend: Bool { backend != nil || hasNoIOMMUBackend }

  private var isNoIOMMU: Bool { groups.first?.isArtificial ?? false }

  func control(
    _ request: UInt, _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) -> Int32 {
    switch request {
    case UInt(VFIO_GET_API_VERSION): return VFIO_API_VERSION
    case UInt(VFIO_CHECK_EXTENSION): return extensionAnswer(argument.value, on: host)
    case UInt(VFIO_SET_IOMMU):
      try setBackend(argument.value, on: host)
      return 0
    default: break
    }
    guard !hasNoIOMMUBackend else { throw .enotty }
    guard let backend else { throw .einval }
    switch request {
    case UInt(VFIO_IOMMU_GET_INFO): try backend.info(&argument)
    case UInt(VFIO_IOMMU_MAP_DMA): try backend.map(argument, on: host)
    case UInt(VFIO_IOMMU_UNMAP_DMA): try backend.unmap(&argument)
    case UInt(VFIO_IOMMU_DIRTY_PAGES): try backend.trackDirtyPages(argument)
    default: throw .enotty
    }
    return 0
  }

  private func extensionAnswer(_ number: UInt64, on host: SimulatedHost) -> Int32 {
    if number == UInt64(VFIO_NOIOMMU_IOMMU) {
      return host.parameters.allowsNoIOMMU && (groups.isEmpty || isNoIOMMU) ? 1 : 0
    }
    if isNoIOMMU { return 0 }
    return switch number {
    case UInt64(VFIO_TYPE1_IOMMU), UInt64(VFIO_TYPE1v2_IOMMU), UInt64(VFIO_UNMAP_ALL): 1
    case UInt64(VFIO_UPDATE_VADDR): backend == nil ? 0 : 1
    case UInt64(VFIO_DMA_CC_IOMMU):
      backend != nil && groups.allSatisfy(\.iommu.enforcesCoherency) ? 1 : 0
    default: 0
    }
  }

  private func setBackend(_ number: UInt64, on host: SimulatedHost) throws(Errno) {
    guard !groups.isEmpty, !hasBackend else { throw .einval }
    if isNoIOMMU {
      guard number == UInt64(VFIO_NOIOMMU_IOMMU), host.parameters.allowsNoIOMMU else {
        throw .enodev
      }
      guard host.privileges.has(.sysRawIO) else { throw .eperm }
      hasNoIOMMUBackend = true
      return
    }
    let isVersion2 = number == UInt64(VFIO_TYPE1v2_IOMMU)
    guard isVersion2 || number == UInt64(VFIO_TYPE1_IOMMU) else { throw .enodev }
    let backend = Type1Backend(
      isVersion2: isVersion2, entryLimit: Int(host.parameters.type1EntryLimit),
      memory: host.lockedMemory)
    for group in groups { try backend.attach(group, on: host) }
    self.backend = backend
  }

  /// `VFIO_GROUP_SET_CONTAINER`: takes the group in. `EPERM` for groups with and without IOMMU in one
  /// container.
  func add(_ group: GroupState, on host: SimulatedHost) throws(Errno) {
    guard groups.isEmpty || isNoIOMMU == group.isArtificial else { throw .eperm }
    try backend?.attach(group, on: host)
    groups.append(group)
  }

  /// Lets a group go; with the last one the backend and all mappings go.
  func remove(_ group: GroupState) {
    groups.removeAll { $0 === group }
    backend?.detach(group)
    if groups.isEmpty {
      backend?.unmapAll()
      backend = nil
      hasNoIOMMUBackend = false
    }
  }
}
