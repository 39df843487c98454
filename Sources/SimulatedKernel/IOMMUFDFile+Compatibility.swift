internal import CLinux
internal import SystemPackage

/// Container commands on an iommufd (10.2 of the contract).
extension IOMMUFDFile {
  func compatibility(
    _ request: UInt, _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) -> Int32 {
    switch request {
    case UInt(VFIO_GET_API_VERSION): return VFIO_API_VERSION
    case UInt(VFIO_CHECK_EXTENSION): return try extensionAnswer(argument.value)
    case UInt(VFIO_SET_IOMMU):
      try setBackend(argument.value)
      return 0
    case UInt(VFIO_IOMMU_GET_INFO): try info(&argument)
    case UInt(VFIO_IOMMU_MAP_DMA): try mapDMA(argument, on: host)
    case UInt(VFIO_IOMMU_UNMAP_DMA): try unmapDMA(&argument)
    default: throw .enotty
    }
    return 0
  }

  /// `IOMMU_VFIO_IOAS`.
  func compatibilityIOAS(_ argument: inout UserArgument) throws(Errno) {
    var command = try argument.load(iommu_vfio_ioas.self)
    guard command.__reserved == 0 else { throw .eopnotsupp }
    switch Int32(command.op) {
    case IOMMU_VFIO_IOAS_GET:
      command.ioas_id = try compatible().identifier
      try argument.store(command)
    case IOMMU_VFIO_IOAS_SET: context.compatibilityIOAS = try context.ioas(command.ioas_id)
    case IOMMU_VFIO_IOAS_CLEAR: context.compatibilityIOAS = nil
    default: throw .eopnotsupp
    }
  }

  private func compatible() throws(Errno) -> IOAS {
    guard let ioas = context.compatibilityIOAS else { throw .enodev }
    return ioas
  }

  private func extensionAnswer(_ number: UInt64) throws(Errno) -> Int32 {
    if context.isNoIOMMU { return number == UInt64(VFIO_NOIOMMU_IOMMU) ? 1 : 0 }
    switch number {
    // No-IOMMU mode is built in, whether it is on or not.
    case UInt64(VFIO_TYPE1_IOMMU), UInt64(VFIO_TYPE1v2_IOMMU), UInt64(VFIO_UNMAP_ALL),
      UInt64(VFIO_NOIOMMU_IOMMU):
      return 1
    case UInt64(VFIO_DMA_CC_IOMMU):
      return try compatible().tables.allSatisfy(\.iommu.enforcesCoherency) ? 1 : 0
    default: return 0
    }
  }

  private func setBackend(_ number: UInt64) throws(Errno) {
    if context.isNoIOMMU {
      guard number == UInt64(VFIO_NOIOMMU_IOMMU) else { throw .einval }
      return
    }
    switch number {
    case UInt64(VFIO_TYPE1v2_IOMMU):
      _ = try compatible()
      context.unmapsLikeType1v1 = false
    case UInt64(VFIO_TYPE1_IOMMU):
      try compatible().useHugePages(false)
      context.unmapsLikeType1v1 = true
    default: throw .einval
    }
  }

  private func info(_ argument: inout UserArgument) throws(Errno) {
    let size = try argument.argumentSize(minimum: 16)
    let ioas = try compatible()
    let pages = ioas.tables.map(\.iommu.pageSizes).reduce(~UInt64(0xFFF), &)
    let capabilities = CapabilityChain([
      CapabilityChain.availableDMA(UInt32.max), CapabilityChain.ranges(ioas.usable),
    ])
    try capabilities.answerIOMMUInfo(pageSizes: pages, size: size, always: true, in: &argument)
  }

  private func mapDMA(_ argument: UserArgument, on host: SimulatedHost) throws(Errno) {
    _ = try argument.argumentSize(minimum: 32)
    let command = try argument.load(vfio_iommu_type1_dma_map.self)
    guard command.flags & ~3 == 0 else { throw .einval }
    let ioas = try compatible()
    _ = try ioas.map(
      .memory(command.vaddr), length: command.size, at: command.iova,
      IOAS.Access(isReadable: command.flags & 1 != 0, isWritable: command.flags & 2 != 0),
      pages: host.newPages(for: context)
    ) { mapping throws(Errno) in try host.pin(mapping) }
  }

  private func unmapDMA(_ argument: inout UserArgument) throws(Errno) {
    _ = try argument.argumentSize(minimum: 24)
    var command = try argument.load(vfio_iommu_type1_dma_unmap.self)
    guard command.flags & ~UInt32(VFIO_DMA_UNMAP_FLAG_ALL) == 0 else { throw .einval }
    let ioas = try compatible()
    var failure: Errno?
    if command.flags & UInt32(VFIO_DMA_UNMAP_FLAG_ALL) != 0 {
      guard command.iova == 0, command.size == 0 else { throw .einval }
      command.size = ioas.unmapAll()
    } else {
      (command.size, failure) = unmap(command.iova, command.size, in: ioas)
    }
    try argument.store(command, count: 24)
    if let failure { throw failure }
  }

  private func unmap(
    _ iova: UInt64, _ size: UInt64, in ioas: IOAS
  ) -> (bytes: UInt64, failure: Errno?) {
    guard size > 0 else { return (0, .einval) }
    let (last, overflow) = iova.addingReportingOverflow(size - 1)
    guard !overflow else { return (0, .eoverflow) }
    if context.unmapsLikeType1v1 {
      guard (iova | size) & (ioas.alignment - 1) == 0 else { return (0, nil) }
      return (ioas.unmapSplitting(iova...last), nil)
    }
    let done = ioas.unmap(iova...last)
    return (done.bytes, done.isCut ? .enoent : nil)
  }
}
