import SimulatedKernel
import SystemPackage
import TestSupport
import Testing

@testable import VFIOUser

@Suite struct DMAMapTests {
  private func request(
    _ address: UInt64, _ size: UInt64, offset: UInt64 = 0, write: Bool = true
  ) -> DMAMap.Request {
    DMAMap.Request(
      address: address, size: size, offset: offset, isReadable: true, isWritable: write)
  }

  @Test func theLastPageOfAllAddressesCanBeMapped() throws {
    var map = DMAMap()
    let memory = TestMemory(4096)
    let last = ~UInt64(4095)
    try map.map(request(last, 4096), memory.descriptor)
    try map.write([1, 2, 3, 4], at: last + 4092)
    #expect(memory.read(at: 4092, count: 4) == [1, 2, 3, 4])
    #expect(try map.unmap(address: last, size: 4096) == 4096)
  }

  @Test func anOverlapIsRefusedAndChangesNothing() throws {
    var map = DMAMap()
    let memory = TestMemory(0x4000)
    defer { withExtendedLifetime(memory) {} }
    try map.map(request(0x2000, 0x2000), memory.descriptor)
    for (address, size) in [(UInt64(0x1000), UInt64(0x2000)), (0x3000, 0x2000), (0x2000, 0x1000)] {
      #expect(throws: Errno.fileExists) { try map.map(request(address, size), memory.descriptor) }
    }
    #expect(map.count == 1)
  }

  @Test func anUnmapTakesWholeRangesOnly() throws {
    var map = DMAMap()
    let memory = TestMemory(0x4000)
    defer { withExtendedLifetime(memory) {} }
    try map.map(request(0x1000, 0x2000), memory.descriptor)
    try map.map(request(0x8000, 0x1000), memory.descriptor)
    #expect(throws: Errno.invalidArgument) { try map.unmap(address: 0x1000, size: 0x1000) }
    #expect(throws: Errno.invalidArgument) { try map.unmap(address: 0x2000, size: 0x10000) }
    #expect(try map.unmap(address: 0x4000, size: 0x1000) == 0)
    #expect(try map.unmap(address: 0, size: 0x10_0000) == 0x3000)
    #expect(map.count == 0)
  }

  @Test func memoryWithoutADescriptorCannotBeReached() throws {
    var map = DMAMap()
    try map.map(request(0x1000, 0x1000), nil)
    #expect(throws: DMAFault(address: 0x1010, isWrite: false, reason: .memoryGone)) {
      try map.read(at: 0x1010, count: 4)
    }
  }

  @Test func onlySoManyFilesAreHeld() throws {
    var map = DMAMap()
    for index in 0..<DMAMap.fileLimit {
      let memory = TestMemory(4096)
      try map.map(request(UInt64(index) * 4096, 4096), memory.descriptor)
      withExtendedLifetime(memory) {}
    }
    let one = TestMemory(4096)
    defer { withExtendedLifetime(one) {} }
    let address = UInt64(DMAMap.fileLimit) * 4096
    #expect(throws: Errno.noSpace) {
      try map.map(request(address, 4096), one.descriptor)
    }
    _ = try map.unmap(address: 0, size: 4096)
    try map.map(request(address, 4096), one.descriptor)
  }

  /// Against one byte of bookkeeping for each page: which file page is there, and whether it takes writes.
  @Test(arguments: 0..<20 as Range<UInt64>)
  func mapsAgreeWithAPageByPageModel(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let pages = 64
    let files = [TestMemory(UInt64(pages) * 4096), TestMemory(UInt64(pages) * 4096)]
    var map = DMAMap()
    var model = [(file: Int, page: Int, isWritable: Bool)?](repeating: nil, count: pages)
    var starts: Set<Int> = []
    for step in 0..<400 {
      let first = Int.random(in: 0..<pages, using: &random)
      let count = Int.random(in: 1...min(8, pages - first), using: &random)
      let range = first..<first + count
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        let file = Int.random(in: 0...1, using: &random)
        let page = Int.random(in: 0...pages - count, using: &random)
        let isWritable = Bool.random(using: &random)
        let wanted = request(
          UInt64(first) * 4096, UInt64(count) * 4096, offset: UInt64(page) * 4096,
          write: isWritable)
        if model[range].contains(where: { $0 != nil }) {
          #expect(throws: Errno.fileExists) { try map.map(wanted, files[file].descriptor) }
        } else {
          try map.map(wanted, files[file].descriptor)
          for index in range { model[index] = (file, page + index - first, isWritable) }
          starts.insert(first)
        }
      case 1:
        let cuts =
          (model[first] != nil && !starts.contains(first))
          || (first + count < pages && model[first + count - 1] != nil
            && model[first + count] != nil && !starts.contains(first + count))
        if cuts {
          #expect(throws: Errno.invalidArgument) {
            try map.unmap(address: UInt64(first) * 4096, size: UInt64(count) * 4096)
          }
        } else {
          let mapped = model[range].count { $0 != nil }
          #expect(
            try map.unmap(address: UInt64(first) * 4096, size: UInt64(count) * 4096)
              == UInt64(mapped) * 4096)
          for index in range { model[index] = nil }
          starts.subtract(range)
        }
      default:
        let bytes = pack(UInt64(step), random.next())
        let address = UInt64(first) * 4096 + 4088
        let end = first + 1
        let isMapped =
          model[first]?.isWritable == true && end < pages && model[end]?.isWritable == true
        guard isMapped, let here = model[first], let there = model[end] else {
          #expect(throws: DMAFault.self) { try map.write(bytes, at: address) }
          continue
        }
        try map.write(bytes, at: address)
        #expect(
          files[here.file].read(at: here.page * 4096 + 4088, count: 8) == Array(bytes.prefix(8)))
        #expect(files[there.file].read(at: there.page * 4096, count: 8) == Array(bytes.suffix(8)))
        #expect(try map.read(at: address, count: 16).suffix(8) == bytes.suffix(8))
      }
    }
  }
}
