/// How a guest's capability chain is made from the host's: which capabilities stay, and what is
/// written over which header.
///
/// Pure. Capabilities stay at their offsets and in the host's order; one that is dropped is only
/// unlinked, its registers stay readable. A link that ended the walk is cut off.
package struct CapabilityChainPlan: Equatable, Sendable {
  package private(set) var edits: [ConfigEdit] = []

  /// Links the kept standard capabilities. The pointer at 0x34, status bit 4 and every next pointer
  /// become ours; nothing does when the host has no chain.
  ///
  /// `rewriting` gives the fields that are changed in a kept capability. QEMU 11.1 puts each
  /// capability back at the chain's head, starting with the host's last, which gives this order too;
  /// and the status bit stays set when nothing is kept.
  package static func standard(
    _ walk: CapabilityWalk.Standard,
    isKept: (CapabilityWalk.StandardCapability) -> Bool,
    rewriting: (CapabilityWalk.StandardCapability) -> [ConfigEdit] = { _ in [] }
  ) -> CapabilityChainPlan {
    var plan = CapabilityChainPlan()
    guard !walk.capabilities.isEmpty || walk.problem != nil else { return plan }
    var following = 0
    for capability in walk.capabilities.reversed() {
      let isKept = isKept(capability)
      let next = isKept ? UInt32(following) : UInt32(capability.next)
      plan.edits.append(ConfigEdit(offset: capability.offset + 1, value: next, mask: 0xff))
      guard isKept else { continue }
      plan.edits += rewriting(capability)
      following = capability.offset
    }
    plan.edits.append(
      ConfigEdit(offset: PCIRegister.capabilityPointer, value: UInt32(following), mask: 0xff))
    plan.edits.append(ConfigEdit(offset: PCIRegister.status, value: 0x10, mask: 0x10))
    return plan
  }

  /// Links the kept extended capabilities. The next pointers of all headers become ours, and all of
  /// the first header; nothing does when the host has no chain.
  ///
  /// When the first capability is dropped, its header stays as the start of the chain with id and
  /// version 0. `rewriting` gives the fields that are changed in a kept capability.
  package static func extended(
    _ walk: CapabilityWalk.Extended,
    isKept: (CapabilityWalk.ExtendedCapability) -> Bool,
    rewriting: (CapabilityWalk.ExtendedCapability) -> [ConfigEdit] = { _ in [] }
  ) -> CapabilityChainPlan {
    var plan = CapabilityChainPlan()
    guard !walk.capabilities.isEmpty || walk.problem != nil else { return plan }
    var following: UInt32 = 0
    var head: UInt32 = 0
    for capability in walk.capabilities.reversed() {
      let isKept = isKept(capability)
      if capability.offset == 0x100 {
        let version = UInt32(capability.version) << 16
        head = isKept ? version | UInt32(capability.id.rawValue) : 0
      } else {
        let next = isKept ? following : UInt32(capability.next)
        plan.edits.append(
          ConfigEdit(offset: capability.offset, value: next << 20, mask: 0xfff0_0000))
      }
      guard isKept else { continue }
      plan.edits += rewriting(capability)
      if capability.offset != 0x100 { following = UInt32(capability.offset) }
    }
    plan.edits.append(ConfigEdit(offset: 0x100, value: following << 20 | head, mask: .max))
    return plan
  }

  /// Makes the changes.
  package func apply(to image: inout ConfigImage) { image.apply(edits) }
}
