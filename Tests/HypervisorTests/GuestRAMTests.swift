import Glibc
import HostKernel
import Hypervisor
import SystemPackage
import Testing

@Suite struct GuestRAMTests {
  private static let size: UInt64 = 4 << 20

  /// A folder of the test's own, gone with it.
  private final class Folder {
    let path: String

    init() throws {
      let template = "/tmp/guest-ram-test.XXXXXX"
      var bytes = Array(template.utf8CString)
      guard unsafe mkdtemp(&bytes) != nil else { throw Errno(rawValue: errno) }
      path = String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
      for name in (try? LinuxKernel().entries(of: path)) ?? [] {
        unsafe unlink(path + "/" + name)
      }
      unsafe rmdir(path)
    }
  }

  private func space(_ ram: borrowing GuestRAM) -> AddressSpace {
    let space = AddressSpace()
    space.add(MemoryRegion(name: "ram", base: 0, size: ram.size, kind: ram.kind(at: 0)))
    return space
  }

  @Test(
    arguments: [
      GuestRAMOptions(), GuestRAMOptions(isPreallocated: true),
      GuestRAMOptions(backing: .memoryFile),
      GuestRAMOptions(backing: .memoryFile, isPreallocated: true),
    ])
  func itIsZeroAlignedAndWritable(options: GuestRAMOptions) throws {
    let ram = try GuestRAM(size: Self.size, options, on: LinuxKernel())
    #expect(ram.size == Self.size && ram.address % (1 << 21) == 0)
    #expect((ram.descriptor != nil) == (options.backing == .memoryFile))
    let space = space(ram)
    #expect(space.read(Self.size - 8, size: 8) == 0)
    space.write(Self.size - 8, size: 8, value: 7)
    #expect(space.read(Self.size - 8, size: 8) == 7)
  }

  @Test func aMemoryFileIsTheSameMemory() throws {
    let kernel = LinuxKernel()
    let ram = try GuestRAM(size: Self.size, GuestRAMOptions(backing: .memoryFile), on: kernel)
    space(ram).write(0x1234, size: 4, value: 0x5678)
    var bytes: [UInt8] = [0, 0]
    var elements = bytes.mutableSpan
    var span = unsafe elements.mutableBytes
    let descriptor = try #require(ram.descriptor)
    #expect(try kernel.read(descriptor, into: &span, at: 0x1234) == 2)
    #expect(bytes == [0x78, 0x56])
    let section = try #require(space(ram).flatView.sections.first)
    #expect(section.file == MemoryFile(descriptor: descriptor))
  }

  @Test func aFolderGetsAFileWithoutAName() throws {
    let folder = try Folder()
    let options = GuestRAMOptions(backing: .path(folder.path))
    let ram = try GuestRAM(size: Self.size, options, on: LinuxKernel())
    space(ram).write(0, size: 8, value: 1)
    #expect(try LinuxKernel().entries(of: folder.path).isEmpty)
    // Private to this process: whoever maps the file would see other bytes.
    #expect(ram.descriptor == nil)
  }

  @Test func aFileKeepsWhatIsWrittenWhenItIsShared() throws {
    let folder = try Folder()
    let kernel = LinuxKernel()
    let path = folder.path + "/ram"
    for isShared in [false, true] {
      do {
        let options = GuestRAMOptions(backing: .path(path), isShared: isShared)
        let ram = try GuestRAM(size: Self.size, options, on: kernel)
        #expect(space(ram).read(0, size: 1) == 0)
        space(ram).write(0, size: 1, value: 9)
      }
      #expect(try kernel.status(of: path).size == Self.size)
    }
    let options = GuestRAMOptions(backing: .path(path))
    let again = try GuestRAM(size: Self.size, options, on: kernel)
    #expect(space(again).read(0, size: 1) == 9)
  }

  @Test func whatCannotBeHadIsNamed() throws {
    let folder = try Folder()
    let kernel = LinuxKernel()
    func error(_ size: UInt64, _ options: GuestRAMOptions) -> GuestRAMError? {
      do {
        _ = try GuestRAM(size: size, options, on: kernel)
        return nil
      } catch {
        return error
      }
    }
    #expect(error(0, GuestRAMOptions()) == GuestRAMError(.allocate, .invalidArgument))
    #expect(error(4097, GuestRAMOptions()) == GuestRAMError(.allocate, .invalidArgument))
    #expect(error(1 << 62, GuestRAMOptions()) == GuestRAMError(.allocate, .noMemory))
    let absent = folder.path + "/no/such"
    let missing = error(Self.size, GuestRAMOptions(backing: .path(absent)))
    #expect(missing == GuestRAMError(.open(absent), .noSuchFileOrDirectory))
    #expect(
      missing?.message
        == "can't open backing store \(absent) for guest RAM: No such file or directory")
    let short = folder.path + "/short"
    _ = try GuestRAM(size: 4096, GuestRAMOptions(backing: .path(short)), on: kernel)
    #expect(
      error(8192, GuestRAMOptions(backing: .path(short)))
        == GuestRAMError(.open(short), .fileTooLarge))
  }
}
