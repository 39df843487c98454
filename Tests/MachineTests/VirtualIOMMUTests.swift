import CommandLine
import EventLoop
import Glibc
import Machine
import SimulatedKernel
import Testing
import Tracing
import VirtualIOMMU

/// A machine with `-device intel-iommu`: what its guest, its user and its monitors find.
@Suite(.serialized) struct VirtualIOMMUTests {
  static let registers = VTdRegisters.baseAddress

  /// CAP and ECAP of QEMU 11.1.3 for the same properties, read through its qtest protocol.
  static let records: [(properties: String, capability: UInt64, extended: UInt64)] = [
    ("", 0x80d2_008c_222f_0606, 0x00f0_0f4a),
    ("aw-bits=39", 0x80d2_008c_2226_0206, 0x00f0_0f4a),
    ("intremap=off", 0x80d2_008c_222f_0606, 0x0f42),
    ("eim=on", 0x80d2_008c_222f_0606, 0x00f0_0f5a),
    ("eim=off", 0x80d2_008c_222f_0606, 0x00f0_0f4a),
    ("caching-mode=on", 0x80d2_008c_222f_0686, 0x00f0_0f4a),
    ("device-iotlb=on", 0x80d2_008c_222f_0606, 0x00f0_0f4e),
    ("dma-translation=off", 0x80d2_008c_222f_0006, 0x00f0_0f4a),
    ("snoop-control=on", 0x80d2_008c_222f_0606, 0x00f0_0fca),
    ("fs1gp=off", 0x80d2_008c_222f_0606, 0x00f0_0f4a),
    ("intremap=on,eim=on", 0x80d2_008c_222f_0606, 0x00f0_0f5a),
    ("scalable-mode=on", 0x80d2_008c_222f_0606, 0x4800_80f0_0f4a),
    ("scalable-mode=on,aw-bits=39", 0x80d2_008c_2226_0206, 0x4800_80f0_0f4a),
    ("scalable-mode=on,fs1gp=off", 0x80d2_008c_222f_0606, 0x4800_80f0_0f4a),
    ("scalable-mode=on,pasid-bits=1", 0x80d2_008c_222f_0606, 0x4900_80f0_0f4a),
    ("scalable-mode=on,intremap=off", 0x80d2_008c_222f_0606, 0x4800_8000_0f42),
    ("scalable-mode=on,eim=on", 0x80d2_008c_222f_0606, 0x4800_80f0_0f5a),
    ("scalable-mode=on,fsts=on", 0x81d2_008c_222f_0606, 0x8800_00f0_0f4a),
    (
      "caching-mode=on,scalable-mode=on,pasid-bits=20,device-iotlb=on,snoop-control=on,aw-bits=39",
      0x80d2_008c_2226_0286, 0x4998_80f0_0fce
    ),
  ]

  @VMMain private static func machine(
    _ properties: String, host: String = "x710-pair", _ more: [String] = []
  ) throws -> SimulatedMachine {
    let option = "intel-iommu" + (properties.isEmpty ? "" : ",") + properties
    return try SimulatedMachine(
      ["-device", option] + more,
      on: SimulatedKernel(try Checkout.host(host), report: { _ in }))
  }

  @Test(arguments: records)
  func aGuestReadsTheRegistersOfQEMUForTheSameProperties(
    properties: String, capability: UInt64, extended: UInt64
  ) throws {
    try MainLoop.own {
      let machine = try Self.machine(properties).machine
      for isRunning in [false, true] {
        if isRunning { try machine.resume() }
        #expect(machine.readMemory(Self.registers, size: 4) == 0x10)
        #expect(machine.readMemory(Self.registers + 8, size: 8) == capability)
        #expect(machine.readMemory(Self.registers + 0x10, size: 8) == extended)
        #expect(machine.capabilityReport?.isFrozen == isRunning)
      }
    }
  }

  static let refused: [(properties: String, message: String)] = [
    ("aw-bits=40", "Legacy mode: supported values for aw-bits are: 39, 48"),
    ("eim=on,intremap=off", "eim=on cannot be selected without intremap=on"),
    ("fsts=on", "fsts is only available in scalable mode"),
    ("pasid-bits=20", "Need to set scalable mode for PASID"),
    (
      "scalable-mode=on,pasid-bits=25",
      "PASID width 25 exceeds Max PASID Width 20 allowed in PCI spec"
    ),
    ("svm=on", "Need to set device IOTLB for svm"),
  ]

  @Test(arguments: refused)
  func propertiesThatDoNotGoTogetherEndTheStartInQEMUsWords(
    properties: String, message: String
  ) throws {
    MainLoop.own {
      let error = #expect(throws: MachineError.self) { try Self.machine(properties) }
      #expect(error?.option == "-device intel-iommu,\(properties)")
      #expect(error?.lines == [message])
    }
  }

  // MARK: - Functions

  static let functions = [
    "-object", "iommufd,id=i", "-device", "vfio-pci,host=0000:81:00.0,iommufd=i", "-device",
    "vfio-pci,host=0000:81:00.1,iommufd=i",
  ]

  @Test func thePlaceOnTheCommandLineDoesNotMatter() throws {
    try MainLoop.own {
      let unit = ["-device", "intel-iommu,caching-mode=on,scalable-mode=on,pasid-bits=20"]
      let reports = try [unit + Self.functions, Self.functions + unit].map { arguments in
        try SimulatedMachine(
          arguments, on: SimulatedKernel(try Checkout.host("x710-pasid"), report: { _ in })
        ).machine.capabilityReport
      }
      #expect(reports[0] != nil)
      #expect(reports[0] == reports[1])
    }
  }

  @Test func decisionsAreTracedOnlyWhenAskedFor() throws {
    try MainLoop.own {
      let properties = "caching-mode=on,scalable-mode=on,pasid-bits=auto,id=v"
      let quiet = try Self.machine(properties, host: "x710-pasid", Self.functions)
      #expect(quiet.trace.lines == [])
      let made = try Self.machine(
        properties, host: "x710-pasid", Self.functions + ["-trace", "viommu_*"])
      try made.machine.resume()
      let lines = made.trace.lines
      let changes = lines.filter { $0.hasPrefix("viommu_decision pasid-bits ") }
      #expect(
        changes == [
          "viommu_decision pasid-bits requested auto effective 20 limited by nobody",
          "viommu_decision pasid-bits requested auto effective 0 limited by 0000:81:00.1",
        ])
      #expect(lines.count { $0.hasPrefix("viommu_device_facts ") } == 2)
      let shown = lines.filter { $0.hasPrefix("viommu_function_pasid ") }
      #expect(
        shown == [
          "viommu_function_pasid 0000:81:00.0 20 bits, exec",
          "viommu_function_pasid 0000:81:00.0 none: the vIOMMU offers no PASIDs (0000:81:00.1)",
          "viommu_function_pasid 0000:81:00.1 none: the host reports no PASID width for it",
        ])
      #expect(lines.last?.hasPrefix("viommu_frozen cap 0x80d2008c222f0686 ecap 0x") == true)
    }
  }

  @Test(arguments: [false, true])
  func aFunctionThatLeavesIsForgotten(isFrozen: Bool) throws {
    try MainLoop.own {
      let made = try CapabilityMachine(
        CapabilityFreezeTests.arguments("reserve-pasid-bits=8,reserve-snoop-control=off"),
        on: try Checkout.host("unequal-iommus"), functions: [CapabilityFreezeTests.first])
      try made.machine.addDevice(try CapabilityFreezeTests.late())
      #expect(try made.row("aw-bits").effective == "39")
      if isFrozen { try made.machine.resume() }
      try made.machine.removeDevice("late")
      #expect(try made.report.functions.map(\.device) == [CapabilityFreezeTests.first])
      #expect(try made.row("aw-bits").effective == (isFrozen ? "39" : "48"))
      #expect(try made.row("aw-bits").devices == [])
      try made.machine.addDevice(try CapabilityFreezeTests.late())
      #expect(try made.row("aw-bits").effective == "39")
    }
  }

  @Test func theNarrowFunctionIsTheOneThatIsNamedInWhateverOrderTheyCome() throws {
    let wide = CapabilityFreezeTests.first
    let narrow = CapabilityFreezeTests.second
    try MainLoop.own {
      for order in [[wide, narrow], [narrow, wide]] {
        let functions = order.flatMap { ["-device", "vfio-pci,host=\($0),iommufd=i"] }
        let machine = try Self.machine(
          "caching-mode=on,aw-bits=auto", host: "unequal-iommus",
          ["-object", "iommufd,id=i"] + functions
        ).machine
        let row = machine.capabilityReport?.rows.first { $0.property == "aw-bits" }
        #expect(row?.effective == "39")
        #expect(row?.limitedBy == [narrow], "\(order)")
      }
    }
  }

  // MARK: - Table

  /// A multiboot kernel of one instruction, in a file of its own.
  private static func kernel() throws -> String {
    var words: [UInt32] = [0x1bad_b002, 1 << 16, 0, 0x10_0000, 0x10_0000, 0, 0, 0x10_0020]
    words[2] = 0 &- words[0] &- words[1]
    var bytes: [UInt8] = []
    for word in words {
      for shift: UInt32 in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }
    bytes.append(0xf4)
    let path = "/tmp/swiftvmm-viommu-\(getpid()).bin"
    guard let file = unsafe fopen(path, "w") else { throw Unexpected() }
    let count = unsafe fwrite(bytes, 1, bytes.count, file)
    let status = unsafe fclose(file)
    #expect(status == 0 && count == bytes.count)
    return path
  }

  /// The bytes of the table of a name that the guest finds; nil without one.
  @VMMain private static func table(_ name: String, in machine: Machine) -> [UInt8]? {
    let signature = name.utf8.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let places = stride(from: UInt64(0xe_0000), to: 0x10_0000, by: 16)
    guard let place = places.first(where: { machine.readMemory($0, size: 4) == signature }) else {
      return nil
    }
    let length = machine.readMemory(place + 4, size: 4)
    return (0..<min(length, 4096)).map { UInt8(machine.readMemory(place + $0, size: 1)) }
  }

  @Test func theTableSaysWhatTheValuesAreWhenTheGuestStarts() throws {
    let path = try Self.kernel()
    defer { _ = unsafe unlink(path) }
    try MainLoop.own {
      let host = try Checkout.host("unequal-iommus")
      let made = try CapabilityMachine(
        CapabilityFreezeTests.arguments("intremap=on") + ["-kernel", path], on: host,
        functions: [CapabilityFreezeTests.first])
      let early = try #require(Self.table("DMAR", in: made.machine))
      #expect(early[36] == 47)
      #expect(early[37] == 1)
      try made.machine.addDevice(try CapabilityFreezeTests.late())
      try made.machine.resume()
      let table = try #require(Self.table("DMAR", in: made.machine))
      #expect(table[36] == 38)
      #expect(table.reduce(0, &+) == 0)
      // Slots 0, 4 (the function), 8 (the root port) and the chipset's are in it.
      let scopes = stride(from: 72, to: Int(table[50]) + 48, by: 8).map { table[$0 + 6] }
      #expect(scopes.contains(4) && scopes.contains(8) && scopes.contains(0x1f))
      made.machine.reset(.hostQMPSystemReset)
      #expect(Self.table("DMAR", in: made.machine) == table)
      let without = try SimulatedMachine(
        ["-kernel", path], on: SimulatedKernel(host, report: { _ in }))
      #expect(Self.table("DMAR", in: without.machine) == nil)
      #expect(Self.table("APIC", in: without.machine) != nil)
    }
  }
}
