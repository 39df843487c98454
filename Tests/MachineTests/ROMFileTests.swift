import EventLoop
import Glibc
import HostKernel
import Machine
import SimulatedKernel
import SystemPackage
import Testing
import Tracing

@Suite(.serialized) struct ROMFileTests {
  /// A file that goes with the test.
  private final class ImageFile {
    let path: String

    /// Makes a file of `count` bytes, none of them zero, and then as long as `length` says.
    init(_ count: Int, length: Int64? = nil) throws {
      var name = Array("/tmp/romfile-XXXXXX".utf8CString)
      let number = unsafe mkstemp(&name)
      guard number >= 0 else { throw Errno(rawValue: errno) }
      path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let descriptor = FileDescriptor(rawValue: number)
      try descriptor.closeAfter {
        _ = try descriptor.writeAll((0..<count).map(Self.byte))
        if let length { try descriptor.resize(to: length) }
      }
    }

    deinit { _ = unsafe unlink(path) }

    static func byte(_ place: Int) -> UInt8 { UInt8((place ^ place >> 8) % 255 + 1) }
  }

  private static let address: UInt64 = 0xfe00_0000

  /// One function of the e1000e pair at slot 4 with a ROM from a file.
  @VMMain private static func machine(_ path: String) throws -> SimulatedMachine {
    let kernel = SimulatedKernel(try Checkout.host("e1000e-pair"), report: { _ in })
    return try SimulatedMachine(
      ["-device", "vfio-pci,host=0000:81:00.0,addr=04.0,romfile=\(path)"], on: kernel)
  }

  @Test(
    arguments: [
      (1, 0xffff_f801), (2048, 0xffff_f801), (2049, 0xffff_f001), (65536, 0xffff_0001),
      (65537, 0xfffe_0001), (200 * 1024, 0xfffc_0001),
    ] as [(Int, UInt32)])
  func theGuestFindsTheWholeFileAndZerosUpToAPowerOfTwo(_ count: Int, _ sizing: UInt32) throws {
    let file = try ImageFile(count)
    try MainLoop.own {
      let machine = try Self.machine(file.path)
      machine.writeConfigDword(slot: 4, offset: 0x30, .max)
      #expect(machine.readConfig(slot: 4, offset: 0x30) == sizing)
      machine.writeConfigDword(slot: 4, offset: 0x30, UInt32(Self.address) | 1)
      machine.writeConfig(slot: 4, offset: 4, 0x2)
      let size = UInt64(~(sizing & ~1)) + 1
      var wrong: [UInt64] = []
      for place in stride(from: 0, to: size, by: 509) {
        let byte = machine.machine.readMemory(Self.address + place, size: 1)
        let expected = place < count ? UInt64(ImageFile.byte(Int(place))) : 0
        if byte != expected { wrong.append(place) }
      }
      #expect(wrong == [])
      let last = machine.machine.readMemory(Self.address + UInt64(count) - 1, size: 1)
      #expect(last == UInt64(ImageFile.byte(count - 1)))
    }
  }

  @Test func aROMFromAFileIsReadOnlyMemoryThatDevicesReachAndPrintsNoROMEvent() throws {
    let file = try ImageFile(200 * 1024)
    try MainLoop.own {
      let machine = try Self.machine(file.path)
      machine.machine.tracer.set("vfio*", enabled: true)
      machine.writeConfigDword(slot: 4, offset: 0x30, UInt32(Self.address) | 1)
      machine.writeConfig(slot: 4, offset: 4, 0x2)
      machine.machine.writeMemory(Self.address, size: 1, value: 0)
      #expect(machine.machine.readMemory(Self.address, size: 1) == UInt64(ImageFile.byte(0)))
      #expect(
        machine.trace.lines.contains {
          $0.hasPrefix(
            "vfio_listener_region_add_ram region_add [ram] 0xfe000000 - 0xfe03ffff ")
        })
      #expect(!machine.trace.lines.contains { $0.contains("rom") })
      machine.writeConfigDword(slot: 4, offset: 0x30, UInt32(Self.address))
      #expect(
        machine.trace.lines.contains("vfio_listener_region_del region_del 0xfe000000 - 0xfe03ffff"))
      #expect(machine.machine.readMemory(Self.address, size: 1) == 0xff)
    }
  }

  /// The lines with which a machine refuses a ROM file.
  private func refusal(of path: String) throws -> [String] {
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host("e1000e-pair"), report: { _ in })
      let device = "vfio-pci,host=0000:81:00.0,romfile=\(path)"
      let error = #expect(throws: MachineError.self) {
        try SimulatedMachine(["-device", device], on: kernel)
      }
      #expect(error?.option == "-device \(device)")
      #expect(kernel.openObjects == [])
      return error?.lines ?? []
    }
  }

  private static let hint =
    "Give romfile= the path of an expansion ROM image. Leave it out for the function's own ROM; "
    + "leave the path empty for none."

  @Test func aFileThatIsNotThereIsRefused() throws {
    #expect(
      try refusal(of: "/nowhere/x.rom") == [
        "failed to find romfile \"/nowhere/x.rom\": No such file or directory", Self.hint,
      ])
  }

  @Test func anEmptyFileIsRefused() throws {
    let file = try ImageFile(0)
    #expect(try refusal(of: file.path) == ["romfile \"\(file.path)\" is empty", Self.hint])
  }

  @Test func aFolderIsRefused() throws {
    #expect(
      try refusal(of: "/tmp") == [
        "failed to load romfile \"/tmp\": not a regular file", Self.hint,
      ])
  }

  @Test func aFileOfMoreThan2GiBIsRefusedUnread() throws {
    let file = try ImageFile(1, length: 1 << 31 + 1)
    #expect(
      try refusal(of: file.path) == [
        "romfile \"\(file.path)\" too large (size cannot exceed 2 GiB)", Self.hint,
      ])
  }

  @Test func aMachineWithoutAROMBAROpensNoFile() throws {
    try MainLoop.own {
      let machine = try Self.machine("/nowhere/x.rom,rombar=0")
      machine.writeConfigDword(slot: 4, offset: 0x30, .max)
      #expect(machine.readConfig(slot: 4, offset: 0x30) == 0)
    }
  }

  @Test func theHostsROMIsReadOnceAndPrinted() throws {
    try MainLoop.own {
      let host = try Checkout.host(
        "e1000e-pair",
        replacing: [("bars: &bars", "rom: { size: 8K, image: 55aa }\n    bars: &bars")])
      let machine = try SimulatedMachine(
        [
          "-trace", "vfio_*rom*", "-device", "vfio-pci,host=0000:81:00.0,addr=04.0",
        ], on: SimulatedKernel(host, report: { _ in }))
      machine.writeConfigDword(slot: 4, offset: 0x30, UInt32(Self.address) | 1)
      machine.writeConfig(slot: 4, offset: 4, 0x2)
      for _ in 0..<2 { _ = machine.machine.readMemory(Self.address, size: 2) }
      #expect(
        machine.trace.lines == [
          "vfio_pci_size_rom 0000:81:00.0 ROM size 0x2000",
          "vfio_pci_load_rom Device '0000:81:00.0' ROM: size: 0x2000, offset: 0x60000000000, "
            + "flags: 0x1",
          "vfio_rom_read  (0000:81:00.0, 0x0, 0x2) = 0xaa55",
          "vfio_rom_read  (0000:81:00.0, 0x0, 0x2) = 0xaa55",
        ])
    }
  }
}
