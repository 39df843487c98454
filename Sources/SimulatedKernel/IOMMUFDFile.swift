internal import CLinux
internal import SystemPackage

/// A descriptor of `/dev/iommu`: framing, then one method for each command (2.1 and 2.10 of the
/// contract).
final class IOMMUFDFile: OpenFile {
  let context: IOMMUFDContext
  let kind = "iommufd"

  init(context: IOMMUFDContext) { self.context = context }

  /// Shortest and full length of each command's structure, by slot.
  private static let sizes: [UInt8: (least: Int, full: Int)] = [
    0x80: (8, 8), 0x81: (12, 12), 0x82: (24, 24), 0x83: (40, 40), 0x84: (32, 32), 0x85: (40, 40),
    0x86: (24, 24), 0x87: (24, 24), 0x88: (12, 12), 0x89: (24, 48), 0x8A: (32, 40),
    0x8B: (16, 16), 0x8C: (48, 48), 0x8D: (32, 32), 0x8E: (16, 16), 0x8F: (40, 40),
    0x90: (24, 40), 0x91: (24, 24), 0x92: (8, 8), 0x93: (28, 32), 0x94: (40, 40),
    0xA0: (68, 72),
  ]

  func control(
    _ request: UInt, _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) -> Int32 {
    let slot = UInt8(truncatingIfNeeded: request)
    guard let sizes = Self.sizes[slot], slot != 0xA0 || host.description.hasMockDevices else {
      return try compatibility(request, &argument, on: host)
    }
    let size = Int(try argument.load(UInt32.self))
    guard request == 0x3B00 | UInt(slot) else { throw .enotty }
    guard size >= sizes.least else { throw .einval }
    if size > sizes.full {
      guard size - sizes.full <= 4096 else { throw .e2big }
      let excess = try argument.bytes(at: sizes.full, count: size - sizes.full)
      guard excess.allSatisfy({ $0 == 0 }) else { throw .e2big }
    }
    try perform(slot, &argument, size: min(size, sizes.full), on: host)
    return 0
  }

  private func perform(
    _ slot: UInt8, _ argument: inout UserArgument, size: Int, on host: SimulatedHost
  ) throws(Errno) {
    switch Int32(0x3B00) | Int32(slot) {
    case IOMMU_DESTROY:
      try context.destroy(argument.load(iommu_destroy.self).id)
    case IOMMU_IOAS_ALLOC: try allocateIOAS(&argument)
    case IOMMU_IOAS_ALLOW_IOVAS: try allow(argument)
    case IOMMU_IOAS_COPY: try copy(&argument, on: host)
    case IOMMU_IOAS_IOVA_RANGES: try ranges(&argument)
    case IOMMU_IOAS_MAP: try map(&argument, on: host)
    case IOMMU_IOAS_MAP_FILE: try mapFile(&argument, on: host)
    case IOMMU_IOAS_UNMAP: try unmap(&argument)
    case IOMMU_OPTION: try option(&argument, on: host)
    case IOMMU_VFIO_IOAS: try compatibilityIOAS(&argument)
    case IOMMU_HWPT_ALLOC: try allocateTable(&argument, size: size, on: host)
    case IOMMU_GET_HW_INFO: try hardwareInfo(&argument, size: size)
    case IOMMU_IOAS_CHANGE_PROCESS: try changeProcess(argument)
    case IOMMU_FAULT_QUEUE_ALLOC: try allocateFaultQueue(&argument, on: host)
    case IOMMU_HWPT_INVALIDATE: try invalidate(&argument)
    case IOMMU_VIOMMU_ALLOC: try allocateVirtualIOMMU(&argument, size: size, on: host)
    case IOMMU_VDEVICE_ALLOC: try allocateVirtualDevice(&argument)
    case IOMMU_VEVENTQ_ALLOC: try allocateEventQueue(&argument, size: size, on: host)
    case IOMMU_HW_QUEUE_ALLOC: try allocateHardwareQueue(argument)
    case IOMMU_TEST_CMD: try performTest(&argument, size: size, on: host)
    default: try performDirty(slot, argument, on: host)
    }
  }

  func closed(on host: SimulatedHost) { host.release(context) }

  // MARK: Address spaces

  private func allocateIOAS(_ argument: inout UserArgument) throws(Errno) {
    var command = try argument.load(iommu_ioas_alloc.self)
    guard command.flags == 0 else { throw .eopnotsupp }
    let ioas = context.addIOAS()
    command.out_ioas_id = ioas.identifier
    do throws(Errno) {
      try argument.store(command)
    } catch {
      context.remove(ioas.identifier)
      throw error
    }
  }

  private func ranges(_ argument: inout UserArgument) throws(Errno) {
    var command = try argument.load(iommu_ioas_iova_ranges.self)
    guard command.__reserved == 0 else { throw .eopnotsupp }
    let ioas = try context.ioas(command.ioas_id)
    let usable = ioas.usable
    let room = Int(command.num_iovas)
    for (index, range) in usable.prefix(room).enumerated() {
      let entry = iommu_iova_range(start: range.lowerBound, last: range.upperBound)
      try UserMemory.write(
        UserMemory.bytes(of: entry), to: command.allowed_iovas &+ UInt64(index * 16))
    }
    command.num_iovas = UInt32(usable.count)
    command.out_iova_alignment = ioas.alignment
    try argument.store(command)
    if usable.count > room { throw .emsgsize }
  }

  private func allow(_ argument: UserArgument) throws(Errno) {
    let command = try argument.load(iommu_ioas_allow_iovas.self)
    guard command.__reserved == 0 else { throw .eopnotsupp }
    let ioas = try context.ioas(command.ioas_id)
    guard command.num_iovas <= 1 << 16 else { throw .efault }
    var ranges: [(start: UInt64, last: UInt64)] = []
    for index in 0..<UInt64(command.num_iovas) {
      let bytes = try UserMemory.bytes(at: command.allowed_iovas &+ index * 16, count: 16)
      let entry = UserMemory.value(iommu_iova_range.self, from: bytes)
      ranges.append((entry.start, entry.last))
    }
    try ioas.allow(ranges)
  }

  private func map(_ argument: inout UserArgument, on host: SimulatedHost) throws(Errno) {
    var command = try argument.load(iommu_ioas_map.self)
    guard command.flags & ~7 == 0, command.__reserved == 0 else { throw .eopnotsupp }
    let ioas = try checkMap(command.flags, command.iova, command.length, command.ioas_id)
    command.iova = try ioas.map(
      .memory(command.user_va), length: command.length,
      at: command.flags & 1 != 0 ? command.iova : nil, access(command.flags),
      pages: host.newPages(for: context)
    ) { mapping throws(Errno) in try host.pin(mapping) }
    try argument.store(command)
  }

  private func access(_ flags: UInt32) -> IOAS.Access {
    IOAS.Access(
      isReadable: flags & UInt32(IOMMU_IOAS_MAP_READABLE) != 0,
      isWritable: flags & UInt32(IOMMU_IOAS_MAP_WRITEABLE) != 0)
  }

  private func mapFile(_ argument: inout UserArgument, on host: SimulatedHost) throws(Errno) {
    var command = try argument.load(iommu_ioas_map_file.self)
    guard command.flags & ~7 == 0 else { throw .eopnotsupp }
    let ioas = try checkMap(command.flags, command.iova, command.length, command.ioas_id)
    guard command.length > 0 else { throw .einval }
    guard !command.start.addingReportingOverflow(command.length).overflow else {
      throw .eoverflow
    }
    if let buffer = host.files[command.fd] as? DMABuffer {
      command.iova = try map(buffer, command, in: ioas, on: host)
      return try argument.store(command)
    }
    var size: UInt64?
    if case .memoryFile(let bytes) = try ProcessDescriptor.kind(of: command.fd),
      host.files[command.fd] == nil
    {
      size = bytes
    }
    let pages = host.newPages(for: context)
    if size != nil { pages.hold(command.fd) }
    command.iova = try ioas.map(
      .file(start: command.start, size: size), length: command.length,
      at: command.flags & 1 != 0 ? command.iova : nil, access(command.flags), pages: pages
    ) { mapping throws(Errno) in try host.pin(mapping) }
    try argument.store(command)
  }

  /// Maps exported memory of a BAR, of which nothing is charged.
  private func map(
    _ buffer: DMABuffer, _ command: iommu_ioas_map_file, in ioas: IOAS, on host: SimulatedHost
  ) throws(Errno) -> UInt64 {
    guard buffer.isOneRange else { throw .eopnotsupp }
    guard command.start <= buffer.size, command.length <= buffer.size - command.start else {
      throw .einval
    }
    guard !buffer.isRevoked else { throw .enodev }
    let pages = UserPages(host.lockedMemory, account: .none)
    pages.hold(buffer)
    return try ioas.map(
      .file(start: command.start, size: buffer.size), length: command.length,
      at: command.flags & 1 != 0 ? command.iova : nil, access(command.flags), pages: pages
    ) { mapping throws(Errno) in try host.pin(mapping) }
  }

  private func copy(_ argument: inout UserArgument, on host: SimulatedHost) throws(Errno) {
    var command = try argument.load(iommu_ioas_copy.self)
    guard command.flags & ~7 == 0 else { throw .eopnotsupp }
    let source = try checkMap(
      command.flags, command.dst_iova, command.length, command.src_ioas_id)
    guard command.length > 0 else { throw .einval }
    let (last, overflow) = command.src_iova.addingReportingOverflow(command.length - 1)
    guard !overflow else { throw .eoverflow }
    let pieces = try source.pieces(of: command.src_iova...last)
    let destination = try context.ioas(command.dst_ioas_id)
    command.dst_iova = try destination.copy(
      pieces, length: command.length, at: command.flags & 1 != 0 ? command.dst_iova : nil,
      access(command.flags)
    ) { mapping throws(Errno) in try host.pin(mapping) }
    try argument.store(command)
  }

  private func checkMap(
    _ flags: UInt32, _ iova: UInt64, _ length: UInt64, _ identifier: UInt32
  ) throws(Errno) -> IOAS {
    guard iova != .max, length != .max else { throw .eoverflow }
    guard flags & 6 != 0 else { throw .einval }
    return try context.ioas(identifier)
  }

  private func unmap(_ argument: inout UserArgument) throws(Errno) {
    var command = try argument.load(iommu_ioas_unmap.self)
    let ioas = try context.ioas(command.ioas_id)
    if command.iova == 0, command.length == .max {
      command.length = ioas.unmapAll()
    } else {
      guard command.iova != .max, command.length != .max else { throw .eoverflow }
      guard command.length > 0 else { throw .einval }
      let (last, overflow) = command.iova.addingReportingOverflow(command.length - 1)
      guard !overflow else { throw .eoverflow }
      let done = ioas.unmap(command.iova...last)
      guard !done.isCut, done.bytes > 0 else { throw .enoent }
      command.length = done.bytes
    }
    try argument.store(command)
  }

  private func changeProcess(_ argument: UserArgument) throws(Errno) {
    let command = try argument.load(iommu_ioas_change_process.self)
    guard command.__reserved == 0 else { throw .eopnotsupp }
    for case .ioas(let ioas) in context.objects.values {
      for mapping in ioas.mappings {
        guard case .file = mapping.source else { throw .einval }
      }
    }
  }

  private func option(
    _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) {
    var command = try argument.load(iommu_option.self)
    guard command.__reserved == 0 else { throw .eopnotsupp }
    switch Int32(command.option_id) {
    case IOMMU_OPTION_RLIMIT_MODE:
      guard command.object_id == 0 else { throw .eopnotsupp }
      switch Int32(command.op) {
      case IOMMU_OPTION_OP_GET: command.val64 = context.countsLockedMemoryByProcess ? 1 : 0
      case IOMMU_OPTION_OP_SET:
        guard host.privileges.has(.sysResource) else { throw .eperm }
        guard context.objects.isEmpty else { throw .ebusy }
        guard command.val64 <= 1 else { throw .einval }
        context.countsLockedMemoryByProcess = command.val64 == 1
      default: throw .eopnotsupp
      }
    case IOMMU_OPTION_HUGE_PAGES:
      let ioas = try context.ioas(command.object_id)
      switch Int32(command.op) {
      case IOMMU_OPTION_OP_GET: command.val64 = ioas.usesHugePages ? 1 : 0
      case IOMMU_OPTION_OP_SET:
        guard command.val64 <= 1 else { throw .einval }
        try ioas.useHugePages(command.val64 == 1)
      default: throw .eopnotsupp
      }
    default: throw .eopnotsupp
    }
    try argument.store(command)
  }
}
