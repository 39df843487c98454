/// What the vIOMMU really has: a value for every property.
package struct VIOMMUValues: Equatable, Sendable {
  /// By place in the order of decision.
  private var values: [Int]

  /// The smallest value of each property.
  init() { values = VIOMMUProperty.allCases.map { $0.candidates.last ?? 0 } }

  package internal(set) subscript(_ property: VIOMMUProperty) -> Int {
    get { values[property.place] }
    set { values[property.place] = newValue }
  }

  package var remapsInterrupts: Bool { self[.interruptRemapping] != 0 }
  package var hasExtendedInterruptMode: Bool { self[.extendedInterruptMode] != 0 }
  package var translatesDMA: Bool { self[.dmaTranslation] != 0 }
  package var cachesNotPresent: Bool { self[.cachingMode] != 0 }
  /// In bits.
  package var addressWidth: Int { self[.addressWidth] }
  package var isScalable: Bool { self[.scalableMode] != 0 }
  package var hasFirstStage: Bool { self[.firstStage] != 0 }
  package var hasFirstStage1GiB: Bool { hasFirstStage && self[.firstStage1GiB] != 0 }
  /// In bits, 0 for none.
  package var pasidWidth: Int { self[.pasidWidth] }
  package var controlsSnooping: Bool { self[.snoopControl] != 0 }
  package var hasDeviceTLB: Bool { self[.deviceIOTLB] != 0 }
  package var hasSharedVirtualMemory: Bool { self[.sharedVirtualMemory] != 0 }

  /// Levels of a table that translates a whole address.
  package var tableLevels: Int { (addressWidth - 12 + 8) / 9 }

  /// The ways to translate that a guest finds.
  package var tableModes: [String] {
    guard translatesDMA else { return [] }
    guard isScalable else { return ["legacy"] }
    return ["legacy", hasFirstStage ? "scalable first stage" : "scalable second stage"]
  }

  /// One bit for each page size in the guest's tables.
  package var pageSizes: UInt64 {
    guard translatesDMA else { return 0 }
    return hasFirstStage && !hasFirstStage1GiB ? 0x20_1000 : 0x4020_1000
  }
}
