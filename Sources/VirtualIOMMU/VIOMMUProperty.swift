/// A property of `-device intel-iommu` that shapes what a guest sees, under QEMU 11.1's name.
///
/// Declared in the order in which they are decided: each depends only on those before it. Switches are
/// 0 and 1.
package enum VIOMMUProperty: String, CaseIterable, Sendable {
  /// Interrupts are remapped.
  case interruptRemapping = "intremap"
  /// x2APIC destinations in remapped interrupts.
  case extendedInterruptMode = "eim"
  /// DMA can be translated at all.
  case dmaTranslation = "dma-translation"
  /// A guest has to invalidate even where it only adds entries.
  case cachingMode = "caching-mode"
  /// Width of the addresses that the vIOMMU translates, in bits.
  case addressWidth = "aw-bits"
  case scalableMode = "scalable-mode"
  /// First-stage tables of the guest's, nested in the host.
  case firstStage = "fsts"
  /// Pages of 1 GiB in first-stage tables.
  case firstStage1GiB = "fs1gp"
  /// Width of a PASID in bits, 0 for none.
  case pasidWidth = "pasid-bits"
  /// A guest can force snooping in second-stage tables.
  case snoopControl = "snoop-control"
  /// Device TLBs.
  case deviceIOTLB = "device-iotlb"
  /// Shared virtual memory.
  case sharedVirtualMemory = "svm"

  /// The values there are, the largest first.
  package var candidates: [Int] {
    switch self {
    case .addressWidth: [48, 39]
    case .pasidWidth: Array((0...Self.maximumPASIDWidth).reversed())
    default: [1, 0]
    }
  }

  /// The width that PCI allows a PASID (PCIe 6.0, 7.8.9).
  package static let maximumPASIDWidth = 20

  /// Whether the property is on or off.
  package var isSwitch: Bool { self != .addressWidth && self != .pasidWidth }

  /// Whether `reserve-NAME` has a meaning: a device may come that allows less.
  package var isReservable: Bool {
    switch self {
    case .addressWidth, .firstStage, .firstStage1GiB, .pasidWidth, .snoopControl, .deviceIOTLB: true
    default: false
    }
  }

  /// A value as it is written on the command line.
  package func text(_ value: Int) -> String {
    isSwitch ? (value == 0 ? "off" : "on") : String(value)
  }

  /// The property with a value, as it is written on the command line.
  package func assignment(_ value: Int) -> String { "\(rawValue)=\(text(value))" }

  /// The largest candidate that is not above a limit.
  func candidate(within limit: Int) -> Int? { candidates.first { $0 <= limit } }
}

extension VIOMMUProperty: Comparable {
  /// By the order of decision.
  package static func < (left: VIOMMUProperty, right: VIOMMUProperty) -> Bool {
    left.place < right.place
  }

  /// The place in the order of decision.
  var place: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
