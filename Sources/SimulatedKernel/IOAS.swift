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
    /// The pages behind it, which copies and parts share.
    var pages: UserPages
  }

  /// What a mapping maps.
  enum Source: Equatable {
    /// Memory of the caller, from this address on.
    case memory(UInt64)
    /// A file, from `start` on; `size` is nil when its pages cannot be pinned.
    case file(start: UInt64, size: UInt64?)

    /// The first address or offset.
    var start: UInt64 {
      switch self {
      case .memory(let address): address
      case .file(let start, _): start
      }
    }
  }

  let identifier: UInt32
  /// In ascending order, without overlap.
  var mappings: [Mapping] = []
  /// In order of creation.
  private(set) var tables: [PageTable] = []
  /// Restricts automatic placement; empty for no restriction.
  private(set) var allowed: [ClosedRange<UInt64>] = []
  /// `IOMMU_OPTION_HUGE_PAGES`.
  private(set) var usesHugePages = true
  private var deviceReservations: [ObjectIdentifier: [ClosedRange<UInt64>]] = [:]

  init(identifier: UInt32) { self.identifier = identifier }

  /// What iova, length and in-page offset must be multiples of: 1 while nothing translates it.
  var alignment: UInt64 { max(usesHugePages ? 1 : 4096, tables.map(\.pageSize).max() ?? 1) }

  /// Mappings have their pages locked.
  var isTranslated: Bool { !tables.isEmpty }

  /// Turns large pages on or off. `EINVAL` to turn them off while something is mapped for a device,
  /// `EADDRINUSE` when a mapping is not of whole pages.
  func useHugePages(_ isOn: Bool) throws(Errno) {
    if !isOn {
      guard !isTranslated || mappings.isEmpty else { throw .einval }
      guard mappings.allSatisfy({ Self.isAligned($0, to: 4096) }) else { throw .eaddrinuse }
    }
    usesHugePages = isOn
  }

  /// What no mapping may touch: windows of attached devices and what lies outside an aperture.
  var reserved: [ClosedRange<UInt64>] {
    var ranges = deviceReservations.values.flatMap(\.self)
    ranges += tables.flatMap(\.outsideAperture)
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

  /// Adds a translation: alignment and aperture must fit (`EADDRINUSE`). With the first one all pages
  /// are pinned and locked.
  func add(_ table: PageTable, pin: (Mapping) throws(Errno) -> Void) throws(Errno) {
    let unit = max(alignment, table.pageSize)
    for mapping in mappings where !Self.isAligned(mapping, to: unit) { throw .eaddrinuse }
    try checkFree(table.outsideAperture)
    if !isTranslated { try lock(mappings, pin: pin) }
    tables.append(table)
  }

  /// Removes a translation if the address space has it; with the last one all pages are unlocked.
  func remove(_ table: PageTable) {
    guard let index = tables.firstIndex(where: { $0 === table }) else { return }
    tables.remove(at: index)
    if !isTranslated { unlock(mappings) }
  }

  /// Removes everything, as the end of its context does.
  func removeAll() {
    if isTranslated { unlock(mappings) }
    tables.removeAll()
    mappings.removeAll()
  }

  /// Pins and locks the pages of all of some mappings, or of none.
  func lock(_ some: [Mapping], pin: (Mapping) throws(Errno) -> Void) throws(Errno) {
    for (index, mapping) in some.enumerated() {
      do throws(Errno) {
        try pin(mapping)
        try mapping.pages.lock(mapping.bytes)
      } catch {
        unlock(some[..<index])
        throw error
      }
    }
  }

  /// Unlocks the pages of mappings.
  func unlock(_ some: some Sequence<Mapping>) {
    for mapping in some { mapping.pages.unlock(mapping.bytes) }
  }

  private func checkFree(_ windows: [ClosedRange<UInt64>]) throws(Errno) {
    for window in windows {
      if mappings.contains(where: { $0.iova.overlaps(window) }) { throw .eaddrinuse }
      if allowed.contains(where: { $0.overlaps(window) }) { throw .eaddrinuse }
    }
  }

  private static func isAligned(_ mapping: Mapping, to unit: UInt64) -> Bool {
    let mask = unit - 1
    let inPage = mapping.source.start & 0xFFF
    return (mapping.iova.lowerBound | mapping.length | inPage) & mask == 0
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
}

extension IOAS.Mapping {
  /// Bytes, modulo 2^64.
  var length: UInt64 { iova.upperBound &- iova.lowerBound &+ 1 }

  /// Where the bytes are in the caller's memory or in the file.
  var bytes: ClosedRange<UInt64> {
    let first = source.start
    return first...max(first, first &+ (iova.upperBound - iova.lowerBound))
  }

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
