/// A vIOMMU's values, how each came about, and what each function shows.
package struct Resolution: Equatable, Sendable {
  /// How one property got its value.
  package struct Decision: Equatable, Sendable {
    package let property: VIOMMUProperty
    /// Nil for `auto`.
    package let requested: Int?
    /// Nobody asked for `requested`: it is what the property is otherwise.
    package let isDefault: Bool
    package let effective: Int
    /// The limits that kept the value from being the next larger one; empty when nothing did, or the
    /// value was asked for.
    package let limits: [Limit]

    /// Who limited the value, sorted; the request when it was asked for, or the default.
    package var limiters: [Limiter] {
      if requested != nil { return [isDefault ? .defaultValue : .request] }
      return Set(limits.map(\.limiter)).sorted { $0.sortKey < $1.sortKey }
    }
  }

  package let request: VIOMMURequest
  package let machine: VIOMMUMachine
  /// Sorted by name.
  package let devices: [DeviceFacts]
  /// One for each property, in the order of decision.
  package let decisions: [Decision]
  package let values: VIOMMUValues

  /// How a property got its value.
  package func decision(on property: VIOMMUProperty) -> Decision { decisions[property.place] }

  /// The PASID capability of a function, or why there is none.
  package func pasid(of device: DeviceFacts) -> FunctionPASID {
    FunctionPASID(
      device, offered: values.pasidWidth, limitedBy: decision(on: .pasidWidth).limiters)
  }

  /// What a device allows of a property beside these values; empty when it does not care.
  package func limits(of device: DeviceFacts, on property: VIOMMUProperty) -> [Limit] {
    device.limits(on: property, given: values, asked: request)
  }

  /// The values that a device cannot live with.
  func refusals(of device: DeviceFacts, isFrozen: Bool) -> [Refusal] {
    VIOMMUProperty.allCases.compactMap { property in
      if property == .cachingMode, values[property] == 0 {
        return Refusal(
          property: property, value: 0, limiter: .device(device.name), reason: .cachingModeNeeded,
          working: 1, isFrozen: isFrozen)
      }
      let binding = limits(of: device, on: property).filter(\.isBinding)
      guard let limit = binding.min(by: { $0.value < $1.value }), values[property] > limit.value
      else { return nil }
      return Refusal(
        property: property, value: values[property], limiter: limit.limiter, reason: limit.reason,
        working: property.candidate(within: limit.value), isFrozen: isFrozen)
    }
  }
}

/// What the machine around a vIOMMU has to offer it; decides `auto` only.
package struct VIOMMUMachine: Equatable, Sendable {
  /// Interrupts can be remapped.
  package var remapsInterrupts: Bool
  /// The guest's CPUs have an x2APIC.
  package var hasX2APIC: Bool
  /// A guest's first-stage tables can be nested in the host.
  package var nests: Bool

  package init(remapsInterrupts: Bool = true, hasX2APIC: Bool = false, nests: Bool = false) {
    self.remapsInterrupts = remapsInterrupts
    self.hasX2APIC = hasX2APIC
    self.nests = nests
  }
}
