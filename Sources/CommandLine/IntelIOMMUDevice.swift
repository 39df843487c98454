package import VirtualIOMMU

/// One `-device intel-iommu`.
package typealias IntelIOMMUDevice = DeviceOption<IntelIOMMUProperties>

/// The properties of `-device intel-iommu`.
package struct IntelIOMMUProperties: Sendable, Equatable {
  /// The name by which monitors know the device.
  package var id: String?

  /// What was given, under QEMU's names.
  package var given: [VIOMMUProperty: VIOMMURequest.Choice] = [:]

  /// `reserve-NAME`: the most that `auto` takes of a property.
  package var reserves: [VIOMMUProperty: Int] = [:]

  package init() {}

  /// What is asked of the vIOMMU: properties that are not given are as QEMU has them.
  package var request: VIOMMURequest {
    VIOMMURequest(given, reserves: reserves, defaults: .qemuDefaults)
  }
}

extension IntelIOMMUProperties: PropertySet {
  static let table = PropertyTable<IntelIOMMUProperties>(
    owner: "intel-iommu", wording: .property, impliedKey: "driver",
    helpOption: "-device intel-iommu,help",
    properties: [.selector("driver"), .identifier("id", \.id, "name for monitors")]
      + VIOMMUProperty.allCases.map(Self.property)
      + VIOMMUProperty.allCases.filter(\.isReservable).map(Self.reserve),
    unsupported: "stale-tm version")

  /// A value, or `auto` for the largest that all devices allow.
  private static func property(_ property: VIOMMUProperty) -> Property<IntelIOMMUProperties> {
    Property(
      name: property.rawValue, typeName: property.isSwitch ? "OnOffAuto" : "uint8|auto",
      summary: property.summary,
      shown: { properties in properties.request[property].map(property.text) ?? "auto" },
      assign: { properties, text in
        if text == "auto" {
          properties.given[property] = .auto
          return nil
        }
        switch read(property, text, isAutomaticAllowed: true) {
        case .success(let value): properties.given[property] = .value(value)
        case .failure(let failure): return failure.refusal
        }
        return nil
      })
  }

  /// `reserve-NAME`.
  private static func reserve(_ property: VIOMMUProperty) -> Property<IntelIOMMUProperties> {
    Property(
      name: "reserve-\(property.rawValue)", typeName: property.isSwitch ? "bool" : "uint8",
      summary: "the most that \(property.rawValue)=auto takes, for a weaker device to come",
      shown: { properties in properties.reserves[property].map(property.text) },
      assign: { properties, text in
        switch read(property, text, isAutomaticAllowed: false) {
        case .success(let value): properties.reserves[property] = value
        case .failure(let failure): return failure.refusal
        }
        return nil
      })
  }

  /// Why a text is no value.
  private struct Failure: Error {
    let refusal: ValueRefusal
  }

  /// Reads a switch as 0 or 1, or a number of 8 bits, as QEMU spells it.
  private static func read(
    _ property: VIOMMUProperty, _ text: String, isAutomaticAllowed: Bool
  ) -> Result<Int, Failure> {
    if property.isThreeValued {
      switch text {
      case "on": return .success(1)
      case "off": return .success(0)
      default: return .failure(Failure(refusal: .notOneOf(OnOffAuto.allCases.map(\.rawValue))))
      }
    }
    if property.isSwitch {
      guard let isOn = OnOffText.read(text) else {
        return .failure(Failure(refusal: isAutomaticAllowed ? .notOnOffAuto : .notOnOff))
      }
      return .success(isOn ? 1 : 0)
    }
    guard let number = NumberText.integer(text) else {
      return .failure(Failure(refusal: isAutomaticAllowed ? .notIntegerOrAuto : .notInteger))
    }
    guard let value = UInt8(exactly: number) else {
      return .failure(Failure(refusal: .notInRange(type: "uint8_t")))
    }
    return .success(Int(value))
  }
}

extension VIOMMUProperty {
  /// Whether QEMU itself has `auto` for it, and then no other spelling of on and off.
  fileprivate var isThreeValued: Bool {
    self == .interruptRemapping || self == .extendedInterruptMode
  }

  /// One line for help.
  fileprivate var summary: String {
    switch self {
    case .interruptRemapping: "remap interrupts"
    case .extendedInterruptMode: "x2APIC destinations in remapped interrupts"
    case .dmaTranslation: "translate DMA"
    case .cachingMode: "the guest tells of entries it adds; assigned functions need it"
    case .addressWidth: "width of guest addresses: 39 or 48"
    case .scalableMode: "scalable mode"
    case .firstStage: "first-stage translation, nested in the host's"
    case .firstStage1GiB: "first-stage pages of 1 GiB"
    case .pasidWidth: "width of a PASID, 0 for none"
    case .snoopControl: "let the guest force snooping"
    case .deviceIOTLB: "device TLBs (ATS)"
    case .sharedVirtualMemory: "shared virtual memory"
    }
  }
}
