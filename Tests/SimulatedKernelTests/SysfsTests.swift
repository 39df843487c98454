import CLinux
import Glibc
import HostKernel
import SimulatedKernel
import SystemPackage
import Testing

@Suite("sysfs and nodes of the simulated host")
struct SysfsTests {
  static let device = "/sys/bus/pci/devices/0000:81:00.0"
  static let hasLspci = unsafe access("/usr/bin/lspci", X_OK) == 0

  @Test("what a client looks up before it opens a device")
  func lookUps() throws {
    let kernel = try ContractHost().kernel
    #expect(try text(kernel, "vendor") == "0x8086\n")
    #expect(try text(kernel, "device") == "0x10d3\n")
    #expect(try text(kernel, "class") == "0x020000\n")
    #expect(try text(kernel, "reset_method") == "pm bus\n")
    #expect(try kernel.contents(of: Self.device + "/config").count == 4096)
    #expect(try kernel.link(at: Self.device + "/iommu_group").hasSuffix("/iommu_groups/12"))
    #expect(try kernel.link(at: Self.device + "/iommu").hasSuffix("/virtual/iommu/dmar0"))
    #expect(try kernel.link(at: Self.device + "/driver").hasSuffix("/drivers/vfio-pci"))
    #expect(try kernel.link(at: Self.device + "/subsystem").hasSuffix("/bus/pci"))
    #expect(try kernel.entries(of: Self.device + "/vfio-dev") == ["vfio2"])
    #expect(try text(kernel, "vfio-dev/vfio2/dev") == "511:2\n")
    #expect(
      try kernel.status(of: "/dev/vfio/devices/vfio2").device == DeviceNumber(major: 511, minor: 2))
    #expect(
      try kernel.entries(of: "/sys/kernel/iommu_groups/12/devices") == [
        "0000:81:00.0", "0000:81:00.1",
      ])
    #expect(
      try kernel.contents(of: "/sys/kernel/iommu_groups/12/devices/0000:81:00.1/vendor")
        == Array("0x8086\n".utf8))
    #expect(try kernel.status(of: Self.device) == FileStatus())
  }

  @Test("the unit in front of a function is linked and tells its registers")
  func unit() throws {
    let kernel = try ContractHost().kernel
    let unit = "/sys/bus/pci/devices/0000:87:00.0/iommu"
    #expect(try kernel.link(at: unit).hasSuffix("/virtual/iommu/scalable"))
    let registers = try ["cap", "ecap"].map { name in
      String(decoding: try kernel.contents(of: "\(unit)/intel-iommu/\(name)"), as: UTF8.self)
    }
    #expect(registers == ["19ed008c40780c66\n", "3ef9ea6f050df\n"])
    #expect(try kernel.entries(of: "/sys/class/iommu/scalable/devices").contains("0000:87:00.0"))
    #expect(throws: Errno.noSuchFileOrDirectory) {
      try kernel.link(at: "/sys/bus/pci/devices/0000:a1:00.0/iommu")
    }
  }

  @Test("resources give address, end and flags of each BAR")
  func resources() throws {
    let kernel = try ContractHost().kernel
    let lines = try text(kernel, "resource").split(separator: "\n")
    #expect(lines.count == 13)
    #expect(lines[0].hasSuffix(" 0x0000000000040200"))
    #expect(lines[1] == "0x0000000000000000 0x0000000000000000 0x0000000000000000")
    #expect(lines[2].hasSuffix(" 0x0000000000040101"))
  }

  @Test(
    "what is not there",
    arguments: [
      (device + "/missing", Errno.noSuchFileOrDirectory),
      ("/sys/bus/pci/devices/0000:99:00.0", .noSuchFileOrDirectory),
      (device + "/vendor/x", .notDirectory),
      ("/dev/vfio/13", .noSuchFileOrDirectory), ("/dev/vfio/012", .noSuchFileOrDirectory),
      ("/dev/vfio/devices/vfio99", .noSuchFileOrDirectory),
    ])
  func missing(_ path: String, _ error: Errno) throws {
    let kernel = try ContractHost().kernel
    #expect(throws: error) { try kernel.open(path, .readOnly) }
    #expect(throws: error) { try kernel.status(of: path) }
    #expect(throws: error) { try kernel.contents(of: path) }
    #expect(throws: error) { try kernel.entries(of: path) }
  }

  @Test("an opened attribute is read at an offset and closed")
  func openAttribute() throws {
    let host = try ContractHost()
    let file = try host.kernel.open(Self.device + "/vendor", .readOnly)
    #expect(try host.read(file, 2, count: 4) == Array("8086".utf8))
    #expect(try host.read(file, 100, count: 4) == [])
    host.close(file)
    #expect(throws: Errno.permissionDenied) {
      try host.kernel.open(Self.device + "/vendor", .readWrite)
    }
    #expect(host.kernel.isQuiescent)
  }

  @Test("other paths are the real host's")
  func realPaths() throws {
    let host = try ContractHost()
    let file = try host.kernel.open(machineFile("contract"), .readOnly)
    #expect(try host.read(file, 0, count: 2) == Array("# ".utf8))
    host.close(file)
    #expect(try host.kernel.entries(of: "/proc/self").contains("maps"))
  }

  @Test(
    "lspci shows the functions of a written tree",
    .enabled(if: hasLspci, "needs lspci"))
  func lspci() throws {
    let description = try HostDescription(contentsOf: machineFile("x710-pair"))
    let directory = try temporaryDirectory()
    defer { _ = run(["/bin/rm", "-r", directory]) }
    try SysfsTree(of: description).write(to: directory)
    let output = run([
      "/usr/bin/lspci", "-A", "linux-sysfs", "-O", "sysfs.path=\(directory)/bus/pci", "-D", "-n",
      "-vvv", "-k",
    ])
    let expected = [
      "0000:81:00.0 0200: 8086:1572 (rev 02)", "0000:81:00.1 0200: 8086:1572 (rev 02)",
      "[40] Power Management version 3", "NoSoftRst+", "DScale=1",
      "[50] MSI: Enable- Count=1/1 Maskable+ 64bit+", "[70] MSI-X: Enable- Count=129 Masked-",
      "Vector table: BAR=3 offset=00000000", "PBA: BAR=3 offset=00001000",
      "[a0] Express (v2) Endpoint", "FLReset-", "[100 v2] Advanced Error Reporting",
      "[140 v1] Device Serial Number 68-05-ca-ff-ff-3a-1b-28",
      "[150 v1] Alternative Routing-ID Interpretation (ARI)",
      "[160 v1] Single Root I/O Virtualization (SR-IOV)", "Total VFs: 64",
      "[1a0 v1] Transaction Processing Hints", "[1b0 v1] Access Control Services",
      "[1d0 v1] Secondary PCI Express", "[size=8M]", "[size=32K]",
      "Kernel driver in use: vfio-pci",
    ]
    for text in expected { #expect(output.contains(text), "\(text) in \(output)") }
  }

  private func text(_ kernel: SimulatedKernel, _ name: String) throws -> String {
    String(decoding: try kernel.contents(of: Self.device + "/" + name), as: UTF8.self)
  }

  private func temporaryDirectory() throws -> String {
    var template = Array("/tmp/sysfs-XXXXXX\0".utf8CString)
    guard unsafe mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    return String(
      decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Runs a command and gives what it printed.
  private func run(_ words: [String]) -> String {
    let line = words.map { "'\($0)'" }.joined(separator: " ") + " 2>&1"
    guard let stream = unsafe popen(line, "r") else { return "" }
    var bytes: [UInt8] = []
    while true {
      let character = unsafe fgetc(stream)
      if character == EOF { break }
      bytes.append(UInt8(truncatingIfNeeded: character))
    }
    _ = unsafe pclose(stream)
    return String(decoding: bytes, as: UTF8.self)
  }
}
