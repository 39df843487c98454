internal import CLinux
internal import SimulatedKernel
internal import SystemPackage

/// What the regions of the function are, and what is in them.
extension ServedFunction {
  /// One region as the client is told of it.
  struct Region {
    var size: UInt64 = 0
    var isReadable = false
    var isWritable = false
    /// The areas that can be mapped through the region's descriptor; nil for none, empty for all of it.
    var areas: [HostArea]?
  }

  /// The region of an index; one without bytes when the function lacks it. Throws `EINVAL` for an index
  /// that PCI functions do not have.
  func region(_ index: UInt32) throws(Errno) -> Region {
    switch Int32(bitPattern: index) {
    case 0...5:
      guard let bar = function.description.bar(Int(index)) else { return Region() }
      return Region(
        size: bar.size, isReadable: true, isWritable: true,
        areas: bar.isMappable ? bar.sparseAreas ?? [] : nil)
    case VFIO_PCI_ROM_REGION_INDEX:
      guard let rom = function.description.rom else { return Region() }
      return Region(size: rom.size, isReadable: true)
    case VFIO_PCI_CONFIG_REGION_INDEX:
      return Region(size: UInt64(function.config.size), isReadable: true, isWritable: true)
    case VFIO_PCI_VGA_REGION_INDEX: return Region()
    default: throw .invalidArgument
    }
  }

  /// The memory file of a BAR that can be mapped. Throws as its making does.
  func descriptor(ofBAR index: UInt32) throws(Errno) -> Int32 {
    guard let bar = function.description.bar(Int(index)) else { throw .invalidArgument }
    return try function.memory(bar).descriptor
  }

  /// Reads bytes. Throws `EINVAL` for an access that is not all in the region.
  func read(_ index: UInt32, at offset: UInt64, count: UInt32) throws(Errno) -> [UInt8] {
    let region = try region(index)
    guard region.isReadable else { throw .invalidArgument }
    let start = try Self.start(offset, count: UInt64(count), in: region)
    let range = start..<start + Int(count)
    switch Int32(bitPattern: index) {
    case VFIO_PCI_CONFIG_REGION_INDEX: return Array(function.config.bytes[range])
    case VFIO_PCI_ROM_REGION_INDEX:
      let image = function.description.rom?.image ?? []
      return range.map { image.indices.contains($0) ? image[$0] : 0xFF }
    default:
      guard let bar = function.description.bar(Int(index)) else { throw .invalidArgument }
      return try function.readBAR(bar, at: start, count: Int(count), on: bus)
    }
  }

  /// Writes bytes. Throws `EINVAL` for an access that is not all in the region.
  func write(_ bytes: [UInt8], _ index: UInt32, at offset: UInt64) throws(Errno) {
    let region = try region(index)
    guard region.isWritable else { throw .invalidArgument }
    let start = try Self.start(offset, count: UInt64(bytes.count), in: region)
    if Int32(bitPattern: index) == VFIO_PCI_CONFIG_REGION_INDEX {
      return writeConfig(bytes, at: start)
    }
    guard let bar = function.description.bar(Int(index)) else { throw .invalidArgument }
    try function.writeBAR(bar, at: start, bytes[...], on: bus)
  }

  private static func start(
    _ offset: UInt64, count: UInt64, in region: Region
  ) throws(Errno) -> Int {
    guard offset <= region.size, count <= region.size - offset, count <= UInt64(Limit.transfer)
    else { throw .invalidArgument }
    return Int(offset)
  }
}
