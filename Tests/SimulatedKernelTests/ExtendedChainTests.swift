import PCI
import SimulatedKernel
import Testing

@Suite("Chains of extended capabilities as a user sees them")
struct ExtendedChainTests {
  private static func offsets(_ machine: String) throws -> (walk: [Int], CapabilityWalk.Problem?) {
    let host = try ContractHost(machine)
    let iommufd = try host.iommufd()
    let address = try #require(PCIAddress("0000:00:06.0"))
    let device = try host.bound(address, iommufd)
    defer {
      host.close(device.descriptor)
      host.close(iommufd)
    }
    let bytes = try host.read(device.descriptor, ContractHost.config, count: 4096)
    let walk = CapabilityWalk.extended(in: bytes)
    return (walk.capabilities.map(\.offset), walk.problem)
  }

  @Test("a hidden capability is skipped, and a chain that ends in one ends before it")
  func hidden() throws {
    let (offsets, problem) = try Self.offsets("chain-end")
    #expect(offsets == [0x100, 0x160])
    #expect(problem == nil)
  }

  @Test("a loop stays a loop")
  func loop() throws {
    let (offsets, problem) = try Self.offsets("looped-chain")
    #expect(offsets == [0x100, 0x160, 0x170])
    #expect(problem == .loop(at: 0x100))
  }

  @Test("a loop into the middle and one of a single capability stay what they are")
  func otherLoops() throws {
    for (next, start) in [(0x170, 0x170), (0x160, 0x160), (0x103, 0x103)] {
      let host = try ContractHost("looped-chain") { description in
        for index in description.functions.indices {
          description.functions[index].config.set(
            UInt64(next) << 4 | 1, at: 0x172, width: 2)
        }
      }
      let iommufd = try host.iommufd()
      let device = try host.bound(try #require(PCIAddress("0000:00:06.0")), iommufd)
      let bytes = try host.read(device.descriptor, ContractHost.config, count: 4096)
      let walk = CapabilityWalk.extended(in: bytes)
      #expect(walk.capabilities.map(\.offset) == [0x100, 0x160, 0x170])
      #expect(walk.problem == (start & 3 == 0 ? .loop(at: start) : .misaligned(at: start)))
      host.close(device.descriptor)
      host.close(iommufd)
    }
  }

  @Test("a link that is given leads there, and one that is not a link is a mistake")
  func next() throws {
    let text = """
      iommus: [{ name: u, type: silent }]
      functions:
        - address: "0000:00:06.0"
          vendor: 1
          device: 1
          class: 0
          iommu-group: 1
          iommu: u
          capabilities: [{ id: pcie, at: 0x40 }]
          extended-capabilities:
            - { id: ats, at: 0x100, next: 0x120 }
            - { id: ltr, at: 0x110, next: 0 }
            - { id: acs, at: 0x120 }
      """
    let config = try #require(
      try HostDescription(parsing: Array(text.utf8), file: "f").functions.first?.config)
    #expect(config.long(at: 0x100) >> 20 == 0x120)
    #expect(config.long(at: 0x110) >> 20 == 0)
    #expect(config.extendedCapabilities.map(\.offset) == [0x100, 0x120])
    let wrong = Array(text.replacing("next: 0x120", with: "next: 0x1000").utf8)
    #expect(throws: HostDescriptionError.self) { try HostDescription(parsing: wrong, file: "f") }
  }
}
