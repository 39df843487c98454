import Glibc
import HostKernel
import SystemPackage
import Testing

@Suite struct LinuxKernelTests {
  private let kernel = LinuxKernel()
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(
    _ descriptor: Int32, _ count: Int, at offset: UInt64
  ) throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xaa, count: count)
    var elements = bytes.mutableSpan
    var span = unsafe elements.mutableBytes
    let arrived = try kernel.read(descriptor, into: &span, at: offset)
    return Array(bytes.prefix(arrived))
  }

  private func write(
    _ descriptor: Int32, _ bytes: [UInt8], at offset: UInt64
  ) throws(Errno) -> Int {
    unsafe try kernel.write(descriptor, from: bytes.span.bytes, at: offset)
  }

  // MARK: - Descriptors

  @Test func readsAndWritesGoToTheirOffset() throws {
    let file = try HostDescriptor(
      opening: folder.makeFile("f", Array(0..<16)), .readWrite, on: kernel)
    #expect(try read(file.rawValue, 4, at: 6) == [6, 7, 8, 9])
    #expect(try write(file.rawValue, [0xf0, 0xf1], at: 7) == 2)
    #expect(try read(file.rawValue, 4, at: 6) == [6, 0xf0, 0xf1, 9])
    #expect(try read(file.rawValue, 4, at: 14) == [14, 15])
    #expect(try read(file.rawValue, 4, at: 16) == [])
    #expect(try read(file.rawValue, 0, at: 0) == [])
    #expect(try write(file.rawValue, [], at: 0) == 0)
    #expect(try write(file.rawValue, [1], at: 20) == 1)
    #expect(try read(file.rawValue, 8, at: 15) == [15, 0, 0, 0, 0, 1])
  }

  @Test(arguments: [FileAccess.readOnly, .readWrite])
  func aDescriptorIsClosedOnExec(_ access: FileAccess) throws {
    let file = try HostDescriptor(opening: folder.makeFile("f"), access, on: kernel)
    #expect(fcntl(file.rawValue, F_GETFD) & FD_CLOEXEC != 0)
  }

  @Test func accessIsWhatWasAskedFor() throws {
    let path = try folder.makeFile("f", [1])
    let file = try HostDescriptor(opening: path, .readOnly, on: kernel)
    #expect(try read(file.rawValue, 1, at: 0) == [1])
    #expect(throws: Errno.badFileDescriptor) { try write(file.rawValue, [2], at: 0) }
  }

  @Test func anIoctlChangesItsStructureInPlace() throws {
    let file = try HostDescriptor(
      opening: folder.makeFile("f", [1, 2, 3]), .readOnly, on: kernel)
    // FIONREAD: what is left of the file.
    var left: Int32 = -1
    #expect(try file.control(0x541b, on: &left) == 0)
    #expect(left == 3)
    var bytes: [UInt8] = [9, 9, 9, 9]
    #expect(try file.control(0x541b, on: &bytes) == 0)
    #expect(bytes == [3, 0, 0, 0])
  }

  @Test func anIoctlMayTakeNoArgument() throws {
    let file = try HostDescriptor(opening: folder.makeFile("f"), .readOnly, on: kernel)
    // FIONCLEX, then FIOCLEX.
    #expect(try file.control(0x5450) == 0)
    #expect(fcntl(file.rawValue, F_GETFD) & FD_CLOEXEC == 0)
    #expect(try file.control(0x5451, value: 0) == 0)
    #expect(fcntl(file.rawValue, F_GETFD) & FD_CLOEXEC != 0)
  }

  // MARK: - Looking around

  @Test func entriesAreAllNamesButTheFolderItselfAndItsParent() throws {
    #expect(try kernel.entries(of: folder.path) == [])
    let names = ["0000:81:00.0", ".hidden", "...", "vfio7"]
    for name in names.dropLast() { _ = try folder.makeFile(name) }
    _ = try folder.makeFolder("vfio7")
    #expect(try kernel.entries(of: folder.path).sorted() == names.sorted())
  }

  @Test func aLinksTextIsGivenAsItIs() throws {
    let text = "../../../kernel/iommu_groups/12"
    #expect(try kernel.link(at: folder.makeLink("iommu_group", to: text)) == text)
    let long = String(repeating: "x", count: 4000)
    #expect(try kernel.link(at: folder.makeLink("long", to: long)) == long)
  }

  @Test func aCharacterDeviceHasANumberAndAFileHasASize() throws {
    #expect(try kernel.status(of: "/dev/null").device == DeviceNumber(major: 1, minor: 3))
    let link = try folder.makeLink("null", to: "/dev/null")
    #expect(try kernel.status(of: link).device == DeviceNumber(major: 1, minor: 3))
    #expect(try kernel.status(of: "/dev/null").size == nil)
    #expect(try kernel.status(of: folder.makeFile("f")) == FileStatus(size: 0))
    #expect(try kernel.status(of: folder.makeFile("g", [1, 2, 3])) == FileStatus(size: 3))
    #expect(try kernel.status(of: folder.path) == FileStatus())
  }

  @Test(arguments: [0, 1, 4095, 4096, 4097, 65535, 65536])
  func contentsAreTheWholeOfASmallFile(_ count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8) }
    #expect(try kernel.contents(of: folder.makeFile("f", bytes)) == bytes)
  }

  @Test func contentsOfAnEndlessFileAreCutOff() throws {
    #expect(try kernel.contents(of: "/dev/zero").count == 65536)
  }

  @Test func contentsThatComeInShortPiecesAreCutOffAtTheSameLimit() throws {
    let ends = try FileDescriptor.pipe()
    defer { for end in [ends.readEnd, ends.writeEnd] { try? end.close() } }
    // O_DIRECT: each write is read as one piece. F_SETPIPE_SZ: room for all of them.
    #expect(fcntl(ends.writeEnd.rawValue, F_SETFL, 0o40000) == 0)
    #expect(fcntl(ends.writeEnd.rawValue, 1031, 1 << 20) >= 1 << 20)
    for _ in 0..<70 { _ = try ends.writeEnd.writeAll([UInt8](repeating: 1, count: 1000)) }
    let path = "/proc/self/fd/\(ends.readEnd.rawValue)"
    #expect(try kernel.contents(of: path).count == 65536)
  }

  // MARK: - Errors

  @Test func aFailedCallThrowsWhatLinuxAnswers() throws {
    let file = try folder.makeFile("f", [1])
    let missing = "\(folder.path)/missing"
    let open = try HostDescriptor(opening: file, .readOnly, on: kernel)
    let number = open.rawValue
    #expect(throws: Errno.noSuchFileOrDirectory) { try kernel.open(missing, .readOnly) }
    #expect(throws: Errno.isDirectory) { try kernel.open(folder.path, .readWrite) }
    #expect(throws: Errno.notDirectory) { try kernel.open("\(file)/below", .readOnly) }
    #expect(throws: Errno.badFileDescriptor) { try read(-1, 1, at: 0) }
    #expect(throws: Errno.badFileDescriptor) { try write(-1, [1], at: 0) }
    #expect(throws: Errno.invalidArgument) { try read(number, 1, at: .max) }
    #expect(throws: Errno.inappropriateIOCTLForDevice) { try open.control(0x3b64) }
    #expect(throws: Errno.inappropriateIOCTLForDevice) {
      var word: UInt64 = 0
      try open.control(0x3b64, on: &word)
    }
    #expect(throws: Errno.badFileDescriptor) { try kernel.control(-1, 0x541b, value: 0) }
    #expect(throws: Errno.noSuchFileOrDirectory) { try kernel.status(of: missing) }
    #expect(throws: Errno.noSuchFileOrDirectory) { try kernel.entries(of: missing) }
    #expect(throws: Errno.notDirectory) { try kernel.entries(of: file) }
    #expect(throws: Errno.noSuchFileOrDirectory) { try kernel.link(at: missing) }
    #expect(throws: Errno.invalidArgument) { try kernel.link(at: file) }
    #expect(throws: Errno.noSuchFileOrDirectory) { try kernel.contents(of: missing) }
    #expect(throws: Errno.isDirectory) { try kernel.contents(of: folder.path) }
  }
}
