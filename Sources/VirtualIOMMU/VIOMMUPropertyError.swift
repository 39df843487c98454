/// Properties of `-device intel-iommu` that do not go together, whatever the devices.
package enum VIOMMUPropertyError: Error, Equatable, Sendable {
  /// `eim=on` with `intremap=off`.
  case eimWithoutInterruptRemapping
  /// `fsts=on` with `scalable-mode=off`.
  case firstStageWithoutScalableMode
  /// An address width that the mode does not have.
  case addressWidth(isScalable: Bool, isFirstStage: Bool)
  /// PASIDs with `scalable-mode=off`.
  case pasidWithoutScalableMode
  /// More bits than PCI allows.
  case pasidWidth(Int)
  /// `svm=on` without something that it needs.
  case sharedVirtualMemoryWithout(VIOMMUProperty)
  /// A number that the property never takes.
  case value(VIOMMUProperty, Int)

  /// The text, in QEMU 11.1's words where it has any, without the option's prefix.
  package var message: String {
    switch self {
    case .eimWithoutInterruptRemapping: "eim=on cannot be selected without intremap=on"
    case .firstStageWithoutScalableMode: "fsts is only available in scalable mode"
    case .addressWidth(_, isFirstStage: true):
      "Scalable mode(fsts=on): supported value for aw-bits is: 48"
    case .addressWidth(isScalable: true, _):
      "Scalable mode(fsts=off): supported values for aw-bits are: 39, 48"
    case .addressWidth: "Legacy mode: supported values for aw-bits are: 39, 48"
    case .pasidWithoutScalableMode: "Need to set scalable mode for PASID"
    case .pasidWidth(let width):
      "PASID width \(width) exceeds Max PASID Width \(VIOMMUProperty.maximumPASIDWidth) allowed "
        + "in PCI spec"
    case .sharedVirtualMemoryWithout(let property):
      switch property {
      case .deviceIOTLB: "Need to set device IOTLB for svm"
      case .pasidWidth: "Need to set PASID support for svm"
      default: "Need to set \(property.rawValue) for svm"
      }
    case .value(let property, let value):
      "Property 'intel-iommu.\(property.rawValue)' doesn't take value '\(value)'"
    }
  }
}

extension VIOMMURequest {
  /// What is wrong with the request in itself, in QEMU's order of checks; nil when it can be resolved.
  ///
  /// A property that is `auto` counts as what the others need it to be.
  package var propertyError: VIOMMUPropertyError? {
    let isScalable = self[.scalableMode] != 0
    let isFirstStage = self[.firstStage] == 1
    if self[.extendedInterruptMode] == 1, self[.interruptRemapping] == 0 {
      return .eimWithoutInterruptRemapping
    }
    if isFirstStage, !isScalable { return .firstStageWithoutScalableMode }
    if let width = self[.addressWidth], width != 48, isFirstStage || width != 39 {
      return .addressWidth(isScalable: isScalable, isFirstStage: isFirstStage)
    }
    if let width = self[.pasidWidth], width > 0 {
      if !isScalable { return .pasidWithoutScalableMode }
      if width > VIOMMUProperty.maximumPASIDWidth { return .pasidWidth(width) }
    }
    if self[.sharedVirtualMemory] == 1 {
      let needed: [VIOMMUProperty] = [.deviceIOTLB, .firstStage, .dmaTranslation, .pasidWidth]
      if let missing = needed.first(where: { self[$0] == 0 }) {
        return .sharedVirtualMemoryWithout(missing)
      }
      if !isScalable { return .sharedVirtualMemoryWithout(.firstStage) }
    }
    for property in VIOMMUProperty.allCases {
      if let value = self[property], !property.candidates.contains(value) {
        return .value(property, value)
      }
    }
    return nil
  }
}
