/// Finds the values of a vIOMMU from what was asked and what each device allows.
///
/// Pure. The order of devices never matters, another device never widens a value, and every device can
/// live with the result.
package enum Resolver {
  /// Resolves a request.
  ///
  /// A value that was asked for is the result, or the request is refused by the name of each device
  /// that cannot live with it; `auto` is the largest value that all allow.
  ///
  /// - Throws: `ResolutionError.properties` when the request contradicts itself, then
  ///   `ResolutionError.refused` with everything that does not fit.
  package static func resolve(
    _ request: VIOMMURequest, devices: [DeviceFacts], machine: VIOMMUMachine = VIOMMUMachine()
  ) throws(ResolutionError) -> Resolution {
    if let error = request.propertyError { throw .properties(error) }
    var state = State(
      request: request, machine: machine, devices: devices.sorted { $0.name < $1.name })
    for property in VIOMMUProperty.allCases { state.decide(property) }
    if request[.extendedInterruptMode] == 1, !state.values.remapsInterrupts {
      throw .properties(.eimWithoutInterruptRemapping)
    }
    state.checkSharedVirtualMemory()
    guard state.refusals.isEmpty else { throw .refused(state.refusals) }
    return Resolution(
      request: request, machine: machine, devices: state.devices, decisions: state.decisions,
      values: state.values)
  }

  /// What has been decided so far.
  private struct State {
    let request: VIOMMURequest
    let machine: VIOMMUMachine
    let devices: [DeviceFacts]
    var values = VIOMMUValues()
    var decisions: [Resolution.Decision] = []
    var refusals: [Refusal] = []

    init(request: VIOMMURequest, machine: VIOMMUMachine, devices: [DeviceFacts]) {
      self.request = request
      self.machine = machine
      self.devices = devices
    }

    mutating func decide(_ property: VIOMMUProperty) {
      let limits =
        rules(for: property) + reserve(of: property)
        + devices.flatMap { $0.limits(on: property, given: values, asked: request) }
      let automatic = property.candidate(within: limits.map(\.value).min() ?? .max)
      let value: Int
      if let asked = request[property] {
        value = asked
        let allowed = property.candidate(
          within: limits.filter(\.isBinding).map(\.value).min() ?? .max)
        refuse(asked, of: property, by: limits.filter(\.isBinding), working: allowed)
        if property == .cachingMode, asked == 0 { refuseWithoutCachingMode() }
      } else if property == .sharedVirtualMemory {
        value = 0
      } else {
        value = automatic ?? property.candidates.last ?? 0
        if automatic == nil { refuse(value, of: property, by: limits, working: nil) }
      }
      values[property] = value
      let larger = property.candidates.last { $0 > value }
      decisions.append(
        Resolution.Decision(
          property: property, requested: request[property],
          isDefault: request.isDefault(property), effective: value,
          limits: request[property] != nil
            ? [] : limits.filter { limit in larger.map { $0 > limit.value } ?? false }))
    }

    private mutating func refuse(
      _ value: Int, of property: VIOMMUProperty, by limits: [Limit], working: Int?
    ) {
      for limit in limits where value > limit.value {
        refuse(
          Refusal(
            property: property, value: value, limiter: limit.limiter, reason: limit.reason,
            working: working, isFrozen: false))
      }
    }

    /// Notes a refusal; the first reason of each limiter is enough.
    private mutating func refuse(_ refusal: Refusal) {
      let isKnown = refusals.contains {
        $0.property == refusal.property && $0.limiter == refusal.limiter
      }
      if !isKnown { refusals.append(refusal) }
    }

    /// A guest without caching mode does not tell us of entries that it adds.
    private mutating func refuseWithoutCachingMode() {
      refusals += devices.map { device in
        Refusal(
          property: .cachingMode, value: 0, limiter: .device(device.name),
          reason: .cachingModeNeeded, working: 1, isFrozen: false)
      }
    }

    /// What the properties decided before, and the machine, make of a property.
    private func rules(for property: VIOMMUProperty) -> [Limit] {
      switch property {
      case .interruptRemapping: machine.remapsInterrupts ? [] : [unused(property)]
      case .extendedInterruptMode:
        needing(.interruptRemapping, for: property)
          + (machine.hasX2APIC ? [] : [unused(property)])
      case .firstStage:
        needing(.scalableMode, for: property) + needingFullWidth
          + (machine.nests || request[.sharedVirtualMemory] == 1 ? [] : [unused(property)])
      case .firstStage1GiB: request[property] == nil ? needing(.firstStage, for: property) : []
      case .pasidWidth: needing(.scalableMode, for: property)
      default: []
      }
    }

    private func unused(_ property: VIOMMUProperty) -> Limit {
      Limit(property: property, value: 0, limiter: .machine, reason: .machine, isBinding: false)
    }

    /// The limit when a property that another needs is off.
    private func needing(_ needed: VIOMMUProperty, for property: VIOMMUProperty) -> [Limit] {
      guard values[needed] == 0 else { return [] }
      return [
        Limit(
          property: property, value: 0, limiter: .property(needed),
          reason: .dependency(needed, 0), isBinding: property != .extendedInterruptMode)
      ]
    }

    /// First-stage tables translate 48 bits; who narrowed the address width forbids them.
    private var needingFullWidth: [Limit] {
      guard values.addressWidth < 48 else { return [] }
      let narrowing = decisions[VIOMMUProperty.addressWidth.place]
      let limiters =
        narrowing.requested == nil ? narrowing.limiters : [.property(.addressWidth)]
      return limiters.map { limiter in
        let own = narrowing.limits.first { $0.limiter == limiter }?.reason
        return Limit(
          property: .firstStage, value: 0, limiter: limiter,
          reason: own ?? .dependency(.addressWidth, values.addressWidth), isBinding: true)
      }
    }

    private func reserve(of property: VIOMMUProperty) -> [Limit] {
      guard property.isReservable, let value = request.reserves[property] else { return [] }
      return [
        Limit(
          property: property, value: value, limiter: .reserve(property), reason: .reserved,
          isBinding: true)
      ]
    }

    /// Shared virtual memory needs what devices may have ruled out.
    mutating func checkSharedVirtualMemory() {
      guard values.hasSharedVirtualMemory else { return }
      let needed: [VIOMMUProperty] = [.deviceIOTLB, .firstStage, .dmaTranslation, .pasidWidth]
      for property in needed where values[property] == 0 {
        for limit in decisions[property.place].limits {
          refuse(
            Refusal(
              property: .sharedVirtualMemory, value: 1, limiter: limit.limiter,
              reason: limit.reason, working: 0, isFrozen: false))
        }
      }
    }
  }
}
