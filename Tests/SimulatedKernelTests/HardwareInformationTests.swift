import CLinux
import SimulatedKernel
import Testing

/// What `IOMMU_GET_HW_INFO` tells behind units that no fixture of the contract has.
@Suite("Hardware information of other IOMMUs")
struct HardwareInformationTests {
  @Test("an AMD unit gives its two feature registers and one PASID bit less")
  func amd() throws {
    let host = try ContractHost { description in
      for index in description.iommus.indices where description.iommus[index].name == "scalable" {
        description.iommus[index].kind = .amd(features: 7, features2: 9)
        description.iommus[index].pasidLimit = (1 << 20) - 1
      }
    }
    let fd = try host.iommufd()
    let p = try host.bound(ContractHost.p, fd)
    let buffer = try host.memory(pages: 1)
    try pokeWords(buffer, [.max, .max, .max, .max, .max])
    let words = try host.call(
      fd, IOMMU_GET_HW_INFO,
      [
        40, 0, p.identifier, 20, UInt32(truncatingIfNeeded: buffer), UInt32(buffer >> 32), 0, 0, 0,
        0,
      ])
    #expect(words[3] == 16)
    #expect(words[6] == 4)
    #expect(words[7] == 19)
    #expect(try (0..<5).map { try peekWord(buffer + UInt64($0) * 4) } == [7, 0, 9, 0, 0])
  }
}
