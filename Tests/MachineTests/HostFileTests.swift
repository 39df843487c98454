import HostKernel
import PCI
import SimulatedKernel
import Testing
import VirtualIOMMU

/// The host descriptions of `machines/`: each can be loaded, and agrees with itself.
@Suite struct HostFileTests {
  static let names: [String] =
    ((try? LinuxKernel().entries(of: "\(Checkout.root)/machines")) ?? [])
    .filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(".yaml".count)) }.sorted()

  @Test func theFolderHasHosts() { #expect(Self.names.count >= 16) }

  @Test(arguments: names)
  func anIntelUnitsRegistersSayWhatItsOtherKeysSay(name: String) throws {
    for unit in try Checkout.host(name).iommus {
      guard case .intel(_, let bits) = unit.kind, unit.pasidLimit > 0 else { continue }
      let extended = VTdExtendedCapability(bits: bits)
      #expect(extended.hasScalableMode, "\(unit.name)")
      #expect(1 << extended.pasidWidth == unit.pasidLimit, "\(unit.name)")
      #expect(extended.hasDeviceTLB == unit.supportsDeviceTLB, "\(unit.name)")
      #expect(extended.nests == unit.supportsNesting, "\(unit.name)")
    }
  }

  /// Linux does not turn PASID on otherwise.
  @Test(arguments: names)
  func aFunctionWithPASIDHasEndToEndPrefixes(name: String) throws {
    for function in try Checkout.host(name).functions {
      guard function.config.extendedCapability(.pasid) != nil else { continue }
      let express = try #require(function.config.capability(.pcie))
      #expect(function.config.long(at: express + 0x24) & 1 << 21 != 0, "\(function.address)")
    }
  }
}
