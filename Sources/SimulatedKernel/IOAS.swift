internal import SystemPackage

/// An I/O address space of an iommufd context: mappings, what may not be mapped, and alignment
/// (sections 8.1 to 8.3 of the contract).
final class IOAS {
  /// One mapping; ends are included.
  struct Mapping {
    var iova: ClosedRange<UInt64>
    var source: Source
    var isWritable: Bool
    var isReadable: Bool
  }

  /// What a mapping maps.
  enum Source: Equatable {
    /// Memory of the caller, from this address on.
    case memory(UInt64)
    /// A file, from `start` on; `size` is nil when its pages cannot be pinned.
    case file(start: UInt64, size: UInt64?)
  }

  let identifier: UInt32
  /// In ascending order, without overlap.
  private(set) var mappings: [Mapping] = []
  /// In order of creation.
  var tables: [PageTable] = []
  /// Restricts automatic placement; empty for no restriction.
  private(set) var allowed: [ClosedRange<UInt64>] = []
  /// `IOMMU_OPTION_HUGE_PAGES`.
  var usesHugePages = true
  private var deviceReservations: [ObjectIdentifier: [ClosedRange<UInt64>]] = [:]

  init(identifier: UInt32) { self.identifier = identifier }

  /// What iova, length and in-page offset must be multiples of: 1 while nothing translates it.
  var alignment: UInt64 { tables.map(\.pageSize).max() ?? 1 }

  /// What no mapping may touch: windows of attached devices and what lies outside an aperture.
  var reserved: [ClosedRange<UInt64>] {
    var ranges = deviceReservations.values.flatMap(\.self)
    ranges += tables.compactMap(\.outsideAperture)
    return merged(ranges)
  }

  /// The complement of what is reserved.
  var usable: [ClosedRange<UInt64>] { complement(reserved) }

  // MARK: Attachment

  /// Adds the windows of a device. Throws `EADDRINUSE` for a mapping or an allowed range in one.
  func reserve(_ windows: [ClosedRange<UInt64>], for device: AnyObject) throws(Errno) {
    try checkFree(windows)
    deviceReservations[ObjectIdentifier(device)] = windows
  }

  /// Removes the windows of a device.
  func unreserve(for device: AnyObject) { deviceReservations[ObjectIdentifier(device)] = nil }

  /// Adds a translation: alignment and aperture must fit (`EADDRINUSE`), pages are pinned.
  func add(_ table: PageTable, pin: (Mapping) throws(Errno) -> Void) throws(Errno) {
    let unit = max(alignment, table.pageSize)
    for mapping in mappings where !Self.isAligned(mapping, to: unit) { throw .eaddrinuse }
    if let outside = table.outsideAperture { try checkFree([outside]) }
    for mapping in mappings { try pin(mapping) }
    tables.append(table)
  }

  private func checkFree(_ windows: [ClosedRange<UInt64>]) throws(Errno) {
    for window in windows {
      if mappings.contains(where: { $0.iova.overlaps(window) }) { throw .eaddrinuse }
      if allowed.contains(where: { $0.overlaps(window) }) { throw .eaddrinuse }
    }
  }

  private static func isAligned(_ mapping: Mapping, to unit: UInt64) -> Bool {
    let mask = unit - 1
    let inPage: UInt64 =
      switch mapping.source {
      case .memory(let address): address & 0xFFF
      case .file(let start, _): start & 0xFFF
      }
    let length = mapping.iova.upperBound &- mapping.iova.lowerBound &+ 1
    return mapping.iova.lowerBound & mask == 0 && length & mask == 0 && inPage & mask == 0
  }

  // MARK: Mapping

  /// Adds a mapping at `iova`, or where it fits when nil, in the contract's order of checks.
  func map(
    _ source: Source, length: UInt64, at iova: UInt64?, isReadable: Bool, isWritable: Bool,
    isSourceReadOnly: Bool = false, pin: (Mapping) throws(Errno) -> Void
  ) throws(Errno) -> UInt64 {
    let memory: UInt64 =
      switch source {
      case .memory(let address): address
      case .file(let start, _): start
      }
    guard !memory.addingReportingOverflow(length).overflow else { throw .eoverflow }
    guard length > 0, length <= .max - 4096 else { throw .einval }
    let unit = alignment
    guard length & (unit - 1) == 0 else { throw .einval }
    let start: UInt64
    if let iova {
      try checkFixed(iova, length: length, unit: unit)
      start = iova
    } else {
      start = try place(length: length, memory: memory, unit: unit)
    }
    guard !isSourceReadOnly || !isWritable else { throw .eperm }
    guard memory & 0xFFF & (unit - 1) == 0 else { throw .einval }
    let mapping = Mapping(
      iova: start...(start + (length - 1)), source: source, isWritable: isWritable,
      isReadable: isReadable)
    if !tables.isEmpty { try pin(mapping) }
    let index = mappings.firstIndex { $0.iova.lowerBound > start } ?? mappings.count
    mappings.insert(mapping, at: index)
    return start
  }

  /// Adds pieces of another address space one behind the other (`IOMMU_IOAS_COPY`).
  func copy(
    _ pieces: [Mapping], length: UInt64, at iova: UInt64?, isReadable: Bool, isWritable: Bool
  ) throws(Errno) -> UInt64 {
    guard let first = pieces.first else { throw .enoent }
    let start = try map(
      first.source, length: length, at: iova, isReadable: isReadable, isWritable: isWritable,
      isSourceReadOnly: pieces.contains { !$0.isWritable }, pin: { _ in })
    mappings.removeAll { $0.iova.lowerBound == start }
    let index = mappings.firstIndex { $0.iova.lowerBound > start } ?? mappings.count
    let moved = pieces.map { piece in
      var moved = piece
      let distance = piece.iova.lowerBound - first.iova.lowerBound
      let size = piece.iova.upperBound - piece.iova.lowerBound
      moved.iova = (start + distance)...(start + distance + size)
      moved.isReadable = isReadable
      moved.isWritable = isWritable
      return moved
    }
    mappings.insert(contentsOf: moved, at: index)
    return start
  }

  private func checkFixed(_ iova: UInt64, length: UInt64, unit: UInt64) throws(Errno) {
    guard iova & (unit - 1) == 0 else { throw .einval }
    let (last, overflow) = iova.addingReportingOverflow(length - 1)
    guard !overflow else { throw .eoverflow }
    if reserved.contains(where: { $0.overlaps(iova...last) }) { throw .einval }
    if mappings.contains(where: { $0.iova.overlaps(iova...last) }) { throw .eexist }
  }

  private func place(length: UInt64, memory: UInt64, unit: UInt64) throws(Errno) -> UInt64 {
    guard length < .max / 2 else { throw .eoverflow }
    let power = length.nonzeroBitCount == 1 ? length : 1 << UInt64(64 - length.leadingZeroBitCount)
    var step = min(power, 2 << 20)
    if memory != 0 { step = min(step, 1 << UInt64(memory.trailingZeroBitCount)) }
    guard step >= unit else { throw .einval }
    let taken = merged(reserved + mappings.map(\.iova) + [0...4095])
    for hole in complement(taken) {
      let windows =
        allowed.isEmpty ? [hole] : allowed.filter { $0.overlaps(hole) }.map { $0.clamped(to: hole) }
      for window in windows {
        let (rounded, overflow) = window.lowerBound.addingReportingOverflow(step - 1)
        guard !overflow else { continue }
        let start = rounded & ~(step - 1)
        if start <= window.upperBound, window.upperBound - start >= length - 1 { return start }
      }
    }
    throw .enospc
  }

  /// Removes everything and says how many bytes that was.
  func unmapAll() -> UInt64 {
    let bytes = mappings.reduce(UInt64(0)) { $0 &+ Self.length($1) }
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
      let iova = mappings[index].iova
      guard range.contains(iova.lowerBound), range.contains(iova.upperBound) else {
        return Unmapped(bytes: bytes, isCut: true)
      }
      bytes &+= Self.length(mappings[index])
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
      if mapping.iova.lowerBound < cut.lowerBound {
        kept.append(mapping.part(mapping.iova.lowerBound...(cut.lowerBound - 1)))
      }
      if mapping.iova.upperBound > cut.upperBound {
        kept.append(mapping.part((cut.upperBound + 1)...mapping.iova.upperBound))
      }
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

  /// Replaces the allowed ranges. `EINVAL` for an empty or overlapping one, `EADDRINUSE` in a
  /// reserved one.
  func allow(_ ranges: [(start: UInt64, last: UInt64)]) throws(Errno) {
    var list: [ClosedRange<UInt64>] = []
    for (start, last) in ranges {
      guard start < last else { throw .einval }
      guard !list.contains(where: { $0.overlaps(start...last) }) else { throw .einval }
      list.append(start...last)
    }
    let reserved = reserved
    for range in list where reserved.contains(where: { $0.overlaps(range) }) { throw .eaddrinuse }
    allowed = list.sorted { $0.lowerBound < $1.lowerBound }
  }

  private static func length(_ mapping: Mapping) -> UInt64 {
    mapping.iova.upperBound &- mapping.iova.lowerBound &+ 1
  }
}

extension IOAS.Mapping {
  /// The part of a mapping at some of its addresses.
  func part(_ range: ClosedRange<UInt64>) -> Self {
    var part = self
    let skipped = range.lowerBound - iova.lowerBound
    part.iova = range
    switch source {
    case .memory(let address): part.source = .memory(address &+ skipped)
    case .file(let start, let size): part.source = .file(start: start &+ skipped, size: size)
    }
    return part
  }
}

/// Ranges in ascending order, joined where they touch or overlap.
func merged(_ ranges: [ClosedRange<UInt64>]) -> [ClosedRange<UInt64>] {
  var result: [ClosedRange<UInt64>] = []
  for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
    if let last = result.last, last.upperBound == .max || range.lowerBound <= last.upperBound + 1 {
      result[result.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
    } else {
      result.append(range)
    }
  }
  return result
}

/// What ascending, separate ranges leave of the 64-bit space.
func complement(_ ranges: [ClosedRange<UInt64>]) -> [ClosedRange<UInt64>] {
  var holes: [ClosedRange<UInt64>] = []
  var next: UInt64? = 0
  for range in ranges {
    if let start = next, start < range.lowerBound { holes.append(start...(range.lowerBound - 1)) }
    next = range.upperBound == .max ? nil : range.upperBound + 1
  }
  if let next { holes.append(next...(.max)) }
  return holes
}
