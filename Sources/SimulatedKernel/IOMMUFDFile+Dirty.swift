internal import CLinux
internal import SystemPackage

extension IOMMUFDFile {
  /// Commands of dirty tracking, of which the model knows no more than how they are refused.
  func performDirty(
    _ slot: UInt8, _ argument: UserArgument, on host: SimulatedHost
  ) throws(Errno) {
    switch Int32(0x3B00) | Int32(slot) {
    case IOMMU_HWPT_SET_DIRTY_TRACKING:
      let command = try argument.load(iommu_hwpt_set_dirty_tracking.self)
      guard command.flags & ~1 == 0 else { throw .eopnotsupp }
      try check(context.pagingTable(command.hwpt_id), slot, on: host)
    case IOMMU_HWPT_GET_DIRTY_BITMAP:
      let command = try argument.load(iommu_hwpt_get_dirty_bitmap.self)
      guard command.flags & ~1 == 0, command.__reserved == 0 else { throw .eopnotsupp }
      try check(context.pagingTable(command.hwpt_id), slot, on: host)
    default: throw host.notModelled(kind, UInt(0x3B00) | UInt(slot))
    }
  }

  private func check(
    _ table: PageTable, _ slot: UInt8, on host: SimulatedHost
  ) throws(Errno) {
    guard table.flags & UInt32(IOMMU_HWPT_ALLOC_DIRTY_TRACKING) != 0 else { throw .eopnotsupp }
    throw host.notModelled(kind, UInt(0x3B00) | UInt(slot))
  }
}
