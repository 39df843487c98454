import HostKernel
import SystemPackage
import Testing

@Suite struct OwnedDescriptorTests {
  private let kernel = LinuxKernel()
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// How many descriptors of this process lead to a path. Other tests run beside this one, so that
  /// only its own files can be counted.
  private func count(of path: String) throws -> Int {
    try kernel.entries(of: "/proc/self/fd").filter { number in
      (try? kernel.link(at: "/proc/self/fd/\(number)")) == path
    }.count
  }

  @Test func aDescriptorIsClosedWhenItsScopeEnds() throws {
    let path = try folder.makeFile("f")
    do {
      let first = try HostDescriptor(opening: path, .readOnly, on: kernel)
      let second = try HostDescriptor(opening: path, .readWrite, on: kernel)
      #expect(first.rawValue != second.rawValue)
      #expect(try count(of: path) == 2)
    }
    #expect(try count(of: path) == 0)
  }

  @Test func aDescriptorIsClosedWhenAnErrorLeavesItsScope() throws {
    let path = try folder.makeFile("f")
    #expect(throws: Errno.inappropriateIOCTLForDevice) {
      let file = try HostDescriptor(opening: path, .readOnly, on: kernel)
      try file.control(0x3b64)
    }
    #expect(try count(of: path) == 0)
  }

  @Test func aDescriptorThatIsReplacedIsClosed() throws {
    let path = try folder.makeFile("f")
    let other = try folder.makeFile("g")
    var file = try HostDescriptor(opening: path, .readOnly, on: kernel)
    file = try HostDescriptor(opening: other, .readOnly, on: kernel)
    #expect(try count(of: path) == 0)
    #expect(try count(of: other) == 1)
    _ = file.rawValue
  }

  @Test func aDescriptorGivenAwayIsClosedOnceByItsNewOwner() throws {
    let path = try folder.makeFile("f")
    func take(_ file: consuming HostDescriptor) throws {
      #expect(try count(of: path) == 1)
      _ = file.rawValue
    }
    let file = try HostDescriptor(opening: path, .readOnly, on: kernel)
    try take(file)
    #expect(try count(of: path) == 0)
  }

  @Test func lookingAroundLeavesNothingOpen() throws {
    let path = try folder.makeFile("f", [1, 2, 3])
    _ = try kernel.contents(of: path)
    _ = try kernel.status(of: path)
    _ = try kernel.entries(of: folder.path)
    _ = try? kernel.contents(of: folder.path)
    #expect(try count(of: path) == 0)
    #expect(try count(of: folder.path) == 0)
  }
}
