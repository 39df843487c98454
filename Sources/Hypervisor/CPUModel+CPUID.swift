/// What the host can give its guests' CPUs.
package struct HostCPU: Sendable {
  /// What `KVM_GET_SUPPORTED_CPUID` lists.
  package var supported: CPUIDTable
  /// Whether the interrupt controller's timer takes a deadline (`KVM_CAP_TSC_DEADLINE_TIMER`).
  package var hasDeadlineTimer: Bool
  /// The processor's own name, leaves 0x80000002 to 0x80000004, which KVM may leave out.
  package var brand: [CPUIDTable.Entry]

  package init(
    supported: CPUIDTable, hasDeadlineTimer: Bool, brand: [CPUIDTable.Entry] = []
  ) {
    self.supported = supported
    self.hasDeadlineTimer = hasDeadlineTimer
    self.brand = brand
  }
}

extension CPUModel {
  /// What all CPUs of a machine have in common, and the features that were asked for in vain.
  package struct Shape: Equatable, Sendable {
    /// The answers before each CPU's own numbers are put in.
    package var table: CPUIDTable
    /// Features of the model or of the command line that the host cannot give.
    package var missing: [String]
  }

  /// The CPUID of this model on a host. Throws when `enforce` finds something missing.
  package func shape(on host: HostCPU) throws(CPUModelError) -> Shape {
    var available = host.supported
    Self.addEmulated(to: &available, host)
    var table = available
    var missing: [String] = []
    switch base {
    case .host, .max:
      for entry in host.brand where (table[entry.leaf, 0]?.isBlank ?? false) { table.set(entry) }
      if isMigratable { Self.set("invtsc", false, in: &table) }
    case .qemu64: missing = Self.limitToQEMU64(&table)
    }
    // What the guest would need more of us for, and what the kernel follows the guest's own state in.
    for name in ["kvm-msi-ext-dest-id", "monitor"] { Self.set(name, false, in: &table) }
    table[1, 0, .ecx] &= ~Self.enabledXSAVE
    table[7, 0, .ecx] &= ~Self.enabledKeys
    for change in changes {
      for feature in CPUFeature.named(change.name) {
        let isAvailable =
          available[feature.leaf, feature.index, feature.register] & feature.mask != 0
        if !change.isOn {
          table[feature.leaf, feature.index, feature.register] &= ~feature.mask
        } else if isAvailable {
          table[feature.leaf, feature.index, feature.register] |= feature.mask
        } else if !missing.contains(feature.name) {
          missing.append(feature.name)
        }
      }
    }
    if isEnforced, !missing.isEmpty { throw .missing(missing) }
    Self.fitExtendedState(&table)
    if !showsKVM { table.entries.removeAll { $0.leaf >> 8 == 0x40_0000 } }
    return Shape(table: table, missing: missing)
  }

  /// What KVM gives though it does not list it: it depends on the interrupt controller in the kernel,
  /// which is always there.
  private static func addEmulated(to table: inout CPUIDTable, _ host: HostCPU) {
    set("x2apic", true, in: &table)
    set("hypervisor", true, in: &table)
    if host.hasDeadlineTimer { set("tsc-deadline", true, in: &table) }
    if table[6, 0] == nil { table.set(CPUIDTable.Entry(leaf: 6)) }
    set("arat", true, in: &table)
  }

  private static func set(_ name: String, _ isOn: Bool, in table: inout CPUIDTable) {
    for feature in CPUFeature.named(name) {
      if isOn {
        table[feature.leaf, feature.index, feature.register] |= feature.mask
      } else {
        table[feature.leaf, feature.index, feature.register] &= ~feature.mask
      }
    }
  }

  /// OSXSAVE and OSPKE follow CR4.
  private static let enabledXSAVE: UInt32 = 1 << 27
  private static let enabledKeys: UInt32 = 1 << 4

  /// Takes everything away that QEMU's qemu64 lacks and gives the processor its name. Returns the
  /// features that the model has and the host lacks.
  private static func limitToQEMU64(_ table: inout CPUIDTable) -> [String] {
    var missing: [String] = []
    for feature in CPUFeature.all {
      let isOn = table[feature.leaf, feature.index, feature.register] & feature.mask != 0
      let isWanted = qemu64Features.contains(feature.name)
      if isOn, !isWanted, !isParavirtual(feature) {
        table[feature.leaf, feature.index, feature.register] &= ~feature.mask
      } else if isWanted, !isOn, table[feature.leaf, feature.index] != nil {
        missing.append(feature.name)
      }
    }
    // An AMD processor of family 15, model 107, stepping 1.
    table.set(
      CPUIDTable.Entry(leaf: 0, eax: 0xd, ebx: 0x6874_7541, ecx: 0x444d_4163, edx: 0x6974_6e65))
    table[1, 0, .eax] = 0x60fb1
    let aliased: UInt32 = 0x0183_f3ff
    table.set(
      CPUIDTable.Entry(
        leaf: 0x8000_0000, eax: 0x8000_000a, ebx: 0x6874_7541, ecx: 0x444d_4163,
        edx: 0x6974_6e65))
    table[0x8000_0001, 0, .eax] = 0x60fb1
    table[0x8000_0001, 0, .edx] =
      table[0x8000_0001, 0, .edx] & ~aliased | table[1, 0, .edx] & aliased
    let name = Array("QEMU Virtual CPU version 2.5+".utf8)
    for leaf in 0..<3 {
      let words = (0..<4).map { word in
        (0..<4).reduce(UInt32(0)) { value, byte in
          let place = leaf * 16 + word * 4 + byte
          return value | (place < name.count ? UInt32(name[place]) : 0) << (8 * UInt32(byte))
        }
      }
      table.set(
        CPUIDTable.Entry(
          leaf: 0x8000_0002 + UInt32(leaf), eax: words[0], ebx: words[1], ecx: words[2],
          edx: words[3]))
    }
    let hostBits = table[0x8000_0008, 0, .eax] & 0xff
    table.set(
      CPUIDTable.Entry(
        leaf: 0x8000_0008, eax: 0x3000 | min(40, hostBits == 0 ? 36 : hostBits)))
    // Leaves that describe what such a processor does not have.
    table.entries.removeAll {
      (0xe...0x3fff_ffff).contains($0.leaf) || [2, 4, 5, 9, 0xa, 0xc].contains($0.leaf)
        || $0.leaf > 0x8000_000a && $0.leaf < 0xc000_0000
        || [0x8000_0005, 0x8000_0006].contains($0.leaf)
    }
    return missing
  }

  private static func isParavirtual(_ feature: CPUFeature) -> Bool {
    feature.leaf == CPUIDTable.hypervisorFeatures
  }

  private static let qemu64Features: Set<String> = Set(
    """
    fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 \
    pni cx16 lm syscall nx lahf-lm x2apic hypervisor
    """.split(separator: " ").map(String.init))

  // MARK: - Extended state

  /// The state components that a feature needs in XCR0.
  private static let components: [(feature: String, mask: UInt64)] = [
    ("avx", 1 << 2), ("mpx", 3 << 3), ("avx512f", 7 << 5), ("pku", 1 << 9),
    ("amx-tile", 3 << 17),
  ]

  /// Makes leaf 0xd agree with the features: no component of a feature that is off, and nothing at
  /// all without XSAVE. KVM keeps the sizes that follow the guest's XCR0.
  private static func fitExtendedState(_ table: inout CPUIDTable) {
    guard has("xsave", table) else {
      table.remove(leaf: 0xd)
      for name in ["avx", "avx2", "fma", "f16c", "avx512f"] { set(name, false, in: &table) }
      return
    }
    var absent: UInt64 = 0
    for component in components where !has(component.feature, table) {
      absent |= component.mask
    }
    table[0xd, 0, .eax] &= ~UInt32(truncatingIfNeeded: absent)
    table[0xd, 0, .edx] &= ~UInt32(truncatingIfNeeded: absent >> 32)
    table.entries.removeAll {
      $0.leaf == 0xd && (2..<64).contains($0.index) && absent >> UInt64($0.index) & 1 != 0
    }
    var size: UInt32 = 0x240
    for entry in table.entries
    where entry.leaf == 0xd && entry.index >= 2 && entry.ecx & 1 == 0 {
      size = max(size, entry.eax &+ entry.ebx)
    }
    table[0xd, 0, .ecx] = size
  }

  private static func has(_ name: String, _ table: CPUIDTable) -> Bool {
    CPUFeature.named(name).allSatisfy {
      table[$0.leaf, $0.index, $0.register] & $0.mask != 0
    }
  }
}

extension CPUIDTable.Entry {
  /// Whether nothing is said.
  fileprivate var isBlank: Bool { eax | ebx | ecx | edx == 0 }
}
