internal import CLinux
internal import HostKernel
internal import PCI
internal import SystemPackage

/// Regions of a device: what they are, reading, writing and mapping them (5.1 and 5.2).
extension VFIODeviceFile {
  /// Where a region starts in the file: its index in the bits from 40 up.
  static let regionShift: UInt64 = 40

  /// `VFIO_DEVICE_GET_INFO`.
  func info(_ argument: inout UserArgument) throws(Errno) {
    let size = try argument.argumentSize(minimum: 16)
    var info = vfio_device_info()
    info.argsz = UInt32(size)
    info.flags = UInt32(VFIO_DEVICE_FLAGS_PCI)
    if device.hasReset { info.flags |= UInt32(VFIO_DEVICE_FLAGS_RESET) }
    info.num_regions = UInt32(VFIO_PCI_NUM_REGIONS)
    info.num_irqs = UInt32(VFIO_PCI_NUM_IRQS)
    try argument.store(info, count: min(size, MemoryLayout<vfio_device_info>.size))
  }

  /// `VFIO_DEVICE_GET_REGION_INFO`.
  func regionInfo(_ argument: inout UserArgument) throws(Errno) {
    let fixed = MemoryLayout<vfio_region_info>.size
    let size = try argument.argumentSize(minimum: fixed)
    var info = try argument.load(vfio_region_info.self)
    guard let region = Region(index: Int(info.index), of: device) else { throw .einval }
    info.flags = region.flags
    info.size = region.size
    info.offset = UInt64(info.index) << Self.regionShift
    info.cap_offset = 0
    let chain = region.capabilities.bytes(at: fixed)
    if !chain.isEmpty {
      info.flags |= UInt32(VFIO_REGION_INFO_FLAG_CAPS)
      if size >= fixed + chain.count {
        try argument.store(chain, at: fixed)
        info.cap_offset = UInt32(fixed)
      } else {
        info.argsz = UInt32(fixed + chain.count)
      }
    }
    try argument.store(info)
  }

  /// One region as `VFIO_DEVICE_GET_REGION_INFO` tells of it.
  struct Region {
    var size: UInt64 = 0
    var flags: UInt32 = 0
    var capabilities = CapabilityChain([])

    /// nil for an index that the device does not have; VGA is not built in.
    init?(index: Int, of device: VFIODevice) {
      let function = device.function.description
      let both = UInt32(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE)
      switch index {
      case 0...5:
        guard let bar = function.bar(index) else { return }
        size = bar.size
        flags = both
        guard bar.isMappable else { return }
        flags |= UInt32(VFIO_REGION_INFO_FLAG_MMAP)
        var entries: [CapabilityChain.Entry] = []
        if let areas = bar.sparseAreas { entries.append(Self.sparse(areas)) }
        if device.function.messageTable?.bar == index {
          entries.append(
            CapabilityChain.Entry(
              identifier: VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, body: []))
        }
        capabilities = CapabilityChain(entries)
      case Int(VFIO_PCI_ROM_REGION_INDEX):
        guard function.hasValidROM, let rom = function.rom else { return }
        size = rom.size
        flags = UInt32(VFIO_REGION_INFO_FLAG_READ)
      case Int(VFIO_PCI_CONFIG_REGION_INDEX):
        size = UInt64(device.function.config.size)
        flags = both
      default: return nil
      }
    }

    private static func sparse(_ areas: [HostArea]) -> CapabilityChain.Entry {
      var body = UserMemory.bytes(of: UInt32(areas.count)) + [0, 0, 0, 0]
      for area in areas {
        body += UserMemory.bytes(
          of: vfio_region_sparse_mmap_area(offset: area.offset, size: area.size))
      }
      return CapabilityChain.Entry(identifier: VFIO_REGION_INFO_CAP_SPARSE_MMAP, body: body)
    }
  }

  // MARK: Access

  func read(_ count: Int, at offset: UInt64, on host: SimulatedHost) throws(Errno) -> [UInt8] {
    guard isGranted else { throw .einval }
    guard count > 0 else { return [] }
    let (index, position) = Self.split(offset)
    switch index {
    case Int(VFIO_PCI_CONFIG_REGION_INDEX):
      return try device.readConfig(at: position, count: count)
    case Int(VFIO_PCI_ROM_REGION_INDEX):
      guard device.function.description.hasValidROM, let rom = device.function.description.rom
      else { throw .einval }
      let clipped = try Self.clip(count, at: position, size: rom.size)
      return (Int(position)..<Int(position) + clipped).map {
        rom.image.indices.contains($0) ? rom.image[$0] : 0xFF
      }
    case 0...5:
      let bar = try accessibleBAR(index)
      let clipped = try Self.clip(count, at: position, size: bar.size)
      guard !device.function.isGone else { return Array(repeating: 0xFF, count: clipped) }
      var bytes = try device.readBAR(bar, at: Int(position), count: clipped, on: host)
      if let table = device.function.messageTable, table.bar == index {
        for place in bytes.indices where table.range.contains(Int(position) + place) {
          bytes[place] = 0xFF
        }
      }
      return bytes
    default: throw .einval
    }
  }

  func write(_ bytes: [UInt8], at offset: UInt64, on host: SimulatedHost) throws(Errno) -> Int {
    guard isGranted else { throw .einval }
    guard !bytes.isEmpty else { return 0 }
    let (index, position) = Self.split(offset)
    switch index {
    case Int(VFIO_PCI_CONFIG_REGION_INDEX):
      try device.writeConfig(bytes, at: position, on: host)
      return bytes.count
    case 0...5:
      let bar = try accessibleBAR(index)
      let clipped = try Self.clip(bytes.count, at: position, size: bar.size)
      guard !device.function.isGone else { return clipped }
      try store(bytes.prefix(clipped), in: bar, at: Int(position), on: host)
      return clipped
    default: throw .einval
    }
  }

  /// Writes around the MSI-X table, whose bytes take nothing.
  private func store(
    _ bytes: ArraySlice<UInt8>, in bar: HostBAR, at position: Int, on host: SimulatedHost
  ) throws(Errno) {
    guard let table = device.function.messageTable, table.bar == bar.index,
      table.range.overlaps(position..<position + bytes.count)
    else {
      return try device.writeBAR(bar, at: position, bytes, on: host)
    }
    let before = max(0, min(bytes.count, table.range.lowerBound - position))
    if before > 0 { try device.writeBAR(bar, at: position, bytes.prefix(before), on: host) }
    let after = max(0, min(bytes.count, position + bytes.count - table.range.upperBound))
    if after > 0 {
      try device.writeBAR(
        bar, at: position + bytes.count - after, bytes.suffix(after), on: host)
    }
  }

  private func accessibleBAR(_ index: Int) throws(Errno) -> HostBAR {
    guard let bar = device.function.description.bar(index) else { throw .einval }
    guard bar.kind != .io else { return bar }
    guard device.decodesMemory else { throw .eio }
    return bar
  }

  static func split(_ offset: UInt64) -> (index: Int, position: UInt64) {
    (Int(offset >> regionShift), offset & (1 << regionShift - 1))
  }

  private static func clip(_ count: Int, at position: UInt64, size: UInt64) throws(Errno) -> Int {
    guard position < size else { throw .einval }
    return Int(min(UInt64(count), size - position))
  }

  // MARK: Mapping

  func mapRegion(_ request: MappingRequest, on host: SimulatedHost) throws(Errno) -> UInt {
    let (index, position) = Self.split(request.offset)
    guard let bar = device.function.description.bar(index), bar.isMappable, !request.isPrivate,
      request.length > 0, position.isMultiple(of: 4096)
    else { throw .einval }
    let length = (UInt64(request.length) + 4095) & ~4095
    let end = max(4096, bar.size)
    guard position <= end, length <= end - position else { throw .einval }
    if let areas = bar.sparseAreas {
      let fits = areas.contains {
        $0.offset <= position && position + length <= $0.offset + $0.size
      }
      guard fits else { throw .einval }
    }
    var real = request
    real.descriptor = try device.function.memory(bar).descriptor
    real.offset = position
    return try device.mappings.add(real, isReachable: device.isMemoryReachable)
  }
}

extension HostBAR {
  /// A memory BAR of a page or more can be mapped, unless all of it is registers of a model; a
  /// smaller one shares its page with others.
  package var isMappable: Bool { kind != .io && size >= 4096 && sparseAreas != [] }
}

extension FunctionState {
  /// The BAR and bytes of the MSI-X table, nil without one.
  package var messageTable: (bar: Int, range: Range<Int>)? {
    guard let offset = config.capability(.msix) else { return nil }
    let entries = Int(config.word(at: offset + 2) & 0x7FF) + 1
    let table = config.long(at: offset + 4)
    let start = Int(table & ~7)
    return (Int(table & 7), start..<start + entries * 16)
  }
}
