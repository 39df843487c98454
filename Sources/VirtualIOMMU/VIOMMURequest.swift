/// What a user asked of the vIOMMU: each property a value, or `auto`.
package struct VIOMMURequest: Equatable, Sendable {
  /// A property as it was given.
  package enum Choice: Equatable, Sendable {
    /// The largest value that all devices allow.
    case auto
    /// Exactly this value, 0 and 1 for a switch.
    case value(Int)
  }

  /// Values asked for; a property that is missing is `auto`.
  private var values: [VIOMMUProperty: Int]

  /// The properties whose values nobody asked for.
  private var defaults: Set<VIOMMUProperty> = []

  /// `reserve-NAME`: the most that `auto` takes, so that a weaker device can come later. Those of
  /// properties that are not reservable have no effect.
  package var reserves: [VIOMMUProperty: Int]

  /// A request with some values; the other properties are `auto`.
  package init(
    _ values: [VIOMMUProperty: Int] = [:], reserves: [VIOMMUProperty: Int] = [:]
  ) {
    self.values = values
    self.reserves = reserves
  }

  /// Puts what was given over defaults for what was not.
  package init(
    _ given: [VIOMMUProperty: Choice], reserves: [VIOMMUProperty: Int] = [:],
    defaults: VIOMMURequest
  ) {
    values = defaults.values
    self.reserves = reserves
    self.defaults = Set(defaults.values.keys).subtracting(given.keys)
    for (property, choice) in given {
      switch choice {
      case .auto: values[property] = nil
      case .value(let value): values[property] = value
      }
    }
    if given[.sharedVirtualMemory] == .auto { values[.sharedVirtualMemory] = 0 }
  }

  /// The value asked for, or the default of a property that was not given; nil for `auto`.
  package subscript(_ property: VIOMMUProperty) -> Int? {
    get { values[property] }
    set {
      values[property] = newValue
      defaults.remove(property)
    }
  }

  /// Whether a property has its value because nobody asked for another.
  package func isDefault(_ property: VIOMMUProperty) -> Bool { defaults.contains(property) }

  /// What QEMU 11.1 takes for properties that are not given.
  package static let qemuDefaults = VIOMMURequest(
    [:],
    defaults: VIOMMURequest([
      .dmaTranslation: 1, .cachingMode: 0, .addressWidth: 48, .scalableMode: 0, .firstStage: 0,
      .firstStage1GiB: 1, .pasidWidth: 0, .snoopControl: 0, .deviceIOTLB: 0,
      .sharedVirtualMemory: 0,
    ]))
}
