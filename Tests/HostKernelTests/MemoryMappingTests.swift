import Glibc
import HostKernel
import SystemPackage
import Testing

@Suite struct MemoryMappingTests {
  private let kernel = LinuxKernel()

  private func memory(_ name: String, _ size: UInt64) throws -> HostDescriptor {
    HostDescriptor(
      taking: try MemoryCalls.makeMemoryDescriptor(name: name, size: size), of: kernel)
  }

  private func byte(at address: UInt) -> UInt8? {
    unsafe UnsafePointer<UInt8>(bitPattern: address)?.pointee
  }

  private func setByte(at address: UInt, to value: UInt8) {
    unsafe UnsafeMutablePointer<UInt8>(bitPattern: address)?.pointee = value
  }

  /// The lines of this process's memory map that have a text in them.
  private func mappings(with text: String) throws -> [Substring] {
    let file = try HostDescriptor(opening: "/proc/self/maps", .readOnly, on: kernel)
    var all: [UInt8] = []
    while true {
      var piece = [UInt8](repeating: 0, count: 4096)
      var elements = piece.mutableSpan
      var span = unsafe elements.mutableBytes
      let count = try kernel.read(file.rawValue, into: &span, at: UInt64(all.count))
      if count == 0 { break }
      all += piece.prefix(count)
    }
    return String(decoding: all, as: UTF8.self).split(separator: "\n")
      .filter { $0.contains(text) }
  }

  @Test func twoMappingsOfADescriptorShareItsMemory() throws {
    let file = try memory("shared", 0x3000)
    let whole = try HostMapping(
      MappingRequest(descriptor: file.rawValue, length: 0x3000), on: kernel)
    let part = try HostMapping(
      MappingRequest(descriptor: file.rawValue, offset: 0x2000, length: 0x1000), on: kernel)
    setByte(at: whole.address + 0x2abc, to: 0x5a)
    #expect(byte(at: part.address + 0xabc) == 0x5a)
    #expect(whole.length == 0x3000 && part.length == 0x1000)
  }

  @Test func anonymousMemoryIsZeroAndPrivate() throws {
    let first = try HostMapping(MappingRequest(descriptor: nil, length: 0x1000), on: kernel)
    let second = try HostMapping(MappingRequest(descriptor: nil, length: 0x1000), on: kernel)
    #expect(byte(at: first.address) == 0 && byte(at: first.address + 0xfff) == 0)
    setByte(at: first.address, to: 1)
    #expect(byte(at: second.address) == 0)
  }

  @Test(arguments: [(0, 0), (1, 1), (5000, 5000), (0x2000, 0x2000), (0x3000, 0x2000)])
  func memoryFilledFromAFileIsTheFileAndThenZero(_ size: UInt64, _ filled: UInt) throws {
    let file = try memory("source", size)
    let source = try HostMapping(
      MappingRequest(descriptor: file.rawValue, length: 0x3000), on: kernel)
    for place in 0..<UInt(size) { setByte(at: source.address + place, to: UInt8(place % 251 + 1)) }
    let copy = try HostMapping(MappingRequest(descriptor: nil, length: 0x2000), on: kernel)
    try copy.fill(from: file)
    let address = copy.address
    let wrong = (0..<0x2000 as Range<UInt>).filter { place in
      byte(at: address + place) != (place < filled ? UInt8(place % 251 + 1) : 0)
    }
    #expect(wrong == [])
  }

  @Test func aFolderFillsNoMemory() throws {
    let folder = try HostDescriptor(opening: "/", .readOnly, on: kernel)
    let memory = try HostMapping(MappingRequest(descriptor: nil, length: 0x1000), on: kernel)
    #expect(throws: Errno.isDirectory) { try memory.fill(from: folder) }
  }

  @Test(arguments: [(true, true, "rw-s"), (true, false, "r--s"), (false, true, "-w-s")])
  func protectionIsWhatWasAskedFor(
    _ isReadable: Bool, _ isWritable: Bool, _ text: String
  ) throws {
    let name = "protection-\(text)"
    let file = try memory(name, 0x1000)
    let mapping = try HostMapping(
      MappingRequest(
        descriptor: file.rawValue, length: 0x1000, isReadable: isReadable,
        isWritable: isWritable), on: kernel)
    let lines = try mappings(with: "/memfd:\(name)")
    #expect(lines.count == 1 && lines.allSatisfy { $0.contains(" \(text) ") })
    #expect(lines.first?.hasPrefix(String(mapping.address, radix: 16)) == true)
  }

  @Test func aMappingGoesWithItsOwner() throws {
    let file = try memory("owned-mapping", 0x2000)
    do {
      let mapping = try HostMapping(
        MappingRequest(descriptor: file.rawValue, length: 0x2000), on: kernel)
      #expect(try mappings(with: "owned-mapping").count == 1)
      _ = mapping.address
    }
    #expect(try mappings(with: "owned-mapping") == [])
  }

  @Test(
    arguments: [0, 1, 4096, 64 << 10, 2 << 20, 1 << 30], [1, 0x1000, 0x1001, 0x20_3000])
  func anAddressIsAlignedAsAskedForAndNothingElseStaysMapped(
    _ alignment: Int, _ length: Int
  ) throws {
    let name = "aligned-\(alignment)-\(length)"
    let file = try memory(name, UInt64(length))
    let mapping = try HostMapping(
      MappingRequest(descriptor: file.rawValue, length: length, alignment: alignment),
      on: kernel)
    #expect(mapping.address.isMultiple(of: UInt(max(4096, alignment))))
    setByte(at: mapping.address + UInt(length - 1), to: 0x77)
    #expect(byte(at: mapping.address + UInt(length - 1)) == 0x77)
    let pages = UInt(length + 4095) & ~4095
    let range = [mapping.address, mapping.address + pages]
      .map { String($0, radix: 16) }.joined(separator: "-")
    let lines = try mappings(with: "/memfd:\(name) ")
    #expect(lines.count == 1 && lines.allSatisfy { $0.hasPrefix(range) })
  }

  @Test func alignmentLeavesNoReservationBehind() throws {
    func size() throws -> Int {
      let text = String(decoding: try kernel.contents(of: "/proc/self/statm"), as: UTF8.self)
      return try #require(text.split(separator: " ").first.flatMap { Int($0) }) * 4096
    }
    let before = try size()
    var addresses: [UInt] = []
    for _ in 0..<8 {
      addresses.append(
        try kernel.map(MappingRequest(descriptor: nil, length: 1 << 20, alignment: 1 << 30)))
    }
    // Eight reservations would be 8 GiB; other tests of this process use far less.
    #expect(try size() - before < 2 << 30)
    for address in addresses { kernel.unmap(address: address, length: 1 << 20) }
    #expect(try size() - before < 2 << 30)
  }

  @Test func aMappingThatFailsThrowsWhatLinuxAnswers() throws {
    let file = try memory("refused", 0x1000)
    let readOnly = try HostDescriptor(
      opening: "/proc/self/fd/\(file.rawValue)", .readOnly, on: kernel)
    #expect(throws: Errno.invalidArgument) {
      try kernel.map(MappingRequest(descriptor: file.rawValue, length: 0))
    }
    #expect(throws: Errno.invalidArgument) {
      try kernel.map(MappingRequest(descriptor: file.rawValue, offset: 1, length: 0x1000))
    }
    #expect(throws: Errno.badFileDescriptor) {
      try kernel.map(MappingRequest(descriptor: -1, length: 0x1000))
    }
    #expect(throws: Errno.permissionDenied) {
      try kernel.map(MappingRequest(descriptor: readOnly.rawValue, length: 0x1000))
    }
    #expect(throws: Errno.permissionDenied) {
      try kernel.map(
        MappingRequest(descriptor: readOnly.rawValue, length: 0x1000, alignment: 2 << 20))
    }
    #expect(throws: Errno.noMemory) {
      try kernel.map(MappingRequest(descriptor: nil, length: 1 << 62))
    }
    #expect(throws: Errno.noMemory) {
      try kernel.map(MappingRequest(descriptor: nil, length: 1 << 62, alignment: 1 << 30))
    }
    #expect(throws: Errno.noMemory) {
      try kernel.map(MappingRequest(descriptor: nil, length: -1))
    }
  }

  @Test func unmappingNothingIsHarmless() {
    kernel.unmap(address: 0, length: 0x1000)
  }

  @Test func aMemoryFileHasItsSizeAndIsClosedOnExec() throws {
    let file = try memory("sized", 12345)
    #expect(fcntl(file.rawValue, F_GETFD) & FD_CLOEXEC != 0)
    #expect(lseek(file.rawValue, 0, SEEK_END) == 12345)
  }
}
