internal import SystemPackage

/// Mapping, copying and unmapping (8.2 and 8.3 of the contract).
extension IOAS {
  /// How a mapping may be reached by devices.
  struct Access {
    var isReadable: Bool
    var isWritable: Bool
  }

  /// Adds a mapping at `iova`, or where it fits when nil, in the contract's order of checks.
  func map(
    _ source: Source, length: UInt64, at iova: UInt64?, _ access: Access, pages: UserPages,
    pin: (Mapping) throws(Errno) -> Void
  ) throws(Errno) -> UInt64 {
    let start = try start(for: source, length: length, at: iova)
    guard source.start & 0xFFF & (alignment - 1) == 0 else { throw .einval }
    let mapping = Mapping(
      iova: start...(start + (length - 1)), source: source, isWritable: access.isWritable,
      isReadable: access.isReadable, pages: pages)
    try insert([mapping], pin: pin)
    return start
  }

  /// Adds pieces of another address space one behind the other (`IOMMU_IOAS_COPY`).
  func copy(
    _ pieces: [Mapping], length: UInt64, at iova: UInt64?, _ access: Access,
    pin: (Mapping) throws(Errno) -> Void
  ) throws(Errno) -> UInt64 {
    guard let first = pieces.first else { throw .enoent }
    let start = try start(for: first.source, length: length, at: iova)
    guard !access.isWritable || pieces.allSatisfy(\.isWritable) else { throw .eperm }
    let moved = pieces.map { piece in
      var moved = piece
      let distance = piece.iova.lowerBound - first.iova.lowerBound
      let size = piece.iova.upperBound - piece.iova.lowerBound
      moved.iova = (start + distance)...(start + distance + size)
      moved.isReadable = access.isReadable
      moved.isWritable = access.isWritable
      return moved
    }
    for piece in moved where piece.source.start & 0xFFF & (alignment - 1) != 0 { throw .einval }
    try insert(moved, pin: pin)
    return start
  }

  private func insert(
    _ new: [Mapping], pin: (Mapping) throws(Errno) -> Void
  ) throws(Errno) {
    if isTranslated { try lock(new, pin: pin) }
    guard let first = new.first else { return }
    let index = mappings.firstIndex { $0.iova.lowerBound > first.iova.lowerBound }
    mappings.insert(contentsOf: new, at: index ?? mappings.count)
  }

  // MARK: Where

  private func start(
    for source: Source, length: UInt64, at iova: UInt64?
  ) throws(Errno) -> UInt64 {
    guard !source.start.addingReportingOverflow(length).overflow else { throw .eoverflow }
    guard length > 0, length <= .max - 4096 else { throw .einval }
    let unit = alignment
    guard length & (unit - 1) == 0 else { throw .einval }
    guard let iova else { return try place(length: length, memory: source.start, unit: unit) }
    try checkFixed(iova, length: length, unit: unit)
    return iova
  }

  private func checkFixed(_ iova: UInt64, length: UInt64, unit: UInt64) throws(Errno) {
    guard iova & (unit - 1) == 0 else { throw .einval }
    let (last, overflow) = iova.addingReportingOverflow(length - 1)
    guard !overflow else { throw .eoverflow }
    if reserved.contains(where: { $0.overlaps(iova...last) }) { throw .einval }
    if mappings.contains(where: { $0.iova.overlaps(iova...last) }) { throw .eexist }
  }

  /// The lowest place from 4096 on that keeps the alignment of the memory, up to 2 MiB, and its
  /// offset in the page. Neither the first nor the last page is given out.
  private func place(length: UInt64, memory: UInt64, unit: UInt64) throws(Errno) -> UInt64 {
    guard length < .max / 2 else { throw .eoverflow }
    let power = length.nonzeroBitCount == 1 ? length : 1 << UInt64(64 - length.leadingZeroBitCount)
    var step = min(power, 2 << 20)
    if memory != 0 { step = min(step, 1 << UInt64(memory.trailingZeroBitCount)) }
    guard step >= unit else { throw .einval }
    let taken = merged(reserved + mappings.map(\.iova) + [0...4095, (.max - 4095)...(.max)])
    for hole in complement(taken) {
      let windows =
        allowed.isEmpty ? [hole] : allowed.filter { $0.overlaps(hole) }.map { $0.clamped(to: hole) }
      for window in windows {
        let (rounded, overflow) = window.lowerBound.addingReportingOverflow(step - 1)
        guard !overflow else { continue }
        let start = rounded & ~(step - 1) | memory & 0xFFF
        if start <= window.upperBound, window.upperBound - start >= length - 1 { return start }
      }
    }
    throw .enospc
  }

  // MARK: Unmapping

  /// Removes everything and says how many bytes that was.
  func unmapAll() -> UInt64 {
    if isTranslated { unlock(mappings) }
    let bytes = mappings.reduce(UInt64(0)) { $0 &+ $1.length }
    mappings.removeAll()
    return bytes
  }

  /// What `unmap` did: on a cut mapping the ones before it are gone all the same.
  struct Unmapped {
    var bytes: UInt64
    var isCut: Bool
  }

  /// Removes the mappings of a range in ascending order up to the first that it cuts.
  func unmap(_ range: ClosedRange<UInt64>) -> Unmapped {
    var bytes: UInt64 = 0
    while let index = mappings.firstIndex(where: { $0.iova.overlaps(range) }) {
      let mapping = mappings[index]
      guard range.contains(mapping.iova.lowerBound), range.contains(mapping.iova.upperBound) else {
        return Unmapped(bytes: bytes, isCut: true)
      }
      bytes &+= mapping.length
      if isTranslated { unlock([mapping]) }
      mappings.remove(at: index)
    }
    return Unmapped(bytes: bytes, isCut: false)
  }

  /// Removes exactly a range, splitting mappings at its ends, as old type1 clients expect.
  func unmapSplitting(_ range: ClosedRange<UInt64>) -> UInt64 {
    var bytes: UInt64 = 0
    var kept: [Mapping] = []
    for mapping in mappings {
      guard mapping.iova.overlaps(range) else {
        kept.append(mapping)
        continue
      }
      let cut = mapping.iova.clamped(to: range)
      bytes &+= cut.upperBound - cut.lowerBound + 1
      var parts: [Mapping] = []
      if mapping.iova.lowerBound < cut.lowerBound {
        parts.append(mapping.part(mapping.iova.lowerBound...(cut.lowerBound - 1)))
      }
      if mapping.iova.upperBound > cut.upperBound {
        parts.append(mapping.part((cut.upperBound + 1)...mapping.iova.upperBound))
      }
      if isTranslated { mapping.pages.unlock(mapping.bytes, except: parts.map(\.bytes)) }
      kept += parts
    }
    mappings = kept
    return bytes
  }

  /// The pieces that map a range without a hole. Throws `ENOENT`.
  func pieces(of range: ClosedRange<UInt64>) throws(Errno) -> [Mapping] {
    var pieces: [Mapping] = []
    var next: UInt64? = range.lowerBound
    for mapping in mappings where mapping.iova.overlaps(range) {
      guard let start = next, mapping.iova.lowerBound <= start else { throw .enoent }
      let piece = mapping.part(mapping.iova.clamped(to: range))
      pieces.append(piece)
      next = piece.iova.upperBound == .max ? nil : piece.iova.upperBound + 1
    }
    guard next.map({ $0 > range.upperBound }) ?? true, !pieces.isEmpty else { throw .enoent }
    return pieces
  }
}
