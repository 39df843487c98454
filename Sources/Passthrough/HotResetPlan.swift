package import PCI
package import SystemPackage
package import VFIO

/// What a hot reset of one function does, decided from what the kernel reports, before anything is
/// done.
///
/// Pure: the same report and the same functions always give the same steps.
package struct HotResetPlan: Equatable {
  /// Whether the function is reset alone or together with others of this machine.
  package enum Scope: String, Sendable {
    /// Only when no other function of this machine is affected.
    case one
    /// Only when others are: they are quiesced and restored around one reset.
    case multi
  }

  /// A function of this machine as the plan sees it.
  package struct Member: Equatable, Sendable {
    /// Place in the machine's list of functions.
    package let index: Int
    /// The host address as `0000:81:00.0`.
    package let name: String
    package let attachment: Attachment

    package init(index: Int, name: String, attachment: Attachment) {
      self.index = index
      self.name = name
      self.attachment = attachment
    }
  }

  /// How a function was opened, which says what its kernel identifier means.
  package enum Attachment: Equatable, Sendable {
    case group(UInt32)
    /// A device id, unique only within one iommufd object.
    case iommufd(object: String, deviceID: UInt32)
  }

  /// The identifier of a listed function, as the trace shows it.
  package enum ListedIdentifier: Equatable, Sendable {
    case group(UInt32)
    case deviceID(Int32)
  }

  package enum Step: Equatable {
    /// Says that the list begins.
    case beginList
    /// Names one function that the reset affects.
    case list(PCIAddress, ListedIdentifier)
    /// Brings another function of this machine to rest.
    case quiesce(Int)
    /// Resets all at once, with these groups as proof; none for iommufd.
    case reset(groups: [UInt32])
    /// Puts another function of this machine back to work.
    case restore(Int)
  }

  /// Why there is no reset in the steps.
  package enum Refusal: Equatable {
    /// Another function of this machine is affected, so this is not a reset of one.
    case affectsOthers(String)
    /// No other function of this machine is affected, so the reset of one will do.
    case affectsNoOther
    /// These functions are affected but not owned by this machine.
    case notOwned([Blocker])

    /// The number that QEMU's function returns for it, as an errno.
    package var errno: Errno {
      switch self {
      case .affectsOthers, .affectsNoOther: .invalidArgument
      case .notOwned: .notPermitted
      }
    }
  }

  /// A function that stands in the way.
  package struct Blocker: Equatable, Sendable {
    package let address: PCIAddress
    /// The group that is not owned, when the function was asked for by group.
    package let group: UInt32?
  }

  package var steps: [Step] = []
  package var refusal: Refusal?

  /// Plans the hot reset of `initiator`, one of `members`.
  ///
  /// `ownedGroups` are the groups whose descriptors this machine can show.
  package static func make(
    _ scope: Scope, of initiator: Member, info: HotResetInfo, members: [Member],
    ownedGroups: Set<UInt32>
  ) -> HotResetPlan {
    switch info {
    case .groups(let entries):
      makeByGroups(scope, initiator, entries, members, ownedGroups)
    case .devices(let entries, let areAllOwned):
      makeByDevices(scope, initiator, entries, areAllOwned, members)
    }
  }

  private static func makeByGroups(
    _ scope: Scope, _ initiator: Member,
    _ entries: [HotResetInfo.Dependent<HotResetInfo.GroupID>], _ members: [Member],
    _ ownedGroups: Set<UInt32>
  ) -> HotResetPlan {
    var plan = HotResetPlan(steps: [.beginList])
    var proof: [UInt32] = []
    var affected: [Int] = []
    for entry in entries {
      let address = entry.address
      let group = entry.identifier.number
      plan.steps.append(.list(address, .group(group)))
      if ownedGroups.contains(group), !proof.contains(group) { proof.append(group) }
      if address.description == initiator.name { continue }
      guard ownedGroups.contains(group) else {
        plan.refusal = .notOwned([Blocker(address: address, group: group)])
        plan.steps += affected.map(Step.restore)
        return plan
      }
      guard let other = members.first(where: { $0.name == address.description }) else { continue }
      if plan.meet(other, scope, &affected) { return plan }
    }
    plan.finish(scope, affected, proof)
    return plan
  }

  private static func makeByDevices(
    _ scope: Scope, _ initiator: Member,
    _ entries: [HotResetInfo.Dependent<HotResetInfo.DeviceID>], _ areAllOwned: Bool,
    _ members: [Member]
  ) -> HotResetPlan {
    guard areAllOwned else {
      let blockers = entries.filter { $0.identifier == .notOwned }.map {
        Blocker(address: $0.address, group: nil)
      }
      return HotResetPlan(refusal: .notOwned(blockers))
    }
    var plan = HotResetPlan(steps: [.beginList])
    var affected: [Int] = []
    for entry in entries {
      let address = entry.address
      plan.steps.append(.list(address, .deviceID(entry.identifier.rawValue)))
      guard case .opened(let id) = entry.identifier,
        case .iommufd(let object, let own) = initiator.attachment, id != own,
        let other = members.first(where: {
          $0.attachment == .iommufd(object: object, deviceID: id)
        })
      else { continue }
      if plan.meet(other, scope, &affected) { return plan }
    }
    plan.finish(scope, affected, [])
    return plan
  }

  /// Takes note of an affected function of this machine; true when the plan ends there.
  private mutating func meet(_ other: Member, _ scope: Scope, _ affected: inout [Int]) -> Bool {
    switch scope {
    case .one:
      refusal = .affectsOthers(other.name)
      return true
    case .multi:
      // A function that is reported twice rests already.
      guard !affected.contains(other.index) else { return false }
      steps.append(.quiesce(other.index))
      affected.append(other.index)
      return false
    }
  }

  private mutating func finish(_ scope: Scope, _ affected: [Int], _ proof: [UInt32]) {
    if scope == .multi, affected.isEmpty {
      refusal = .affectsNoOther
      return
    }
    steps.append(.reset(groups: proof))
    steps += affected.map(Step.restore)
  }

  package init(steps: [Step] = [], refusal: Refusal? = nil) {
    self.steps = steps
    self.refusal = refusal
  }
}
