import Glibc
import SystemPackage
import Testing

@testable import VFIO

@Suite struct PCINamesTests {
  private static let card = PCIIdentity(vendor: 0x8086, device: 0x10d3)
  private static let list = """
    # A comment
    8086  Intel Corporation
    \t10d3  82574L Gigabit Network Connection
    \t\t8086 a01f  Gigabit CT Desktop Adapter

    """

  /// A path for a list that goes with the test; there is no file until `write`.
  private final class ListFile {
    let path: String
    private let folder: String

    init() throws {
      var name = Array("/tmp/pci-names-XXXXXX".utf8CString)
      guard unsafe mkdtemp(&name) != nil else { throw Errno(rawValue: errno) }
      folder = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
      path = "\(folder)/pci.ids"
    }

    deinit {
      _ = unsafe unlink(path)
      _ = unsafe rmdir(folder)
    }

    func write(_ text: String) throws {
      let descriptor = try FileDescriptor.open(
        FilePath(path), .writeOnly, options: [.create, .truncate],
        permissions: [.ownerReadWrite])
      try descriptor.closeAfter { _ = try descriptor.writeAll(text.utf8) }
    }
  }

  @Test(
    arguments: [
      (0x8086, 0x10d3, "Intel Corporation 82574L Gigabit Network Connection [8086:10d3]"),
      (0x8086, 0x0001, "Intel Corporation Device [8086:0001]"),
      (0x1234, 0xabcd, "Device [1234:abcd]"),
    ] as [(UInt16, UInt16, String)])
  func aFunctionHasTheNamesOfTheListAndItsNumbers(
    _ vendor: UInt16, _ device: UInt16, _ text: String
  ) throws {
    let file = try ListFile()
    try file.write(Self.list)
    let names = PCINames(path: file.path)
    for _ in 0..<2 {
      #expect(names.text(for: PCIIdentity(vendor: vendor, device: device)) == text)
    }
  }

  @Test func theListIsReadOnceAndNotBeforeItIsAsked() throws {
    let file = try ListFile()
    let names = PCINames(path: file.path)
    try file.write(Self.list)
    let text = names.text(for: Self.card)
    #expect(text.hasPrefix("Intel Corporation"))
    try file.write("8086  Somebody else\n")
    #expect(names.text(for: Self.card) == text)
  }

  @Test(arguments: [
    nil, "no list at all\n", "\t10d3  A device of nobody\n", "8086  A\n8086  The same\n",
    "8086  " + String(repeating: "long", count: 1000) + "\n",
  ])
  func withoutAGoodListThereAreTheNumbers(_ contents: String?) throws {
    let file = try ListFile()
    if let contents { try file.write(contents) }
    #expect(PCINames(path: file.path).text(for: Self.card) == "[8086:10d3]")
  }

  @Test func numbersHaveFourDigits() {
    #expect(PCIIdentity(vendor: 0, device: 0xf).description == "[0000:000f]")
    #expect(PCIIdentity(vendor: 0x10de, device: .max).description == "[10de:ffff]")
  }

  @Test func hintsNameTheFunctionAndMessagesDoNot() throws {
    let file = try ListFile()
    try file.write(Self.list)
    let names = PCINames(path: file.path)
    let peer = GroupMember(name: "0000:81:00.1", identity: Self.card, driver: "e1000e")
    let notViable = AssignmentError("0000:81:00.0", .groupNotViable(group: 12, blockers: [peer]))
    #expect(notViable.message == "vfio 0000:81:00.0: group 12 is not viable")
    #expect(
      notViable.hints(names: names).last
        == "0000:81:00.1 (Intel Corporation 82574L Gigabit Network Connection [8086:10d3]) of the "
        + "same group is bound to the driver e1000e: bind it to vfio-pci or unbind it.")
    let unbound = GroupMember(name: "0000:81:00.1", identity: Self.card, driver: nil)
    let notBound = AssignmentError(
      "0000:81:00.1",
      .cannotOpenGroup(path: "/dev/vfio/12", .noSuchFileOrDirectory, function: unbound))
    #expect(
      notBound.hints(names: names) == [
        "0000:81:00.1 (Intel Corporation 82574L Gigabit Network Connection [8086:10d3]) is bound "
          + "to no driver. Bind it to vfio-pci: write vfio-pci to its driver_override in sysfs, "
          + "then write its address to drivers_probe."
      ])
  }

  @Test(
    arguments: [
      ("0x8086\n", "0x10d3\n", PCIIdentity(vendor: 0x8086, device: 0x10d3)),
      ("0x8086\n", nil, nil), ("8086\n", "0x10d3\n", nil), ("0x8086", "0x10d3", nil),
      ("0x18086\n", "0x10d3\n", nil), ("", "", nil), ("0x\n", "0x1\n", nil),
    ] as [(String, String?, PCIIdentity?)])
  func sysfsTellsTheNumbers(_ vendor: String, _ device: String?, _ identity: PCIIdentity?) {
    let kernel = ScriptedVFIO()
    let path = HostDevicePath(pciAddress: "0000:81:00.0")
    kernel.arrange { state in
      state.files["\(path.path)/vendor"] = Array(vendor.utf8)
      if let device { state.files["\(path.path)/device"] = Array(device.utf8) }
    }
    #expect(path.identity(on: kernel) == identity)
  }
}
