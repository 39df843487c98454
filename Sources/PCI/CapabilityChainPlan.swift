/// How a guest's capability chain is made from the host's: which capabilities stay, and what is
/// written over which header.
///
/// Pure. Capabilities stay at their offsets; one that is dropped is only unlinked.
package struct CapabilityChainPlan: Equatable, Sendable {
  /// One change of the copy.
  package struct Edit: Equatable, Sendable {
    package let offset: Int
    package let value: UInt32
    /// Bits of the value that are set and become ours.
    package let mask: UInt32
  }

  package private(set) var edits: [Edit] = []

  /// Links the kept standard capabilities in the host's order; the pointer at 0x34, status bit 4 and
  /// every next pointer become ours.
  package static func standard(
    _ walk: CapabilityWalk.Standard, isKept: (CapabilityWalk.StandardCapability) -> Bool
  ) -> CapabilityChainPlan {
    var plan = CapabilityChainPlan()
    let kept = walk.capabilities.filter(isKept)
    let first = kept.first?.offset ?? 0
    plan.edits.append(Edit(offset: 0x34, value: UInt32(first), mask: 0xff))
    plan.edits.append(Edit(offset: 0x06, value: kept.isEmpty ? 0 : 0x10, mask: 0x10))
    for capability in walk.capabilities {
      let place = kept.firstIndex(of: capability)
      let next = place.flatMap { $0 + 1 < kept.count ? kept[$0 + 1].offset : nil } ?? 0
      plan.edits.append(Edit(offset: capability.offset + 1, value: UInt32(next), mask: 0xff))
    }
    return plan
  }

  /// Links the kept extended capabilities in the host's order. The next pointers of all headers
  /// become ours, and all of the first header, whose id is 0 when that capability is dropped.
  package static func extended(
    _ walk: CapabilityWalk.Extended, isKept: (CapabilityWalk.ExtendedCapability) -> Bool
  ) -> CapabilityChainPlan {
    var plan = CapabilityChainPlan()
    let kept = walk.capabilities.filter(isKept)
    for capability in walk.capabilities {
      let following =
        if let place = kept.firstIndex(of: capability) {
          place + 1 < kept.count ? kept[place + 1].offset : 0
        } else {
          capability.offset == 0x100 ? kept.first?.offset ?? 0 : 0
        }
      let next = UInt32(following) << 20
      if capability.offset == 0x100 {
        let isShown = kept.contains(capability)
        let id = isShown ? UInt32(capability.id.rawValue) : 0
        let version = isShown ? UInt32(capability.version) << 16 : 0
        plan.edits.append(Edit(offset: 0x100, value: next | version | id, mask: .max))
      } else {
        plan.edits.append(Edit(offset: capability.offset, value: next, mask: 0xfff0_0000))
      }
    }
    return plan
  }

  /// Makes the changes.
  package func apply(to image: inout ConfigImage) {
    for edit in edits { image.apply(edit) }
  }
}

extension ConfigImage {
  /// Sets the masked bits of a dword and makes them ours.
  package mutating func apply(_ edit: CapabilityChainPlan.Edit) {
    for index in 0..<4 {
      let mask = UInt8(truncatingIfNeeded: edit.mask >> UInt32(8 * index))
      guard mask != 0 else { continue }
      let value = UInt8(truncatingIfNeeded: edit.value >> UInt32(8 * index))
      let place = edit.offset + index
      set(place, byte(at: place) & ~mask | value & mask)
      emulate(place, mask: mask)
    }
  }
}
