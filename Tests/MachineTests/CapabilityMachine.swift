import CommandLine
import EventLoop
import HostKernel
import Machine
import PCI
import SimulatedKernel
import Testing
import VirtualIOMMU

/// A machine with a vIOMMU and assigned functions of a simulated host, looked at as its user and its
/// guest do.
@VMMain struct CapabilityMachine {
  let simulated: SimulatedMachine
  let kernel: SimulatedKernel
  /// The functions' host addresses, in guest slots from 4 on.
  let functions: [String]
  private let window: UInt64

  /// The command line of a vIOMMU with everything `auto` but `request`, and functions in slots from 4
  /// on; one of the form `group:ADDRESS` is assigned without iommufd.
  nonisolated static func arguments(_ request: String, functions: [String]) -> [String] {
    let given = request.split(separator: ",").map(String.init)
    let named = Set(given.map { $0.prefix { $0 != "=" } }.map(String.init))
    let automatic = VIOMMUProperty.allCases.map(\.rawValue).filter { !named.contains($0) }
    let properties = (automatic.map { "\($0)=auto" } + given).joined(separator: ",")
    var words = ["-object", "iommufd,id=i", "-device", "intel-iommu,\(properties)"]
    for (index, function) in functions.enumerated() {
      let isLegacy = function.hasPrefix("group:")
      let address = isLegacy ? String(function.dropFirst(6)) : function
      let backend = isLegacy ? "" : ",iommufd=i"
      words += ["-device", "vfio-pci,host=\(address)\(backend),addr=\(index + 4).0"]
    }
    return words
  }

  init(_ arguments: [String], on host: HostDescription, functions: [String]) throws {
    kernel = SimulatedKernel(host, report: { _ in })
    simulated = try SimulatedMachine(arguments, on: kernel)
    self.functions = functions.map { $0.hasPrefix("group:") ? String($0.dropFirst(6)) : $0 }
    window = simulated.enableConfigWindow()
  }

  init(_ request: String, functions: [String], on host: HostDescription) throws {
    try self.init(
      Self.arguments(request, functions: functions), on: host, functions: functions)
  }

  var machine: Machine { simulated.machine }

  /// What `query-viommu` and `info viommu` are made of.
  var report: CapabilityReport {
    get throws { try #require(machine.capabilityReport) }
  }

  func row(_ property: String) throws -> CapabilityReport.Row {
    try #require(try report.rows.first { $0.property == property })
  }

  func told(_ function: String) throws -> FunctionPASID {
    try #require(try report.functions.first { $0.device == function }).pasid
  }

  // MARK: What the guest sees

  /// All of a function's config space, read through the memory window.
  func configSpace(slot: UInt64) -> [UInt8] {
    (0..<UInt64(1024)).flatMap { index in
      let dword = UInt32(
        truncatingIfNeeded: machine.readMemory(window | slot << 15 | index << 2, size: 4))
      return (0..<4).map { UInt8(truncatingIfNeeded: dword >> (8 * UInt32($0))) }
    }
  }

  func configSpace(_ function: String) throws -> [UInt8] {
    configSpace(slot: UInt64(try #require(functions.firstIndex(of: function)) + 4))
  }

  /// Writes 16 bits of a function's config space through the memory window.
  func write(_ function: String, at offset: Int, _ value: UInt64) throws {
    let slot = UInt64(try #require(functions.firstIndex(of: function)) + 4)
    machine.writeMemory(window | slot << 15 | UInt64(offset), size: 2, value: value)
  }

  /// Where the guest finds a function's PASID capability; nil when there is none.
  func pasidOffset(_ function: String) throws -> Int? {
    let walk = CapabilityWalk.extended(in: try configSpace(function))
    return walk.capabilities.first { $0.id == .pasid }?.offset
  }

  /// Width, execute and privileged as the guest finds them, and `control` taking exactly what they
  /// allow; nil without the capability.
  func guestPASID(_ function: String) throws -> String? {
    guard let offset = try pasidOffset(function) else { return nil }
    let bytes = try configSpace(function)
    let capabilities = UInt16(bytes[offset + 4]) | UInt16(bytes[offset + 5]) << 8
    #expect(bytes[offset + 6] == 0 && bytes[offset + 7] == 0, "control is 0 at the start")
    try write(function, at: offset + 4, 0xffff)
    try write(function, at: offset + 6, 0xffff)
    let after = try configSpace(function)
    #expect(after[offset + 4..<offset + 6] == bytes[offset + 4..<offset + 6])
    #expect(UInt16(after[offset + 6]) == 1 | capabilities & 6 && after[offset + 7] == 0)
    return Self.word(
      .capability(
        width: Int(capabilities >> 8 & 0x1f), exec: capabilities & 2 != 0,
        privileged: capabilities & 4 != 0))
  }

  /// A capability as the width with `x` for execute and `p` for privileged; `none`.
  nonisolated static func word(_ pasid: FunctionPASID) -> String {
    switch pasid {
    case .capability(let width, let exec, let privileged):
      "\(width)\(exec ? "x" : "")\(privileged ? "p" : "")"
    case .none: "none"
    }
  }
}

extension SimulatedMachine {
  /// The last `-device` of a command line, as a monitor would add it.
  static func device(_ arguments: [String]) throws -> DeviceConfiguration {
    try #require(try configuration(arguments).devices.last)
  }
}
