import CLinux
import Glibc
import HostKernel
import PCI
import SimulatedKernel
import SystemPackage
import Testing

/// A host with test devices, one of them open, and the accesses that a guest's driver makes.
struct TestDeviceHost {
  enum Backend: CaseIterable, Sendable {
    case iommufd
    case type1
    case compatible
  }

  static let single = PCIAddress("0000:84:00.0") ?? PCIAddress(bus: 0, devfn: 0)

  let host: ContractHost
  let device: Int32
  private let backend: Backend
  private let container: Int32
  private let ioas: UInt32

  /// Opens the device and attaches it; with bus mastering on unless told otherwise.
  init(
    _ backend: Backend = .iommufd, isMaster: Bool = true, exportsDMABuffers: Bool = false
  ) throws {
    host = try ContractHost("test-device") { $0.exportsDMABuffers = exportsDMABuffers }
    self.backend = backend
    switch backend {
    case .iommufd:
      container = try host.iommufd()
      device = try host.bound(Self.single, container).descriptor
      ioas = try host.allocateIOAS(container)
      try host.attach(device, ioas)
    case .type1, .compatible:
      container = backend == .type1 ? try host.container() : try host.iommufd()
      ioas = 0
      let group = try host.usableGroup(15, container: container)
      device = try host.device(group, "\(Self.single)")
    }
    try setCommand(isMaster ? 0x107 : 0x103)
  }

  func setCommand(_ value: UInt64) throws { try host.setConfig(device, 4, value, width: 2) }

  /// Maps memory of the process for the device.
  func map(
    _ address: UInt64, pages: Int = 1, at iova: UInt64, isReadable: Bool = true,
    isWritable: Bool = true
  ) throws {
    let length = UInt64(4096 * pages)
    if backend == .iommufd {
      try host.map(
        container, ioas, address, length: length, at: iova,
        flags: (isWritable ? 2 : 0) | (isReadable ? 4 : 0))
      return
    }
    var command = vfio_iommu_type1_dma_map()
    command.argsz = 32
    command.flags = (isReadable ? 1 : 0) | (isWritable ? 2 : 0)
    command.vaddr = address
    command.iova = iova
    command.size = length
    try host.kernel.control(container, UInt(VFIO_IOMMU_MAP_DMA), on: &command)
  }

  func unmap(at iova: UInt64, pages: Int = 1) throws {
    let length = UInt64(4096 * pages)
    if backend == .iommufd {
      _ = try host.unmap(container, ioas, at: iova, length: length)
      return
    }
    var command = vfio_iommu_type1_dma_unmap()
    command.argsz = 24
    command.iova = iova
    command.size = length
    try host.kernel.control(container, UInt(VFIO_IOMMU_UNMAP_DMA), on: &command)
  }

  /// Maps pages of a memory file for the device. Only an iommufd can.
  func map(file: Int32, start: UInt64, pages: Int, at iova: UInt64) throws {
    var command = iommu_ioas_map_file()
    command.size = UInt32(MemoryLayout<iommu_ioas_map_file>.size)
    command.flags = 7
    command.ioas_id = ioas
    command.fd = file
    command.start = start
    command.length = UInt64(4096 * pages)
    command.iova = iova
    try host.kernel.control(container, UInt(IOMMU_IOAS_MAP_FILE), on: &command)
  }

  // MARK: Registers

  func register(_ offset: UInt64) throws -> UInt32 {
    ContractHost.words(try host.read(device, offset, count: 4)).first ?? 0
  }

  func set(_ offset: UInt64, _ value: UInt32) throws {
    try host.write(device, offset, ContractHost.bytes([value]))
  }

  // MARK: DMA

  enum Direction: UInt32 {
    case memoryToMemory = 1
    case memoryToDevice = 2
    case deviceToMemory = 3
  }

  /// Starts a transfer and gives the status, with which a paced one has moved a page.
  func transfer(
    _ direction: Direction = .memoryToMemory, from source: UInt64, to destination: UInt64,
    count: UInt32, isPaced: Bool = false
  ) throws -> UInt32 {
    try set(0x40, UInt32(truncatingIfNeeded: source))
    try set(0x44, UInt32(source >> 32))
    try set(0x48, UInt32(truncatingIfNeeded: destination))
    try set(0x4C, UInt32(destination >> 32))
    try set(0x50, count)
    try set(0x54, direction.rawValue | (isPaced ? 0x100 : 0))
    return try register(0x58)
  }

  var faultAddress: UInt64 {
    get throws { UInt64(try register(0x64)) | UInt64(try register(0x68)) << 32 }
  }

  var faults: [DMAFault] {
    get throws { try host.kernel.dmaFaults(of: Self.single) }
  }

  // MARK: Interrupts

  /// Turns a kind of interrupt on with one event for each vector and gives the events.
  func enable(_ index: Int32, vectors: Int) throws -> [Int32] {
    let events = try (0..<vectors).map { _ in try host.event() }
    try host.setInterrupts(device, index: index, flags: VFIO_IRQ_SET_ACTION_TRIGGER, events: events)
    return events
  }

  func disable(_ index: Int32) throws {
    try host.setInterrupts(device, index: index, flags: VFIO_IRQ_SET_ACTION_TRIGGER, count: 0)
  }

  func raise(_ vector: UInt32) throws { try set(0x28, vector) }
}
