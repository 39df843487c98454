package import PCI

/// A function, or a property of the host, that a contract case needs; names as in section 12.0 of the
/// reference.
package enum Fixture: String, Sendable, CaseIterable, Comparable {
  /// Two functions of one slot, one IOMMU group, no FLR.
  case a0 = "A0"
  case a1 = "A1"
  /// Two functions of one slot, separate groups.
  case s0 = "S0"
  case s1 = "S1"
  /// Alone in slot and group: FLR, dynamic MSI-X, MSI.
  case n = "N"
  /// On a root bus, in its own group, with INTx that can be asserted.
  case r = "R"
  /// Conventional functions behind the bridge `bb`, all in one group; `b0` has no reset method.
  case b0 = "B0"
  case b1 = "B1"
  case bb = "Bb"
  /// An SR-IOV physical function on vfio-pci and two virtual functions of it.
  case p = "P"
  case v0 = "V0"
  case v1 = "V1"
  /// Two functions of one slot without an IOMMU group, in no-IOMMU mode.
  case z0 = "Z0"
  case z1 = "Z1"
  /// Alone in its slot, without an IOMMU group, in no-IOMMU mode.
  case z2 = "Z2"
  /// A function behind an IOMMU that does not remap interrupts.
  case u = "U"
  /// A function with sixteen MSI messages.
  case q = "Q"
  /// A function with ATS behind an IOMMU with device TLB, and one without behind the same unit.
  case t = "T"
  /// A function with PASID behind an IOMMU that has it.
  case h = "H"
  /// A function behind an IOMMU of 39 bits of address width.
  case w = "W"
  /// A function behind an IOMMU whose driver tells nothing of it.
  case x = "X"
  /// A function behind a VT-d unit on whose page tables those of guests can lie.
  case f = "F"
  /// A function with ATS, and one without in its group.
  case e0 = "E0"
  case e1 = "E1"
  /// The kernel's mock devices of iommufd (`IOMMU_TEST_OP_*`); it has no address.
  case mock = "M"

  package static func < (left: Fixture, right: Fixture) -> Bool { left.rawValue < right.rawValue }

  /// What is missing where a host does not have it.
  package var need: String {
    switch self {
    case .a0, .a1: "two functions of one slot in one IOMMU group"
    case .s0, .s1: "two functions of one slot in separate IOMMU groups"
    case .n: "a function alone in slot and group with FLR, MSI and dynamic MSI-X"
    case .r: "a function on a root bus whose INTx can be asserted"
    case .b0, .b1, .bb: "conventional functions behind a bridge"
    case .p, .v0, .v1: "an SR-IOV physical function with two virtual functions"
    case .z0, .z1, .z2: "functions without an IOMMU group"
    case .u: "a function behind an IOMMU that does not remap interrupts"
    case .q: "a function with sixteen MSI messages"
    case .t: "a function with ATS behind an IOMMU with a device TLB"
    case .h: "a function with PASID behind an IOMMU that has it"
    case .w: "a function behind an IOMMU of 39 address bits"
    case .x: "a function behind an IOMMU whose driver tells nothing of it"
    case .f: "a function behind a VT-d unit that nests"
    case .e0, .e1: "a function with ATS and one without in one IOMMU group"
    case .mock: "the kernel's mock devices of iommufd"
    }
  }
}

/// Where the fixtures of a host are.
package struct FixtureMap: Sendable {
  private var addresses: [Fixture: PCIAddress?]

  /// Reads lines `NAME ADDRESS`, or `M` alone; empty lines and lines that start with # say nothing.
  /// Throws `ContractFailure` for anything else.
  package init(_ text: String) throws {
    addresses = [:]
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      let words = line.split(separator: " ")
      if words.isEmpty { continue }
      guard let fixture = Fixture(rawValue: String(words[0])), words.count <= 2 else {
        throw ContractFailure("no such fixture: \(line)")
      }
      let address = words.count == 2 ? PCIAddress(String(words[1])) : nil
      guard fixture == .mock || address != nil else {
        throw ContractFailure("no address of a function: \(line)")
      }
      addresses[fixture] = .some(address)
    }
  }

  /// Whether the host has a fixture.
  package func contains(_ fixture: Fixture) -> Bool { addresses[fixture] != nil }

  /// Every function of the map, each once, in order of address.
  package var functions: [PCIAddress] { Set(addresses.values.compactMap { $0 }).sorted() }

  /// The address of a function. Throws `ContractSkip` where the host has none.
  package subscript(_ fixture: Fixture) -> PCIAddress {
    get throws(ContractSkip) {
      guard let address = addresses[fixture] ?? nil else {
        throw ContractSkip(missing: fixture)
      }
      return address
    }
  }
}
