internal import PCI

/// Which ways of resetting one function its capabilities allow.
package enum FunctionReset {
  /// What a method needs and the function lacks, in words; nil when the method can be listed.
  static func missing(for method: HostResetMethod, in config: HostConfigSpace) -> String? {
    switch method {
    case .flr: hasFLR(config) ? nil : "a 'pcie' capability with 'flr: true'"
    case .afFLR: hasAdvancedFLR(config) ? nil : "an 'af' capability with 'flr: true'"
    case .pm:
      losesStateInD3(config) ? nil : "a 'pm' capability whose pmcsr has bit 3 clear"
    case .deviceSpecific, .acpi, .bus, .cxlBus: nil
    }
  }

  /// The list that Linux makes at discovery when nothing else is said.
  static func standardMethods(of config: HostConfigSpace, isAlone: Bool) -> [HostResetMethod] {
    var methods: [HostResetMethod] = []
    for method in [HostResetMethod.flr, .afFLR, .pm] where missing(for: method, in: config) == nil {
      methods.append(method)
    }
    return isAlone ? methods + [.bus] : methods
  }

  /// Bit 28 of the PCI Express device capabilities.
  package static func hasFLR(_ config: HostConfigSpace) -> Bool {
    guard let offset = config.capability(.pcie) else { return false }
    return config.long(at: offset + 4) & 1 << 28 != 0
  }

  /// Both the transactions-pending and the FLR bit of the advanced features.
  package static func hasAdvancedFLR(_ config: HostConfigSpace) -> Bool {
    guard let offset = config.capability(.advancedFeatures) else { return false }
    return config.byte(at: offset + 3) & 3 == 3
  }

  /// No_Soft_Reset (PMCSR bit 3) clear: going to D3hot and back resets the function.
  package static func losesStateInD3(_ config: HostConfigSpace) -> Bool {
    guard let offset = config.capability(.powerManagement) else { return false }
    return config.word(at: offset + 4) & 8 == 0
  }
}
