internal import CLinux
internal import HostKernel
internal import SystemPackage

/// Address spaces of an iommufd: what can be mapped, and mappings other than of memory.
extension ContractHost {
  // MARK: The caller's memory

  /// Reads 64 bits of this process's memory.
  func peek(_ address: UInt64) throws -> UInt64 {
    var value: UInt64 = 0
    for byte in (0..<UInt64(8)).reversed() {
      guard let pointer = unsafe UnsafePointer<UInt8>(bitPattern: UInt(address + byte)) else {
        throw ContractFailure("no memory at \(address)")
      }
      value = value << 8 | UInt64(unsafe pointer.pointee)
    }
    return value
  }

  /// Writes 64 bits into this process's memory.
  func poke(_ address: UInt64, _ value: UInt64) throws {
    for byte in 0..<UInt64(8) {
      guard let pointer = unsafe UnsafeMutablePointer<UInt8>(bitPattern: UInt(address + byte))
      else { throw ContractFailure("no memory at \(address)") }
      unsafe pointer.pointee = UInt8(truncatingIfNeeded: value >> (8 * byte))
    }
  }

  // MARK: What can be mapped

  /// An answer of `IOMMU_IOAS_IOVA_RANGES`, which is written even when there is too little room.
  struct Ranges {
    var list: [ClosedRange<UInt64>]
    var count: UInt32
    var alignment: UInt64
    var failure: Errno?

    /// What lies between and above the ranges, in ascending order.
    var holes: [ClosedRange<UInt64>] {
      var holes: [ClosedRange<UInt64>] = []
      var next: UInt64? = 0
      for range in list {
        if let first = next, first < range.lowerBound {
          holes.append(first...(range.lowerBound - 1))
        }
        next = range.upperBound == .max ? nil : range.upperBound + 1
      }
      if let next { holes.append(next...(.max)) }
      return holes
    }

    /// The first address above the aperture. Where that is all of 64 bits there is none, and it is
    /// one in the highest hole, which AMD's units have below 2^40.
    func outsideAperture() throws -> UInt64 {
      guard let hole = holes.last, !hole.contains(InterruptWindow.first) else {
        throw ContractSkip("the IOMMU translates every address but interrupts")
      }
      return hole.lowerBound
    }
  }

  /// An address that no page table of a function's IOMMU can hold.
  func addressOutsideAperture(of fixture: Fixture) throws -> UInt64 {
    let space = try space(fixture, isAttached: true)
    defer { close(space.device.descriptor) }
    return try ranges(space.iommufd, space.ioas).outsideAperture()
  }

  func ranges(
    _ iommufd: Int32, _ ioas: UInt32, room: UInt32 = 16, reserved: UInt32 = 0
  ) throws -> Ranges {
    let list = try memory(pages: 1)
    var command = iommu_ioas_iova_ranges(
      size: 32, ioas_id: ioas, num_iovas: room, __reserved: reserved, allowed_iovas: list,
      out_iova_alignment: 0)
    var failure: Errno?
    do throws(Errno) {
      try kernel.control(iommufd, UInt(IOMMU_IOAS_IOVA_RANGES), on: &command)
    } catch {
      failure = error
    }
    let entries = try (0..<UInt64(min(room, command.num_iovas))).map { index in
      let first = try peek(list + 16 * index)
      let last = try peek(list + 16 * index + 8)
      guard first <= last else { throw ContractFailure("range \(first)...\(last)") }
      return first...last
    }
    return Ranges(
      list: failure == nil ? entries : [], count: command.num_iovas,
      alignment: command.out_iova_alignment, failure: failure)
  }

  /// Restricts automatic placement; ends are included and may come in any order.
  func allow(
    _ iommufd: Int32, _ ioas: UInt32, _ ranges: [(first: UInt64, last: UInt64)]
  ) throws {
    let list = try memory(pages: 1)
    for (index, range) in ranges.enumerated() {
      try poke(list + 16 * UInt64(index), range.first)
      try poke(list + 16 * UInt64(index) + 8, range.last)
    }
    var command = iommu_ioas_allow_iovas(
      size: 24, ioas_id: ioas, num_iovas: UInt32(ranges.count), __reserved: 0,
      allowed_iovas: list)
    try kernel.control(iommufd, UInt(IOMMU_IOAS_ALLOW_IOVAS), on: &command)
  }

  // MARK: Mappings

  /// Removes everything and says how many bytes that was.
  @discardableResult
  func unmapAll(_ iommufd: Int32, _ ioas: UInt32) throws(Errno) -> UInt64 {
    try unmap(iommufd, ioas, at: 0, length: .max)
  }

  @discardableResult
  func mapFile(
    _ iommufd: Int32, _ ioas: UInt32, _ file: Int32, length: UInt64, at iova: UInt64
  ) throws(Errno) -> UInt64 {
    var command = iommu_ioas_map_file(
      size: 40, flags: 7, ioas_id: ioas, fd: file, start: 0, length: length, iova: iova)
    try kernel.control(iommufd, UInt(IOMMU_IOAS_MAP_FILE), on: &command)
    return command.iova
  }

  /// Copies `source` to `target`, two address spaces with an address in each.
  @discardableResult
  func copy(
    _ iommufd: Int32, _ source: (ioas: UInt32, iova: UInt64), length: UInt64,
    to target: (ioas: UInt32, iova: UInt64), flags: UInt32 = 7
  ) throws(Errno) -> UInt64 {
    var command = iommu_ioas_copy(
      size: 40, flags: flags, dst_ioas_id: target.ioas, src_ioas_id: source.ioas, length: length,
      dst_iova: target.iova, src_iova: source.iova)
    try kernel.control(iommufd, UInt(IOMMU_IOAS_COPY), on: &command)
    return command.dst_iova
  }

  /// A memory file of some pages.
  func memoryFile(pages count: UInt64) throws(Errno) -> Int32 {
    adopt(try MemoryCalls.makeMemoryDescriptor(name: "contract", size: 4096 * count))
  }

  /// `IOMMU_OPTION`: gives the value that it reports.
  @discardableResult
  func option(
    _ iommufd: Int32, _ identifier: Int32, _ operation: Int32, object: UInt32 = 0,
    value: UInt32 = 0
  ) throws(Errno) -> UInt32 {
    try call(
      iommufd, IOMMU_OPTION,
      [24, UInt32(identifier), UInt32(operation), object, value, 0])[4]
  }

  // MARK: Devices with address spaces

  /// A device bound to a context of its own that has an address space.
  struct Space {
    var iommufd: Int32
    var device: Bound
    var ioas: UInt32
  }

  /// A device with an address space that it is attached to or not.
  func space(_ fixture: Fixture, isAttached: Bool) throws -> Space {
    let iommufd = try iommufd()
    let device = try bound(fixture, iommufd)
    let ioas = try allocateIOAS(iommufd)
    if isAttached { try attach(device.descriptor, ioas) }
    return Space(iommufd: iommufd, device: device, ioas: ioas)
  }
}

/// The window in which interrupt messages go, on every x86 host.
enum InterruptWindow {
  static let first: UInt64 = 0xFEE0_0000
  static let last: UInt64 = 0xFEEF_FFFF
}
