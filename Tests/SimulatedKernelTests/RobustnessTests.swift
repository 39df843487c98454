import CLinux
import HostKernel
import PCI
import SimulatedKernel
import SystemPackage
import TestSupport
import Testing

@Suite("Arguments that make no sense")
struct RobustnessTests {
  /// Sizes that a caller may claim; the first word of every structure.
  private static let sizes: [UInt32] = [
    0, 8, 11, 12, 16, 20, 24, 28, 32, 40, 48, 64, 4096, .max,
  ]
  /// Small numbers and extremes: no word, and no two of them, is an address of this process.
  private static let words: [UInt32] = [0, 1, 2, 3, 4, 5, 0x21, 0x24, .max, .max - 1]

  @Test("no sequence of commands traps, and closing ends all of it", arguments: 0..<60)
  func commands(_ seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let host = try ContractHost()
    let iommufd = try host.iommufd()
    let container = try host.container()
    let group = try host.usableGroup(16, container: container)
    var files = [
      iommufd, container, group, try host.device(group, "0000:82:00.0"),
      try host.bound(ContractHost.a0, iommufd).descriptor, try host.node(ContractHost.n),
    ]
    for _ in 0..<400 {
      let file = files.randomElement(using: &generator) ?? iommufd
      let command =
        Bool.random(using: &generator)
        ? Int32.random(in: 0x3B64...0x3B7A, using: &generator)
        : Int32.random(in: 0x3B80...0x3B95, using: &generator)
      var bytes = ContractHost.bytes([Self.sizes.randomElement(using: &generator) ?? 0])
      for _ in 0..<Int.random(in: 0...12, using: &generator) {
        bytes += ContractHost.bytes([Self.words.randomElement(using: &generator) ?? 0])
      }
      _ = Result { try host.call(file, command, &bytes) }
      let position = UInt64.random(in: 0...9, using: &generator) << 40 | UInt64(command & 0xFFF)
      _ = Result { try host.read(file, position, count: Int(command & 15)) }
      _ = Result { try host.write(file, position, Array(bytes.prefix(9))) }
    }
    files += [-1, 4095]
    for file in files.reversed() { host.close(file) }
    for line in host.kernel.openObjects {
      #expect(line.hasPrefix("descriptor"), "\(line) is held by nothing that is open")
    }
  }

  @Test("numbers near the top of the address space are refused", arguments: [3, 1] as [UInt])
  func extremes(_ backend: UInt) throws {
    let host = try ContractHost()
    let container = try host.container()
    _ = try host.usableGroup(14, container: container, backend: backend)
    let edges: [UInt64] = [0, 1, 0xFFF, 0x1000, .max - 0x1000, .max - 0xFFF, .max - 1, .max]
    for iova in edges {
      for size in edges {
        for address in edges {
          #expect(throws: Errno.self) {
            try map(host, container, address, at: iova, size: size)
          }
        }
        _ = Result { try unmap(host, container, at: iova, size: size) }
      }
    }
  }

  private func map(
    _ host: ContractHost, _ container: Int32, _ address: UInt64, at iova: UInt64, size: UInt64
  ) throws {
    var command = vfio_iommu_type1_dma_map(
      argsz: 32, flags: 3, vaddr: address, iova: iova, size: size)
    try host.kernel.control(container, UInt(VFIO_IOMMU_MAP_DMA), on: &command)
  }

  private func unmap(
    _ host: ContractHost, _ container: Int32, at iova: UInt64, size: UInt64
  ) throws {
    var bytes = ContractHost.bytes([
      24, 0, UInt32(truncatingIfNeeded: iova), UInt32(iova >> 32),
      UInt32(truncatingIfNeeded: size), UInt32(size >> 32),
    ])
    try host.call(container, VFIO_IOMMU_UNMAP_DMA, &bytes)
  }

  @Test("a kernel that goes away closes what its users left open")
  func abandoned() throws {
    let during = try abandon()
    #expect(during == 2)
    #expect(descriptorsOfAbandonedHost() == 0)
  }

  /// Leaves a device file and a mapping open; gives how many descriptors name the function meanwhile.
  private func abandon() throws -> Int {
    let host = try ContractHost("nvme-flr") { description in
      let address = PCIAddress(domain: 0xABAD, bus: 0x83, devfn: 0)
      description.functions[0].address = address
      description.buses[0].address = address.busAddress
    }
    let group = try host.usableGroup(14, container: try host.container())
    let device = try host.device(group, "abad:83:00.0")
    _ = try host.kernel.map(MappingRequest(descriptor: device, length: 4096))
    return descriptorsOfAbandonedHost()
  }

  private func descriptorsOfAbandonedHost() -> Int {
    let kernel = LinuxKernel()
    let names = (try? kernel.entries(of: "/proc/self/fd")) ?? []
    return names.count { name in
      ((try? kernel.link(at: "/proc/self/fd/\(name)")) ?? "").contains("abad:83:00.0")
    }
  }
}
