import CLinux
import SimulatedKernel
import SystemPackage
import TestSupport
import Testing

@Suite("Properties of address spaces")
struct AddressSpaceModelTests {
  /// The slow, obvious model: which page belongs to which mapping.
  private struct Model {
    var pages: [UInt64: Int] = [:]
    var lengths: [Int: UInt64] = [:]
    private var made = 0

    mutating func map(_ start: UInt64, _ count: UInt64) -> Bool {
      let wanted = start..<start + count
      guard wanted.allSatisfy({ pages[$0] == nil }) else { return false }
      made += 1
      for page in wanted { pages[page] = made }
      lengths[made] = count
      return true
    }

    /// Gives the pages removed and whether a mapping was cut.
    mutating func unmap(_ start: UInt64, _ count: UInt64) -> (removed: UInt64, isCut: Bool) {
      var removed: UInt64 = 0
      var page = start
      while page < start + count {
        guard let mapping = pages[page], let length = lengths[mapping] else {
          page += 1
          continue
        }
        let members = pages.filter { $0.value == mapping }.map(\.key)
        guard members.allSatisfy({ (start..<start + count).contains($0) }) else {
          return (removed, true)
        }
        for member in members { pages[member] = nil }
        lengths[mapping] = nil
        removed += length
        page += length
      }
      return (removed, false)
    }
  }

  @Test("map and unmap agree with a page-by-page model", arguments: 0..<40)
  func mapAndUnmap(_ seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let host = try ContractHost()
    let iommufd = try host.iommufd()
    let ioas = try host.allocateIOAS(iommufd)
    let memory = try host.memory(pages: 16)
    if seed.isMultiple(of: 2) {
      try host.attach(try host.bound(ContractHost.n, iommufd).descriptor, ioas)
    }
    var model = Model()
    for _ in 0..<120 {
      let start = UInt64.random(in: 0..<64, using: &generator)
      let count = UInt64.random(in: 1...8, using: &generator)
      if Bool.random(using: &generator) {
        let fits = model.map(start, count)
        let result = Result {
          try host.map(iommufd, ioas, memory, length: count * 4096, at: start * 4096)
        }
        #expect((try? result.get()) == (fits ? start * 4096 : nil))
      } else {
        let expected = model.unmap(start, count)
        let result = Result {
          try host.unmap(iommufd, ioas, at: start * 4096, length: count * 4096)
        }
        let succeeds = !expected.isCut && expected.removed > 0
        #expect((try? result.get()) == (succeeds ? expected.removed * 4096 : nil))
      }
    }
    let left = UInt64(model.pages.count) * 4096
    #expect(try host.unmap(iommufd, ioas, at: 0, length: .max) == left)
  }

  @Test("automatic placement never overlaps, is aligned and repeatable", arguments: 0..<20)
  func placement(_ seed: UInt64) throws {
    func places() throws -> [ClosedRange<UInt64>] {
      var generator = SeededGenerator(seed: seed)
      let host = try ContractHost()
      let iommufd = try host.iommufd()
      let ioas = try host.allocateIOAS(iommufd)
      let memory: UInt64 = 0x7000_0000_0000
      return try (0..<60).map { _ in
        let length = UInt64.random(in: 1...600, using: &generator) * 4096
        let offset = UInt64.random(in: 0..<16, using: &generator) * 4096
        let iova = try host.map(iommufd, ioas, memory + offset, length: length)
        #expect(iova >= 4096)
        #expect(iova.isMultiple(of: 4096))
        return iova...(iova + length - 1)
      }
    }
    let first = try places()
    for (index, range) in first.enumerated() {
      #expect(!first[..<index].contains { $0.overlaps(range) })
    }
    #expect(try places() == first)
  }

  @Test("config reads see exactly what writes may change", arguments: 0..<30)
  func configWrites(_ seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let host = try ContractHost()
    let n = try host.bound(ContractHost.n, try host.iommufd()).descriptor
    let before = try host.read(n, ContractHost.config, count: 4096)
    let identity = Array(before[0..<4]) + Array(before[8..<12])
    for _ in 0..<200 {
      let offset = UInt64.random(in: 0..<4096, using: &generator)
      let count = min(Int.random(in: 1...8, using: &generator), 4096 - Int(offset))
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      #expect(try host.write(n, ContractHost.config + offset, bytes) == count)
    }
    let after = try host.read(n, ContractHost.config, count: 4096)
    #expect(Array(after[0..<4]) + Array(after[8..<12]) == identity)
    #expect(after[0x34] == before[0x34])
    for offset in [0x41, 0x61, 0x81, 0xC1] { #expect(after[offset] == before[offset]) }
    #expect(after[0x102...0x103] == before[0x102...0x103])
    #expect(try host.config(n, 0x10, width: 4) & 0x3FFF == 4)
    #expect(try host.config(n, 0x42, width: 2) == 0x40)
  }
}
