/// Who asked for what, what each device allows, and what came of it: the table of `query-viommu` and
/// `info viommu`.
package struct CapabilityReport: Equatable, Sendable {
  /// One property.
  package struct Row: Equatable, Sendable {
    /// The property's name.
    package let property: String
    /// The value asked for, or `auto`.
    package let requested: String
    /// `reserve-NAME`, if given.
    package let reserved: String?
    package let effective: String
    /// Names of who limited it, sorted; empty when nobody did.
    package let limitedBy: [String]
    /// One sentence for each of those.
    package let reasons: [String]
    /// What each device allows, by device in the order of names; those that do not care are left out.
    package let devices: [DeviceLimit]
  }

  /// What a device allows of a property.
  package struct DeviceLimit: Equatable, Sendable {
    package let device: String
    package let allowed: String
    package let reason: String
  }

  /// One assigned function.
  package struct Function: Equatable, Sendable {
    package let device: String
    /// The physical IOMMU instance, if it is known.
    package let unit: String?
    /// The kind of IOMMU.
    package let unitType: String
    package let addressWidth: Int
    /// The registers of the type data, each with its decoded fields.
    package let registers: [UnitRegister]
    package let pasid: FunctionPASID
    /// Nil when the host does not tell.
    package let isATSUsable: Bool?
    /// Nil when the host does not tell.
    package let tracksDirtyPages: Bool?
  }

  /// A register of a physical IOMMU.
  package struct UnitRegister: Equatable, Sendable {
    package let name: String
    package let bits: UInt64
    package let fields: [Field]

    package struct Field: Equatable, Sendable {
      package let name: String
      package let value: Int
    }
  }

  /// The values can no longer change.
  package let isFrozen: Bool
  package let rows: [Row]
  package let functions: [Function]
  /// The ways to translate that the guest finds.
  package let tableModes: [String]
  package let tableLevels: Int
  /// One bit for each page size.
  package let pageSizes: UInt64
  /// Said of a value that has no use, or less than it could have: PASIDs that no function has, and each
  /// function whose PASID capability found no place.
  package let notes: [String]

  /// The report of values that can still change; `missingPASIDs` says why a function shows no PASID
  /// capability although it could have one, by the function's name.
  package init(_ resolution: Resolution, missingPASIDs: [String: String] = [:]) {
    self.init(resolution, missingPASIDs, isFrozen: false)
  }

  /// The report of values that a guest runs with.
  package init(_ frozen: FrozenCapabilities, missingPASIDs: [String: String] = [:]) {
    self.init(frozen.resolution, missingPASIDs, isFrozen: true)
  }

  private init(_ resolution: Resolution, _ missingPASIDs: [String: String], isFrozen: Bool) {
    self.isFrozen = isFrozen
    rows = VIOMMUProperty.allCases.map { Self.row($0, resolution) }
    functions = resolution.devices.map { device in
      let information = device.information
      return Function(
        device: device.name, unit: device.unitName,
        unitType: information?.unit.name ?? IOMMUTypeData.none.name,
        addressWidth: device.addressWidth,
        registers: (information?.unit.registers ?? []).map { register in
          UnitRegister(
            name: register.name, bits: register.bits,
            fields: register.fields.map { UnitRegister.Field(name: $0.name, value: $0.value) })
        },
        pasid: missingPASIDs[device.name].map { .none(.noPlace($0)) }
          ?? resolution.pasid(of: device),
        isATSUsable: information.map { !$0.capabilities.contains(.atsNotSupported) },
        tracksDirtyPages: information.map { $0.capabilities.contains(.dirtyTracking) })
    }
    tableModes = resolution.values.tableModes
    tableLevels = resolution.values.tableLevels
    pageSizes = resolution.values.pageSizes
    notes = Self.notes(on: functions, offersPASIDs: resolution.values.pasidWidth > 0)
  }

  private static func notes(on functions: [Function], offersPASIDs: Bool) -> [String] {
    let unplaced = functions.compactMap { function in
      if case .none(let reason) = function.pasid, case .noPlace = reason {
        reason.sentence(about: function.device)
      } else {
        nil
      }
    }
    let hasPASIDs = functions.contains { function in
      if case .capability = function.pasid { true } else { false }
    }
    guard unplaced.isEmpty, offersPASIDs, !functions.isEmpty, !hasPASIDs else {
      return unplaced
    }
    return ["no function uses PASIDs"]
  }

  private static func row(_ property: VIOMMUProperty, _ resolution: Resolution) -> Row {
    let decision = resolution.decision(on: property)
    return Row(
      property: property.rawValue,
      requested: decision.requested.map(property.text) ?? "auto",
      reserved: resolution.request.reserves[property].map(property.text),
      effective: property.text(decision.effective),
      limitedBy: decision.limiters.map(\.name),
      reasons: decision.limiters.flatMap { limiter in
        decision.limits.filter { $0.limiter == limiter }.map {
          "\(limiter.name): \($0.reason.text)"
        }
      },
      devices: resolution.devices.compactMap { device in
        let limits = resolution.limits(of: device, on: property)
        return limits.min(by: { $0.value < $1.value }).map { limit in
          DeviceLimit(
            device: device.name, allowed: property.text(limit.value), reason: limit.reason.text)
        }
      })
  }
}
