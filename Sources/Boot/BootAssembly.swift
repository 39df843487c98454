internal import Hypervisor

/// A boot plan in the making: what is placed already, and where there is room.
struct BootAssembly {
  let platform: BootPlatform
  let kernel: any BootSource
  let tables: ACPITables?
  let memoryMap: [MemoryMapEntry]
  private(set) var memory: BootMemory
  private(set) var segments: [BootSegment] = []

  /// Places the ACPI tables. Throws when the guest has less than 1 MiB.
  init(_ platform: BootPlatform, kernel: any BootSource) throws(BootError) {
    let low = platform.memoryBelow4G
    guard low >= BootLayout.highMemory else {
      throw BootError(
        kernel.path, .memoryTooSmall(memory: low, enough: BootLayout.highMemory))
    }
    self.platform = platform
    self.kernel = kernel
    tables = platform.acpi.map { ACPITables($0, at: BootLayout.tables.lowerBound) }
    memoryMap = .map(of: platform, tables: tables)
    memory = BootMemory(end: low)
    if let tables {
      _ = memory.take(tables.range)
      segments.append(
        BootSegment(
          address: tables.tables.lowerBound, count: UInt64(tables.bytes.count),
          contents: .bytes(tables.bytes)))
    }
  }

  func failure(_ failure: BootError.Failure) -> BootError { BootError(kernel.path, failure) }

  /// Places a part of the kernel at the address that it wants: bytes of its file, and memory behind
  /// that is zero, or whatever it is when the kernel clears it itself. Throws when RAM is not there or
  /// is taken.
  mutating func placeKernel(
    at address: UInt64, fileOffset: UInt64, fileCount: UInt64, memoryCount: UInt64,
    isCleared: Bool = true
  ) throws(BootError) {
    let (end, isBeyond) = address.addingReportingOverflow(memoryCount)
    guard !isBeyond, end <= memory.end else {
      throw failure(.kernelTooLarge(end: isBeyond ? .max : end, memory: memory.end))
    }
    let range = address..<end
    guard memory.take(range) else {
      let isTables = tables?.range.overlaps(range) == true
      throw failure(isTables ? .kernelOnTables(range) : .invalidELF(.overlap(address)))
    }
    if fileCount > 0 {
      append(address, fileCount, .file(kernel, offset: fileOffset))
    }
    if isCleared, memoryCount > fileCount {
      append(address + fileCount, memoryCount - fileCount, .zeros)
    }
  }

  /// Places a whole file at a range that is free.
  mutating func place(_ source: any BootSource, at range: Range<UInt64>) {
    guard memory.take(range) else { return }
    append(range.lowerBound, UInt64(range.count), .file(source, offset: 0))
  }

  /// Finds room for a protocol's structure in low memory, and takes it. Throws `memoryTooSmall` when
  /// the kernel's own segments leave none.
  mutating func allocate(_ count: Int, alignment: UInt64 = 16) throws(BootError) -> UInt64 {
    let size = UInt64(max(1, count))
    let high = BootLayout.highMemory..<memory.end
    let room = [BootLayout.structures, BootLayout.lowest, high].lazy.compactMap { [memory] in
      memory.lowest(size, alignment: alignment, within: $0)
    }.first
    guard let range = room, memory.take(range) else {
      throw failure(
        .memoryTooSmall(memory: memory.end, enough: memory.end + max(size, 1 << 20)))
    }
    return range.lowerBound
  }

  /// Sets bytes of a structure whose room was allocated.
  mutating func fill(_ address: UInt64, _ bytes: [UInt8]) {
    if !bytes.isEmpty { append(address, UInt64(bytes.count), .bytes(bytes)) }
  }

  /// Allocates room for bytes and sets them; says where.
  mutating func add(_ bytes: [UInt8], alignment: UInt64 = 16) throws(BootError) -> UInt64 {
    let address = try allocate(bytes.count, alignment: alignment)
    fill(address, bytes)
    return address
  }

  /// Places the command line, with its final zero, and says where. `limit` is in bytes without it.
  mutating func addCommandLine(_ text: String, limit: Int) throws(BootError) -> UInt64 {
    let bytes = [UInt8](text.utf8)
    guard bytes.count <= limit else {
      throw failure(.commandLineTooLong(length: bytes.count, limit: limit))
    }
    return try add(bytes + [0])
  }

  /// Places the initial RAM disk as high as it can be below `end`, and says where: an empty range for
  /// an empty file, as if there were none. Throws `initialRAMDiskTooLarge`.
  mutating func placeDisk(
    _ disk: any BootSource, below end: UInt64
  ) throws(BootError) -> Range<UInt64> {
    if disk.size == 0 { return 0..<0 }
    let room = BootLayout.highMemory..<max(BootLayout.highMemory, end)
    guard let range = memory.highest(disk.size, alignment: 4096, within: room) else {
      throw BootError(
        disk.path,
        .initialRAMDiskTooLarge(
          size: disk.size, largest: memory.largest(alignment: 4096, within: room),
          enough: enough(for: disk.size, below: end)))
    }
    place(disk, at: range)
    return range
  }

  /// The guest memory with which a disk fits behind the kernel; nil when none is enough.
  func enough(for size: UInt64, below limit: UInt64) -> UInt64? {
    let used = max(memory.taken.last?.upperBound ?? 0, BootLayout.highMemory)
    guard let start = used.aligned(up: 4096) else { return nil }
    let (end, isBeyond) = start.addingReportingOverflow(size)
    guard !isBeyond, end <= limit else { return nil }
    return BootPlatform.memoryWith(lowMemory: end)
  }

  /// The finished plan.
  func plan(_ bootProtocol: BootPlan.BootProtocol, _ cpu: CPUState) -> BootPlan {
    BootPlan(
      bootProtocol: bootProtocol, segments: segments.sorted { $0.address < $1.address }, cpu: cpu,
      memoryMap: memoryMap)
  }

  private mutating func append(_ address: UInt64, _ count: UInt64, _ contents: BootSegment.Contents)
  {
    segments.append(BootSegment(address: address, count: count, contents: contents))
  }
}
