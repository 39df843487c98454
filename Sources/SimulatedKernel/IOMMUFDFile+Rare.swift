internal import CLinux
internal import SystemPackage

extension IOMMUFDFile {
  /// Commands of which the model knows no more than how they are refused: it has no dirty tracking,
  /// no nesting, no virtual IOMMU objects and no fault queues.
  func performRare(
    _ slot: UInt8, _ argument: inout UserArgument, size: Int, on host: SimulatedHost
  ) throws(Errno) {
    switch Int32(0x3B00) | Int32(slot) {
    case IOMMU_HWPT_SET_DIRTY_TRACKING:
      let command = try argument.load(iommu_hwpt_set_dirty_tracking.self)
      guard command.flags & ~1 == 0 else { throw .eopnotsupp }
      try checkDirty(context.table(command.hwpt_id), slot, on: host)
    case IOMMU_HWPT_GET_DIRTY_BITMAP:
      let command = try argument.load(iommu_hwpt_get_dirty_bitmap.self)
      guard command.flags & ~1 == 0, command.__reserved == 0 else { throw .eopnotsupp }
      try checkDirty(context.table(command.hwpt_id), slot, on: host)
    case IOMMU_HWPT_INVALIDATE: try invalidate(&argument)
    case IOMMU_VIOMMU_ALLOC:
      let command = try argument.load(iommu_viommu_alloc.self, count: size)
      guard command.flags == 0, command.type != 0 else { throw .eopnotsupp }
      _ = try context.device(command.dev_id)
      throw .eopnotsupp
    case IOMMU_VDEVICE_ALLOC: throw .enoent
    case IOMMU_VEVENTQ_ALLOC:
      let command = try argument.load(iommu_veventq_alloc.self, count: size)
      guard command.flags == 0, command.__reserved == 0, command.type != 0 else {
        throw .eopnotsupp
      }
      guard command.veventq_depth > 0, command.veventq_depth <= 1 << 19 else { throw .einval }
      throw .enoent
    case IOMMU_HW_QUEUE_ALLOC:
      let command = try argument.load(iommu_hw_queue_alloc.self)
      guard command.flags == 0, command.type != 0 else { throw .eopnotsupp }
      guard command.length > 0 else { throw .einval }
      guard !command.nesting_parent_iova.addingReportingOverflow(command.length - 1).overflow
      else { throw .eoverflow }
      throw .enoent
    default: throw host.notModelled(kind, UInt(0x3B00) | UInt(slot))
    }
  }

  private func checkDirty(
    _ table: PageTable, _ slot: UInt8, on host: SimulatedHost
  ) throws(Errno) {
    guard table.flags & UInt32(IOMMU_HWPT_ALLOC_DIRTY_TRACKING) != 0 else { throw .eopnotsupp }
    throw host.notModelled(kind, UInt(0x3B00) | UInt(slot))
  }

  private func invalidate(_ argument: inout UserArgument) throws(Errno) {
    var command = try argument.load(iommu_hwpt_invalidate.self)
    guard command.__reserved == 0 else { throw .eopnotsupp }
    let isShapely =
      command.entry_num == 0
      || (command.data_uptr != 0 && command.entry_len > 0 && command.entry_len <= 4096
        && command.entry_num <= 1 << 19)
    let target = context.objects[command.hwpt_id]
    command.entry_num = 0
    try argument.store(command)
    guard isShapely else { throw .einval }
    guard let target else { throw .enoent }
    if case .device = target { throw .enoent }
    throw .einval
  }
}
