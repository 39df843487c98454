import EventLoop
import HostKernel
import Machine
import SimulatedKernel
import TestSupport
import Testing
import VirtualIOMMU

/// The resolver's table once more, with machines on simulated hosts that have its devices.
@Suite struct CapabilityTableTests {
  /// A device of the table as a host has it, alone behind an IOMMU of its own.
  struct Device: Sendable {
    /// Width of the host's I/O addresses.
    var bits = 48
    var extended: UInt64 = 0x4998_80f0_0fce
    var capability: UInt64 = 0
    /// Width of the function's PASIDs, 0 for none.
    var pasid = 0
    var executes = false
    var isPrivileged = false
    var hasATS = true
    /// Another kind of IOMMU, as the description writes it.
    var unit: String?
    var isLegacy = false

    /// The extended capability register with PASIDs of some width, 0 for none.
    static func extended(pasid width: UInt64) -> UInt64 {
      let cleared = Device().extended & ~(0x1f << 35 | 1 << 40)
      return width == 0 ? cleared : cleared | (width - 1) << 35 | 1 << 40
    }
  }

  static let nesting = Device().extended | 1 << 47 | 1 << 26
  /// Those of the table's devices that a description can give; the others have no simulated IOMMU, or a
  /// host that does not answer.
  static let devices: [String: Device] = [
    "lab": Device(bits: 47, extended: 0x8998_00f0_0f4a, hasATS: false),
    "x710.0": Device(pasid: 20, executes: true), "x710.1": Device(),
    "gpu": Device(pasid: 20, executes: true, isPrivileged: true),
    "priv": Device(pasid: 16, isPrivileged: true), "plain": Device(pasid: 16),
    "old": Device(bits: 39, extended: 0xf0_0f4a, hasATS: false),
    "p16": Device(extended: Device.extended(pasid: 16), pasid: 16, executes: true),
    "p8": Device(extended: Device.extended(pasid: 8), pasid: 8),
    "p8none": Device(extended: Device.extended(pasid: 8)),
    "p0": Device(extended: Device.extended(pasid: 0), hasATS: false),
    "nosnoop": Device(extended: Device().extended & ~0x80),
    "nodt": Device(extended: Device().extended & ~0x4, hasATS: false),
    "dtlie": Device(extended: Device().extended & ~0x4),
    "nest": Device(extended: nesting, capability: 1 << 56, pasid: 20),
    "nest2m": Device(extended: nesting, pasid: 20),
    "fsonly": Device(extended: Device().extended | 1 << 47),
    "narrow": Device(bits: 36), "b39": Device(bits: 39), "b57": Device(bits: 57),
    "silent": Device(hasATS: false, unit: "type: silent"),
    // Its driver takes one PASID less than a power of two.
    "amd": Device(
      bits: 64, pasid: 20, executes: true, isPrivileged: true,
      unit: "type: amd, features: 0x1300000010, pasid-bits: 20"),
    "group": Device(isLegacy: true),
  ]

  static let rows = CapabilityTable.rows.filter { row in
    names(of: row).allSatisfy { devices[$0] != nil }
  }

  static func names(of row: CapabilityTable.Row) -> [String] {
    row.devices.split(separator: " ").map(String.init)
  }

  static func address(_ index: Int) -> String { "0000:00:0\(index + 4).0" }

  static func host(_ names: [String]) throws -> HostDescription {
    var units = ""
    var functions = ""
    for (index, name) in names.enumerated() {
      guard let device = devices[name] else { continue }
      let kind =
        device.unit
        ?? "type: intel, capability: \(device.capability), extended-capability: \(device.extended)"
        + ", pasid-bits: \(device.pasid)"
      units +=
        "  - { name: u\(index), \(kind), address-width: \(device.bits), "
        + "device-tlb: \(device.hasATS) }\n"
      functions += """
          - address: "\(address(index))"
            vendor: 0x1234
            device: 0x5678
            class: 0x120000
            iommu-group: \(index + 4)
            iommu: u\(index)
            capabilities: [{ id: pcie, at: 0x40, type: integrated-endpoint, flr: true }]
            extended-capabilities:
              - { id: aer, at: 0x100 }

        """
      if device.hasATS { functions += "      - { id: ats, at: 0x150 }\n" }
      if device.pasid > 0 {
        functions +=
          "      - { id: pasid, at: 0x160, width: \(device.pasid), "
          + "execute: \(device.executes), privileged: \(device.isPrivileged) }\n"
      }
    }
    let text =
      "iommus:\n\(units.isEmpty ? "  - { name: none, type: silent }\n" : units)"
      + "functions:\(functions.isEmpty ? " []" : "")\n\(functions)"
    return try HostDescription(parsing: Array(text.utf8), file: "table.yaml")
  }

  @Test func mostOfTheTableCanBeRun() {
    #expect(Self.rows.count >= 60)
    #expect(CapabilityTable.rows.count - Self.rows.count <= 16)
  }

  @Test(arguments: rows, [false, true])
  func aMachineComesToWhatTheTableSaysInWhateverOrderDevicesCome(
    row: CapabilityTable.Row, isReversed: Bool
  ) throws {
    let names = isReversed ? Self.names(of: row).reversed() : Self.names(of: row)
    let functions = names.enumerated().map { index, name in
      (Self.devices[name]?.isLegacy == true ? "group:" : "") + Self.address(index)
    }
    let host = try Self.host(names)
    try MainLoop.own {
      let expected = row.expected.split(separator: " ").map(String.init)
      do {
        let made = try CapabilityMachine(
          Self.withoutSharedMemory(row.request), functions: functions, on: host)
        #expect(try expected.map { try Self.found($0, in: made, names) } == expected)
      } catch let error as MachineError {
        guard case .viommu(.refused(let refusals), _) = error.cause else { throw error }
        // Devices come one after the other, so the first that does not fit is named, with the value
        // that works for those that are there.
        let isOne = expected.count == 1
        let found = refusals.map { refusal in
          "!\(refusal.property.rawValue):\(Self.named(refusal.limiter.name, names))="
            + (isOne ? refusal.working.map(refusal.property.text) ?? "-" : "")
        }
        let rules = expected.map { isOne ? $0 : $0.prefix { $0 != "=" } + "=" }
        #expect(!found.isEmpty)
        #expect(Set(found).isSubset(of: rules), "\(found)")
      }
    }
  }

  /// The table has no shared virtual memory unless it says so.
  private static func withoutSharedMemory(_ request: String) -> String {
    request.contains("svm=") ? request : request + (request.isEmpty ? "" : ",") + "svm=off"
  }

  private static func named(_ limiter: String, _ names: [String]) -> String {
    names.indices.first { address($0) == limiter }.map { names[$0] } ?? limiter
  }

  @VMMain private static func found(
    _ word: String, in made: CapabilityMachine, _ names: [String]
  ) throws -> String {
    if let hash = word.firstIndex(of: "#") {
      let name = String(word[..<hash])
      let index = try #require(names.firstIndex(of: name))
      return "\(name)#\(reason(try made.told(address(index))))"
    }
    let row = try made.row(String(word.prefix { $0 != "=" }))
    let limiters = row.limitedBy.map { named($0, names) }
    let sorted = limiters.sorted { (rank($0), $0) < (rank($1), $1) }
    return "\(row.property)=\(row.effective)"
      + (sorted.isEmpty ? "" : ":" + sorted.joined(separator: ","))
  }

  /// Limiters of one kind stand together: the resolver's order is that of their names.
  private static func rank(_ limiter: String) -> Int {
    if ["request", "machine"].contains(limiter) { return 0 }
    if VIOMMUProperty(rawValue: limiter) != nil { return 1 }
    return limiter.hasPrefix("reserve-") ? 2 : 3
  }

  private static func reason(_ pasid: FunctionPASID) -> String {
    switch pasid {
    case .none(.legacyBackend): "legacyBackend"
    case .none(.noInformation): "noInformation"
    case .none(.deviceHasNone): "deviceHasNone"
    case .none(.notOffered): "notOffered"
    default: CapabilityMachine.word(pasid)
    }
  }
}
