internal import CLinux
package import HostKernel
internal import SystemPackage
package import Tracing

/// `-object iommufd`: one iommufd context, opened for its first device and closed with its last.
///
/// Used under the machine lock.
package final class IOMMUFDObject {
  package let id: String
  private let kernel: any HostKernel
  private let tracer: Tracer
  /// A descriptor from outside, never opened or closed here.
  private let given: Int32?
  private var owned: HostDescriptor?
  private(set) var users = 0

  /// Makes the object; `given` is an already open `/dev/iommu`.
  package init(id: String, given: Int32?, kernel: any HostKernel, tracer: Tracer) {
    self.id = id
    self.given = given
    self.kernel = kernel
    self.tracer = tracer
    if let given { tracer.emit(.iommuBackendSetFd, [.number(given)]) }
  }

  /// The descriptor's number, -1 while closed.
  package var descriptorNumber: Int32 {
    if let given { return given }
    return owned?.rawValue ?? -1
  }

  /// Adds a user; the first one opens `/dev/iommu`.
  func connect() throws(Errno) {
    if given == nil, owned == nil {
      owned = try HostDescriptor(opening: "/dev/iommu", .readWrite, on: kernel)
    }
    users += 1
    tracer.emit(
      .iommufdBackendConnect,
      [.number(descriptorNumber), .flag(given == nil), .number(users)])
  }

  /// Removes a user; the last one closes the descriptor.
  func disconnect() {
    users -= 1
    if users == 0 { owned = nil }
    tracer.emit(.iommufdBackendDisconnect, [.number(descriptorNumber), .number(users)])
  }

  /// Makes an I/O address space and gives its id (`IOMMU_IOAS_ALLOC`).
  func allocateIOAS() throws(Errno) -> UInt32 {
    var argument = iommu_ioas_alloc()
    argument.size = UInt32(MemoryLayout<iommu_ioas_alloc>.size)
    try control(IOMMU_IOAS_ALLOC, &argument)
    tracer.emit(
      .iommufdBackendAllocIoas,
      [.number(descriptorNumber), .number(argument.out_ioas_id)])
    return argument.out_ioas_id
  }

  /// Makes a page table for a device over an IOAS and gives its id (`IOMMU_HWPT_ALLOC`).
  func allocateHWPT(
    device: UInt32, parent: UInt32, flags: UInt32 = 0
  ) throws(Errno) -> UInt32 {
    var argument = iommu_hwpt_alloc()
    argument.size = UInt32(MemoryLayout<iommu_hwpt_alloc>.size)
    argument.flags = flags
    argument.dev_id = device
    argument.pt_id = parent
    var failure: Errno?
    do throws(Errno) { try control(IOMMU_HWPT_ALLOC, &argument) } catch { failure = error }
    tracer.emit(
      .iommufdBackendAllocHwpt,
      [
        .number(descriptorNumber), .number(device), .number(parent), .number(flags),
        .number(0), .number(0), .number(0), .number(argument.out_hwpt_id),
        .number(failure == nil ? 0 : -1),
      ])
    if let failure { throw failure }
    return argument.out_hwpt_id
  }

  /// Destroys an object; a failure is traced and otherwise harmless (`IOMMU_DESTROY`).
  func free(_ object: UInt32) {
    var argument = iommu_destroy()
    argument.size = UInt32(MemoryLayout<iommu_destroy>.size)
    argument.id = object
    var result = 0
    do throws(Errno) { try control(IOMMU_DESTROY, &argument) } catch { result = -1 }
    tracer.emit(
      .iommufdBackendFreeId,
      [.number(descriptorNumber), .number(object), .number(result)])
  }

  /// Maps memory of this process at a fixed address (`IOMMU_IOAS_MAP`).
  func map(
    ioas: UInt32, iova: UInt64, size: UInt64, address: UInt, isReadOnly: Bool
  ) throws(Errno) {
    var argument = iommu_ioas_map()
    argument.size = UInt32(MemoryLayout<iommu_ioas_map>.size)
    argument.flags = Self.mapFlags(isReadOnly: isReadOnly)
    argument.ioas_id = ioas
    argument.user_va = UInt64(address)
    argument.length = size
    argument.iova = iova
    var failure: Errno?
    do throws(Errno) { try control(IOMMU_IOAS_MAP, &argument) } catch { failure = error }
    tracer.emit(
      .iommufdBackendMapDma,
      [
        .number(descriptorNumber), .number(ioas), .number(iova), .number(size),
        .number(address), .flag(isReadOnly), .number(failure == nil ? 0 : -1),
      ])
    if let failure { throw failure }
  }

  /// Maps memory of a file at a fixed address (`IOMMU_IOAS_MAP_FILE`).
  func mapFile(
    ioas: UInt32, iova: UInt64, size: UInt64, descriptor: Int32, start: UInt64,
    isReadOnly: Bool
  ) throws(Errno) {
    var argument = iommu_ioas_map_file()
    argument.size = UInt32(MemoryLayout<iommu_ioas_map_file>.size)
    argument.flags = Self.mapFlags(isReadOnly: isReadOnly)
    argument.ioas_id = ioas
    argument.fd = descriptor
    argument.start = start
    argument.length = size
    argument.iova = iova
    var failure: Errno?
    do throws(Errno) { try control(IOMMU_IOAS_MAP_FILE, &argument) } catch { failure = error }
    tracer.emit(
      .iommufdBackendMapFileDma,
      [
        .number(descriptorNumber), .number(ioas), .number(iova), .number(size),
        .number(descriptor), .number(start), .flag(isReadOnly),
        .number(failure == nil ? 0 : -1),
      ])
    if let failure { throw failure }
  }

  /// Unmaps a range; nothing mapped there counts as success (`IOMMU_IOAS_UNMAP`).
  func unmap(ioas: UInt32, iova: UInt64, size: UInt64) throws(Errno) {
    var argument = iommu_ioas_unmap()
    argument.size = UInt32(MemoryLayout<iommu_ioas_unmap>.size)
    argument.ioas_id = ioas
    argument.iova = iova
    argument.length = size
    var failure: Errno?
    do throws(Errno) { try control(IOMMU_IOAS_UNMAP, &argument) } catch { failure = error }
    tracer.emit(
      failure == .noSuchFileOrDirectory
        ? .iommufdBackendUnmapDmaNonExist : .iommufdBackendUnmapDma,
      [
        .number(descriptorNumber), .number(ioas), .number(iova), .number(size),
        .number(failure == nil || failure == .noSuchFileOrDirectory ? 0 : -1),
      ])
    if let failure, failure != .noSuchFileOrDirectory { throw failure }
  }

  /// Asks for the IOMMU behind a device, its own data included (`IOMMU_GET_HW_INFO`).
  func hardwareInfo(device: UInt32) throws(Errno) -> HardwareInfo {
    // No type's structure is larger today; the kernel says how much of its own it has.
    var data = [UInt64](repeating: 0, count: 16)
    let capacity = data.count * MemoryLayout<UInt64>.size
    var argument = iommu_hw_info()
    argument.size = UInt32(MemoryLayout<iommu_hw_info>.size)
    argument.dev_id = device
    argument.data_len = UInt32(capacity)
    var result: Result<Void, Errno> = .success(())
    let bytes = unsafe data.withUnsafeMutableBytes { buffer -> [UInt8] in
      argument.data_uptr = UInt64(UInt(bitPattern: buffer.baseAddress))
      do throws(Errno) {
        try control(IOMMU_GET_HW_INFO, &argument)
      } catch {
        result = .failure(error)
      }
      return unsafe Array(buffer.prefix(min(capacity, Int(argument.data_len))))
    }
    try result.get()
    return HardwareInfo(
      type: argument.out_data_type, data: bytes,
      maxPASIDLog2: argument.out_max_pasid_log2, capabilities: argument.out_capabilities)
  }

  func control<Argument: BitwiseCopyable>(
    _ request: some BinaryInteger, _ argument: inout Argument
  ) throws(Errno) {
    try kernel.control(
      descriptorNumber, UInt(UInt32(truncatingIfNeeded: request)), on: &argument)
  }

  private static func mapFlags(isReadOnly: Bool) -> UInt32 {
    let flags =
      IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE
      | (isReadOnly ? 0 : IOMMU_IOAS_MAP_WRITEABLE)
    return UInt32(flags)
  }
}
