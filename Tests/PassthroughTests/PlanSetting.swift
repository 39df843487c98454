import PCI
import Passthrough
import VFIO

/// Functions of one slot as the host and a machine see them, and the plans made for them.
struct PlanSetting {
  var members: [HotResetPlan.Member] = []
  var ownedGroups: Set<UInt32> = []

  /// Adds a realized function of slot 0000:81:00, or of another bus.
  mutating func add(_ function: UInt8, bus: UInt8 = 0x81, group: UInt32) {
    add(function, bus, .group(group))
    ownedGroups.insert(group)
  }

  mutating func add(_ function: UInt8, bus: UInt8 = 0x81, object: String, id: UInt32) {
    add(function, bus, .iommufd(object: object, deviceID: id))
  }

  private mutating func add(
    _ function: UInt8, _ bus: UInt8, _ attachment: HotResetPlan.Attachment
  ) {
    let address = PCIAddress(bus: bus, devfn: function)
    members.append(
      HotResetPlan.Member(
        index: members.count, name: address.description, attachment: attachment))
  }

  func plan(
    _ scope: HotResetPlan.Scope, of initiator: Int, _ info: HotResetInfo
  ) -> HotResetPlan {
    HotResetPlan.make(
      scope, of: members[initiator], info: info, members: members, ownedGroups: ownedGroups)
  }

  /// A report of functions of slot 0000:81:00 with their groups.
  static func groups(_ entries: (UInt8, UInt32)...) -> HotResetInfo {
    .groups(
      entries.map {
        .init(address: PCIAddress(bus: 0x81, devfn: $0.0), identifier: .init(number: $0.1))
      })
  }

  /// A report of functions of slot 0000:81:00 with their device ids, 0 and -1 included.
  static func devices(_ entries: (UInt8, Int32)...) -> HotResetInfo {
    .devices(
      entries.map {
        .init(
          address: PCIAddress(bus: 0x81, devfn: $0.0),
          identifier: .init(rawValue: UInt32(bitPattern: $0.1)))
      }, areAllOwned: entries.allSatisfy { $0.1 != -1 })
  }
}

extension HotResetPlan {
  /// The steps in words.
  var words: [String] {
    steps.map { step in
      switch step {
      case .beginList: "begin"
      case .list(let address, .group(let group)): "list \(address) group \(group)"
      case .list(let address, .deviceID(let id)): "list \(address) devid \(id)"
      case .quiesce(let index): "quiesce \(index)"
      case .reset(let groups): "reset \(groups)"
      case .restore(let index): "restore \(index)"
      }
    }
  }

  /// The members that are brought to rest, in order.
  var quiesced: [Int] {
    steps.compactMap { if case .quiesce(let index) = $0 { index } else { nil } }
  }

  /// The members that are put back to work, in order.
  var restored: [Int] {
    steps.compactMap { if case .restore(let index) = $0 { index } else { nil } }
  }

  /// The proofs of the resets.
  var resets: [[UInt32]] {
    steps.compactMap { if case .reset(let groups) = $0 { groups } else { nil } }
  }

  /// The addresses listed, in order.
  var listed: [PCIAddress] {
    steps.compactMap { if case .list(let address, _) = $0 { address } else { nil } }
  }
}
