internal import SimulatedKernel
internal import SystemPackage

/// What the client has mapped for the function's DMA: ranges of addresses and the memory behind them.
struct DMAMap {
  /// How many ranges a client may map; one with a virtual IOMMU maps its guest's memory page by page.
  static let rangeLimit = 1 << 19
  /// How many files they may be parts of.
  static let fileLimit = 256
  static let pageSize: UInt64 = 4096

  /// One mapped range.
  private struct Entry {
    var first: UInt64
    var last: UInt64
    var isReadable: Bool
    var isWritable: Bool
    /// Nil for memory that came without a descriptor.
    var file: DMAFile?
    /// Where in the file the range begins.
    var offset: UInt64
  }

  /// What the client asks for.
  struct Request {
    var address: UInt64
    var size: UInt64
    var offset: UInt64
    var isReadable: Bool
    var isWritable: Bool
  }

  /// Ascending, without overlap.
  private var entries: [Entry] = []
  private var files: [DMAFile.Identity: (file: DMAFile, uses: Int)] = [:]

  var count: Int { entries.count }

  /// Maps a range. The descriptor stays the caller's; nil for memory that cannot be reached.
  ///
  /// - Throws: `EINVAL` for a range that is empty, unaligned, past the end of the addresses or of the
  ///   file; `EEXIST` when something of it is mapped; `ENOSPC` when there are too many.
  mutating func map(_ request: Request, _ descriptor: Int32?) throws(Errno) {
    let (end, wraps) = request.address.addingReportingOverflow(request.size)
    guard request.size > 0, !wraps || end == 0, request.isReadable || request.isWritable,
      (request.address | request.size | request.offset).isMultiple(of: Self.pageSize)
    else { throw .invalidArgument }
    let last = request.address + (request.size - 1)
    let index = firstIndex(endingAtOrAfter: request.address)
    if index < entries.count, entries[index].first <= last { throw .fileExists }
    guard entries.count < Self.rangeLimit else { throw .noSpace }
    var file: DMAFile?
    if let descriptor { file = try take(descriptor, request) }
    let entry = Entry(
      first: request.address, last: last, isReadable: request.isReadable,
      isWritable: request.isWritable, file: file, offset: request.offset)
    entries.insert(entry, at: index)
  }

  /// One more use of a file, which is opened only once.
  private mutating func take(_ descriptor: Int32, _ request: Request) throws(Errno) -> DMAFile {
    let identity = try DMAFile.identity(of: descriptor)
    let known = files[identity]
    guard known != nil || files.count < Self.fileLimit else { throw .noSpace }
    let file: DMAFile
    if let known { file = known.file } else { file = try DMAFile(descriptor) }
    let size = try file.size()
    guard request.offset <= size, request.size <= size - request.offset else {
      throw .invalidArgument
    }
    files[identity] = (file, (known?.uses ?? 0) + 1)
    return file
  }

  /// Unmaps what lies in a range and gives its bytes. Throws `EINVAL` when the range cuts one that is
  /// mapped.
  mutating func unmap(address: UInt64, size: UInt64) throws(Errno) -> UInt64 {
    let (end, wraps) = address.addingReportingOverflow(size)
    guard size > 0, !wraps || end == 0 else { throw .invalidArgument }
    let last = address + (size - 1)
    let lower = firstIndex(endingAtOrAfter: address)
    var upper = lower
    while upper < entries.count, entries[upper].first <= last { upper += 1 }
    guard lower < upper else { return 0 }
    guard entries[lower].first >= address, entries[upper - 1].last <= last else {
      throw .invalidArgument
    }
    var bytes: UInt64 = 0
    for entry in entries[lower..<upper] {
      bytes &+= entry.last - entry.first + 1
      letGo(entry)
    }
    entries.removeSubrange(lower..<upper)
    return bytes
  }

  /// Unmaps all and gives its bytes.
  mutating func unmapAll() -> UInt64 {
    let bytes = entries.reduce(UInt64(0)) { $0 &+ ($1.last - $1.first + 1) }
    entries.removeAll()
    files.removeAll()
    return bytes
  }

  private mutating func letGo(_ entry: Entry) {
    guard let file = entry.file, let uses = files[file.identity]?.uses else { return }
    files[file.identity] = uses > 1 ? (file, uses - 1) : nil
  }

  // MARK: Access

  /// Copies bytes from DMA addresses.
  func read(at address: UInt64, count: Int) throws(DMAFault) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
      let position = address &+ UInt64(bytes.count)
      let part = try part(at: position, atMost: count - bytes.count, isWrite: false)
      do throws(Errno) {
        bytes += try part.file.read(at: part.offset, count: part.count)
      } catch {
        throw DMAFault(address: position, isWrite: false, reason: .memoryGone)
      }
    }
    return bytes
  }

  /// Copies bytes to DMA addresses, up to the first fault.
  func write(_ bytes: [UInt8], at address: UInt64) throws(DMAFault) {
    var done = 0
    while done < bytes.count {
      let position = address &+ UInt64(done)
      let part = try part(at: position, atMost: bytes.count - done, isWrite: true)
      do throws(Errno) {
        try part.file.write(Array(bytes[done..<done + part.count]), at: part.offset)
      } catch {
        throw DMAFault(address: position, isWrite: true, reason: .memoryGone)
      }
      done += part.count
    }
  }

  private func part(
    at address: UInt64, atMost limit: Int, isWrite: Bool
  ) throws(DMAFault) -> (file: DMAFile, offset: UInt64, count: Int) {
    let index = firstIndex(endingAtOrAfter: address)
    guard index < entries.count, entries[index].first <= address,
      isWrite ? entries[index].isWritable : entries[index].isReadable
    else { throw DMAFault(address: address, isWrite: isWrite, reason: .notAllowed) }
    let entry = entries[index]
    guard let file = entry.file else {
      throw DMAFault(address: address, isWrite: isWrite, reason: .memoryGone)
    }
    let rest = entry.last - address
    let count = rest >= UInt64(limit) ? limit : Int(rest) + 1
    return (file, entry.offset &+ (address - entry.first), count)
  }

  /// The first entry whose end is not below an address.
  private func firstIndex(endingAtOrAfter address: UInt64) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].last < address { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
