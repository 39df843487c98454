import PCI
import Passthrough
import TestSupport
import Testing
import VFIO

/// Rules that hold for every plan, on random machines and reports.
@Suite struct HotResetPlanPropertyTests {
  /// A random machine, and what the host says when one of its functions asks.
  private struct Situation {
    var setting = PlanSetting()
    let initiator: Int
    let info: HotResetInfo
    /// The other functions of this machine that the reset affects, by index.
    let affected: Set<Int>
    /// The listed functions that this machine does not own.
    let notOwned: [PCIAddress]
    let listed: [PCIAddress]
  }

  private static func address(_ place: Int) -> PCIAddress {
    PCIAddress(bus: 0x81 + UInt8(place / 8), devfn: UInt8(place % 8))
  }

  /// Functions in groups; those of one bus are reset together.
  private static func byGroup(_ generator: inout SeededGenerator) -> Situation {
    var setting = PlanSetting()
    let groups = (0..<16).map { _ in UInt32.random(in: 10...14, using: &generator) }
    let realized = Array(
      (0..<16).shuffled(using: &generator).prefix(.random(in: 1...6, using: &generator)))
    for place in realized {
      setting.add(UInt8(place % 8), bus: address(place).bus, group: groups[place])
    }
    let initiator = Int.random(in: 0..<realized.count, using: &generator)
    let bus = realized[initiator] / 8
    let count = Int.random(in: 1...8, using: &generator)
    var set = Set((0..<8).shuffled(using: &generator).prefix(count).map { bus * 8 + $0 })
    set.insert(realized[initiator])
    let places = set.sorted()
    let notOwned = places.filter {
      !setting.ownedGroups.contains(groups[$0]) && $0 != realized[initiator]
    }
    return Situation(
      setting: setting, initiator: initiator,
      info: .groups(
        places.map { place in
          .init(
            address: address(place),
            identifier: .init(number: groups[place]))
        }),
      affected: Set(realized.indices.filter { $0 != initiator && set.contains(realized[$0]) }),
      notOwned: notOwned.map(address), listed: places.map(address))
  }

  /// Functions in two contexts, whose ids are often equal.
  private static func byDevice(_ generator: inout SeededGenerator) -> Situation {
    var setting = PlanSetting()
    let realized = Array(
      (0..<16).shuffled(using: &generator).prefix(.random(in: 1...8, using: &generator)))
    // Mostly one context, so that plans without a stranger are common.
    let objects = realized.map { _ in Int.random(in: 0..<6, using: &generator) == 0 ? 1 : 0 }
    var nextID: [UInt32] = [1, 1]
    var ids: [UInt32] = []
    for (place, object) in zip(realized, objects) {
      ids.append(nextID[object])
      nextID[object] += 1
      setting.add(
        UInt8(place % 8), bus: address(place).bus, object: "iommufd\(object)",
        id: ids[ids.count - 1])
    }
    let initiator = Int.random(in: 0..<realized.count, using: &generator)
    let bus = realized[initiator] / 8
    let count = Int.random(in: 1...8, using: &generator)
    var set = Set((0..<8).shuffled(using: &generator).prefix(count).map { bus * 8 + $0 })
    set.insert(realized[initiator])
    let places = set.sorted()
    let identifiers = places.map { place -> HotResetInfo.DeviceID in
      guard let index = realized.firstIndex(of: place) else {
        return Int.random(in: 0..<12, using: &generator) == 0 ? .notOwned : .ownedByGroup
      }
      return objects[index] == objects[initiator] ? .opened(ids[index]) : .notOwned
    }
    let notOwned = zip(places, identifiers).filter { $0.1 == .notOwned }.map { address($0.0) }
    return Situation(
      setting: setting, initiator: initiator,
      info: .devices(
        zip(places, identifiers).map { place, identifier in
          .init(
            address: address(place),
            identifier: identifier)
        }, areAllOwned: notOwned.isEmpty),
      affected: Set(
        realized.indices.filter {
          $0 != initiator && set.contains(realized[$0]) && objects[$0] == objects[initiator]
        }),
      notOwned: notOwned, listed: places.map(address))
  }

  private func check(_ situation: Situation, _ scope: HotResetPlan.Scope) -> HotResetPlan {
    let plan = situation.setting.plan(scope, of: situation.initiator, situation.info)
    // Exactly once each, and back in the same order.
    #expect(plan.quiesced == plan.restored)
    #expect(Set(plan.quiesced).count == plan.quiesced.count)
    #expect(Set(plan.quiesced).isSubset(of: situation.affected))
    // At most one reset: after all that rests, before all that is put back.
    #expect(plan.resets.count <= 1)
    let order = plan.words.compactMap { $0.split(separator: " ").first }
    let phases = order.map { ["begin": 0, "list": 1, "quiesce": 1, "reset": 2, "restore": 3][$0] }
    #expect(phases.compactMap { $0 } == phases.compactMap { $0 }.sorted())
    // Functions are listed as the host gave them, all of them where there is a reset.
    #expect(plan.listed.elementsEqual(situation.listed.prefix(plan.listed.count)))
    if !plan.resets.isEmpty { #expect(plan.listed == situation.listed) }
    // A reset, or else a reason.
    #expect(plan.resets.isEmpty == (plan.refusal != nil))
    // A reset where and only where nothing stands in its way.
    let isRightScope = (scope == .one) == situation.affected.isEmpty
    #expect(plan.resets.isEmpty == !(situation.notOwned.isEmpty && isRightScope))
    if scope == .one { #expect(plan.quiesced.isEmpty) }
    switch plan.refusal {
    case nil:
      #expect(Set(plan.quiesced) == situation.affected)
    case .notOwned(let blockers):
      #expect(!blockers.isEmpty)
      #expect(blockers.allSatisfy { situation.notOwned.contains($0.address) })
    case .affectsOthers(let name):
      #expect(scope == .one)
      #expect(situation.affected.contains { situation.setting.members[$0].name == name })
    case .affectsNoOther:
      #expect(scope == .multi && situation.affected.isEmpty)
    }
    return plan
  }

  @Test(arguments: 0..<300 as Range<UInt64>)
  func plansByGroupKeepTheRules(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let situation = Self.byGroup(&generator)
    for scope in [HotResetPlan.Scope.one, .multi] {
      let plan = check(situation, scope)
      guard case .groups(let entries) = situation.info, let proof = plan.resets.first else {
        continue
      }
      #expect(Set(proof).count == proof.count)
      #expect(Set(proof) == Set(entries.map(\.identifier.number)))
      #expect(Set(proof).isSubset(of: situation.setting.ownedGroups))
    }
  }

  @Test(arguments: 0..<300 as Range<UInt64>)
  func plansByDeviceKeepTheRules(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let situation = Self.byDevice(&generator)
    for scope in [HotResetPlan.Scope.one, .multi] {
      let plan = check(situation, scope)
      if let proof = plan.resets.first { #expect(proof.isEmpty) }
    }
  }

  @Test func theRandomMachinesComeByEveryEnd() {
    var ends: [String: Int] = [:]
    for seed in 0..<300 as Range<UInt64> {
      for make in [Self.byGroup, Self.byDevice] {
        var generator = SeededGenerator(seed: seed)
        let situation = make(&generator)
        for scope in [HotResetPlan.Scope.one, .multi] {
          let plan = situation.setting.plan(scope, of: situation.initiator, situation.info)
          let end =
            switch plan.refusal {
            case nil: "reset"
            case .notOwned: plan.quiesced.isEmpty ? "not owned" : "not owned after rest"
            case .affectsOthers: "others"
            case .affectsNoOther: "no other"
            }
          ends["\(scope) \(end)", default: 0] += 1
        }
      }
    }
    for end in [
      "one reset", "one not owned", "one others", "multi reset", "multi not owned",
      "multi not owned after rest", "multi no other",
    ] {
      #expect(ends[end, default: 0] >= 10, "\(end)")
    }
  }
}
