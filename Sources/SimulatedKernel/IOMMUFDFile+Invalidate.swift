internal import CLinux
internal import SystemPackage

extension IOMMUFDFile {
  /// `IOMMU_HWPT_INVALIDATE`: writes back how many entries were done, whatever the end.
  func invalidate(_ argument: inout UserArgument) throws(Errno) {
    var command = try argument.load(iommu_hwpt_invalidate.self)
    guard command.__reserved == 0 else { throw .eopnotsupp }
    let array = UserArray(
      type: command.data_type, address: command.data_uptr, entryLength: command.entry_len,
      count: command.entry_num)
    var done: UInt32 = 0
    var failure: Errno?
    do throws(Errno) {
      try invalidate(command.hwpt_id, array, &done)
    } catch {
      failure = error
    }
    command.entry_num = done
    try argument.store(command)
    if let failure { throw failure }
  }

  private func invalidate(
    _ target: UInt32, _ array: UserArray, _ done: inout UInt32
  ) throws(Errno) {
    guard
      array.count == 0
        || (array.address != 0 && (1...4096).contains(array.entryLength) && array.count <= 1 << 19)
    else { throw .einval }
    switch context.objects[target] {
    case nil, .tombstone, .device: throw .enoent
    case .table(let table) where table.nesting != nil:
      if table.iommu.kind == .mock {
        try invalidateMock(table, array, &done)
      } else {
        try checkVTd(array, &done)
      }
    case .virtualIOMMU(let virtual): try invalidate(virtual, array, &done)
    case .ioas, .table, .faults, .virtualDevice, .events, .mock: throw .einval
    }
  }

  /// What a VT-d unit is asked to forget is checked; the model has no cache of it.
  private func checkVTd(_ array: UserArray, _ done: inout UInt32) throws(Errno) {
    guard array.type == UInt32(IOMMU_HWPT_INVALIDATE_DATA_VTD_S1) else { throw .einval }
    for index in 0..<array.count {
      let entry = try array.entry(index, as: iommu_hwpt_vtd_s1_invalidate.self)
      guard entry.flags & ~UInt32(IOMMU_VTD_INV_FLAGS_LEAF) == 0, entry.__reserved == 0 else {
        throw .eopnotsupp
      }
      guard entry.addr & 0xFFF == 0, entry.npages != .max || entry.addr == 0 else {
        throw .einval
      }
      done += 1
    }
  }

  private func invalidateMock(
    _ table: PageTable, _ array: UserArray, _ done: inout UInt32
  ) throws(Errno) {
    guard array.type == UInt32(IOMMU_HWPT_INVALIDATE_DATA_SELFTEST) else { throw .einval }
    for index in 0..<array.count {
      let entry = try array.entry(index, as: iommu_hwpt_invalidate_selftest.self)
      try Self.clear(entry.iotlb_id, flags: entry.flags, in: &table.mockEntries)
      done += 1
    }
  }

  /// The mock driver copies all entries in before it does the first.
  private func invalidate(
    _ virtual: VirtualIOMMU, _ array: UserArray, _ done: inout UInt32
  ) throws(Errno) {
    guard array.type == UInt32(IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST) else { throw .einval }
    var entries: [iommu_viommu_invalidate_selftest] = []
    for index in 0..<array.count {
      entries.append(try array.anyEntry(index, as: iommu_viommu_invalidate_selftest.self))
    }
    for entry in entries {
      guard case .mock(let mock) = virtual.devices[UInt64(entry.vdev_id)]?.device.device else {
        try Self.check(entry.cache_id, flags: entry.flags, count: Int(MOCK_DEV_CACHE_NUM))
        throw .einval
      }
      try Self.clear(entry.cache_id, flags: entry.flags, in: &mock.cache)
      done += 1
    }
  }

  private static func check(
    _ index: UInt32, flags: UInt32, count: Int
  ) throws(Errno) {
    guard flags & ~UInt32(IOMMU_TEST_INVALIDATE_FLAG_ALL) == 0 else { throw .eopnotsupp }
    guard Int(index) < count else { throw .einval }
  }

  /// Has the mock IOMMU forget one entry, or all.
  private static func clear(
    _ index: UInt32, flags: UInt32, in entries: inout [UInt32]
  ) throws(Errno) {
    try check(index, flags: flags, count: entries.count)
    if flags & UInt32(IOMMU_TEST_INVALIDATE_FLAG_ALL) != 0 {
      entries = entries.map { _ in 0 }
    } else {
      entries[Int(index)] = 0
    }
  }
}

/// A list of entries of one type in the caller's memory.
private struct UserArray {
  var type: UInt32
  var address: UInt64
  var entryLength: UInt32
  var count: UInt32

  /// Copies an entry in. `EINVAL` for one that is not of the known length.
  func entry<Entry: BitwiseCopyable>(
    _ index: UInt32, as type: Entry.Type
  ) throws(Errno) -> Entry {
    guard Int(entryLength) == MemoryLayout<Entry>.size else { throw .einval }
    return try anyEntry(index, as: type)
  }

  /// Copies an entry of any length in: what is missing is zero. `E2BIG` for one with more than zeros
  /// behind what is known.
  func anyEntry<Entry: BitwiseCopyable>(
    _ index: UInt32, as type: Entry.Type
  ) throws(Errno) -> Entry {
    let place = address &+ UInt64(index) * UInt64(entryLength)
    let bytes = try UserMemory.bytes(at: place, count: Int(entryLength))
    guard bytes.dropFirst(MemoryLayout<Entry>.size).allSatisfy({ $0 == 0 }) else { throw .e2big }
    return UserMemory.value(type, from: bytes)
  }
}
