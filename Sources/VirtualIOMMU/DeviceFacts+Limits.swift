extension DeviceFacts {
  /// What the device allows of a property, given the values before it and what was asked; empty when
  /// it does not care.
  ///
  /// What concerns the whole unit comes from its type data. A device that has no PASIDs or no usable
  /// ATS of its own can live with a vIOMMU that offers them, so that limits `auto` only.
  func limits(
    on property: VIOMMUProperty, given values: VIOMMUValues, asked request: VIOMMURequest
  ) -> [Limit] {
    if property == .pasidWidth { return pasidLimits }
    return limit(on: property, given: values, asked: request).map { [$0] } ?? []
  }

  private func limit(
    on property: VIOMMUProperty, given values: VIOMMUValues, asked request: VIOMMURequest
  ) -> Limit? {
    switch property {
    case .dmaTranslation:
      iovaAlignment > 4096 ? limit(property, 0, .pageSize(iovaAlignment)) : nil
    case .addressWidth:
      addressWidth < (property.candidates.first ?? 0)
        ? limit(property, addressWidth, .addressWidth(addressWidth)) : nil
    case .firstStage:
      firstStageObstacle.map { limit(property, 0, $0) }
        ?? (request[.firstStage1GiB] == 1 && request[.firstStage] == nil && !hasFirstStage1GiB
          ? limit(property, 0, .noFirstStage1GiB) : nil)
    case .firstStage1GiB:
      // A device without any first stage is refused that alone.
      values.hasFirstStage && firstStageObstacle == nil && !hasFirstStage1GiB
        ? limit(property, 0, .noFirstStage1GiB) : nil
    case .snoopControl: snoopLimit
    case .deviceIOTLB: deviceTLBLimit
    default: nil
    }
  }

  private func limit(
    _ property: VIOMMUProperty, _ value: Int, _ reason: LimitReason, isBinding: Bool = true
  ) -> Limit {
    Limit(
      property: property, value: value, limiter: .device(name), reason: reason,
      isBinding: isBinding)
  }

  /// What keeps a guest's first-stage tables from being nested, in QEMU's order of checks.
  private var firstStageObstacle: LimitReason? {
    guard backend == .iommufd else { return .legacyBackend }
    guard let information else { return .notTold }
    guard case .vtd(let unit) = information.unit else {
      return .otherIOMMUType(information.unit.type)
    }
    if !unit.extendedCapability.hasScalableMode { return .noScalableMode }
    if !unit.extendedCapability.hasFirstStage { return .noFirstStage }
    if !unit.extendedCapability.nests { return .noNesting }
    return isBehindConventionalBridge ? .conventionalBridge : nil
  }

  private var hasFirstStage1GiB: Bool {
    guard case .vtd(let unit) = information?.unit else { return false }
    return unit.capability.hasFirstStage1GiB
  }

  /// The unit's width is binding for a function that uses PASIDs; the function's own holds for `auto`
  /// only, so that a value that was asked for leaves a weaker function with less, or with none.
  private var pasidLimits: [Limit] {
    guard backend == .iommufd else {
      return [limit(.pasidWidth, 0, .legacyBackend, isBinding: false)]
    }
    guard let information else { return [limit(.pasidWidth, 0, .notTold, isBinding: false)] }
    var limits: [Limit] = []
    let width = information.unit.pasidWidth ?? VIOMMUProperty.maximumPASIDWidth
    if width < VIOMMUProperty.maximumPASIDWidth {
      limits.append(limit(.pasidWidth, width, .unitPASIDWidth(width), isBinding: hasPASIDs))
    }
    let own = information.pasidWidth
    if own < width {
      limits.append(limit(.pasidWidth, own, .functionPASIDWidth(own), isBinding: false))
    }
    return limits
  }

  private var snoopLimit: Limit? {
    guard let information, let controls = information.unit.controlsSnooping else {
      return limit(.snoopControl, 0, untold, isBinding: false)
    }
    return controls ? nil : limit(.snoopControl, 0, .noSnoopControl)
  }

  private var deviceTLBLimit: Limit? {
    guard let information else { return limit(.deviceIOTLB, 0, untold, isBinding: false) }
    let canUse = !information.capabilities.contains(.atsNotSupported)
    guard let has = information.unit.hasDeviceTLB else {
      return canUse ? nil : limit(.deviceIOTLB, 0, .notTold, isBinding: false)
    }
    return has ? nil : limit(.deviceIOTLB, 0, .noDeviceTLB, isBinding: canUse)
  }

  /// Why there is no HW_INFO.
  private var untold: LimitReason { backend == .legacy ? .legacyBackend : .notTold }
}
