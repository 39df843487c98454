internal import CLinux
internal import HostKernel
internal import PCI
internal import SimulatedKernel
internal import SystemPackage

/// Measures calls on a simulated host of 256 functions in 64 groups, all of them bound and attached.
struct SimulatorBenchmark {
  static let functionCount = 256
  static let groupSize = 4

  private let kernel: SimulatedKernel
  private let iommufd: Int32
  private let ioas: UInt32
  private let devices: [Int32]

  /// Builds the host from copies of the function 0000:83:00.0 of a description, and opens it all.
  init(template path: String) throws {
    var description = try HostDescription(contentsOf: path)
    guard let template = description.functions.first(where: { $0.address.bus == 0x83 }) else {
      throw Errno.noSuchFileOrDirectory
    }
    description.buses = []
    description.functions = (0..<Self.functionCount).map { number in
      var function = template
      function.address = PCIAddress(
        domain: 1, bus: UInt8(number / 8), devfn: UInt8(number % 8))
      function.group = UInt32(number / Self.groupSize)
      return function
    }
    kernel = SimulatedKernel(description)
    iommufd = try kernel.open("/dev/iommu", .readWrite)
    var allocate = iommu_ioas_alloc(size: 12, flags: 0, out_ioas_id: 0)
    try kernel.control(iommufd, UInt(IOMMU_IOAS_ALLOC), on: &allocate)
    ioas = allocate.out_ioas_id
    devices = try (0..<Self.functionCount).map { [kernel, iommufd, ioas] number in
      let device = try kernel.open("/dev/vfio/devices/vfio\(number)", .readWrite)
      var bind = vfio_device_bind_iommufd()
      bind.argsz = UInt32(MemoryLayout<vfio_device_bind_iommufd>.size)
      bind.iommufd = iommufd
      try kernel.control(device, UInt(VFIO_DEVICE_BIND_IOMMUFD), on: &bind)
      var attach = vfio_device_attach_iommufd_pt()
      attach.argsz = 12
      attach.pt_id = ioas
      try kernel.control(device, UInt(VFIO_DEVICE_ATTACH_IOMMUFD_PT), on: &attach)
      return device
    }
  }

  /// One round over all functions: region information, interrupt information, a config read, a mapping
  /// and its end. Gives how many calls that were.
  func round() throws -> Int {
    let page = try kernel.map(MappingRequest(descriptor: nil, length: 4096, isWritable: true))
    defer { kernel.unmap(address: page, length: 4096) }
    for (number, device) in devices.enumerated() {
      var region = vfio_region_info()
      region.argsz = 32
      try kernel.control(device, UInt(VFIO_DEVICE_GET_REGION_INFO), on: &region)
      var interrupt = vfio_irq_info()
      interrupt.argsz = 16
      interrupt.index = 2
      try kernel.control(device, UInt(VFIO_DEVICE_GET_IRQ_INFO), on: &interrupt)
      var word = [UInt8](repeating: 0, count: 4)
      var elements = word.mutableSpan
      var span = unsafe elements.mutableBytes
      _ = try kernel.read(device, into: &span, at: 7 << 40)
      var map = iommu_ioas_map()
      map.size = 40
      map.flags = 7
      map.ioas_id = ioas
      map.user_va = UInt64(page)
      map.length = 4096
      map.iova = UInt64(number) << 12
      try kernel.control(iommufd, UInt(IOMMU_IOAS_MAP), on: &map)
    }
    for number in devices.indices {
      var unmap = iommu_ioas_unmap(
        size: 24, ioas_id: ioas, iova: UInt64(number) << 12, length: 4096)
      try kernel.control(iommufd, UInt(IOMMU_IOAS_UNMAP), on: &unmap)
    }
    return 5 * devices.count
  }

  /// Calls per second, the best of several rounds.
  func callsPerSecond(rounds: Int) throws -> Double {
    var best = 0.0
    for _ in 0..<rounds {
      var calls = 0
      let duration = try ContinuousClock().measure { calls = try round() }
      let (seconds, attoseconds) = duration.components
      best = max(best, Double(calls) / (Double(seconds) + Double(attoseconds) / 1e18))
    }
    return best
  }
}
