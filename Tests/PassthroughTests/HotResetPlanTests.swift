import PCI
import SystemPackage
import Testing
import VFIO

@testable import Passthrough

@Suite struct HotResetPlanTests {
  // MARK: - By group

  private static let oneByGroup: PlanSetting = {
    var setting = PlanSetting()
    setting.add(0, group: 12)
    return setting
  }()

  private static let pairByGroup: PlanSetting = {
    var setting = oneByGroup
    setting.add(1, group: 12)
    return setting
  }()

  @Test func aFunctionAloneIsResetAlone() {
    let info = PlanSetting.groups((0, 12))
    let one = Self.oneByGroup.plan(.one, of: 0, info)
    #expect(one.words == ["begin", "list 0000:81:00.0 group 12", "reset [12]"])
    #expect(one.refusal == nil)
    let multi = Self.oneByGroup.plan(.multi, of: 0, info)
    #expect(multi.words == ["begin", "list 0000:81:00.0 group 12"])
    #expect(multi.refusal == .affectsNoOther)
  }

  @Test func aFunctionOfTheGroupThatNobodyRealizedDoesNotCount() {
    let info = PlanSetting.groups((0, 12), (1, 12))
    #expect(
      Self.oneByGroup.plan(.one, of: 0, info).words == [
        "begin", "list 0000:81:00.0 group 12", "list 0000:81:00.1 group 12", "reset [12]",
      ])
    #expect(Self.oneByGroup.plan(.multi, of: 0, info).refusal == .affectsNoOther)
  }

  @Test(arguments: [
    (
      0,
      [
        "begin", "list 0000:81:00.0 group 12", "list 0000:81:00.1 group 12", "quiesce 1",
        "reset [12]", "restore 1",
      ]
    ),
    (
      1,
      [
        "begin", "list 0000:81:00.0 group 12", "quiesce 0", "list 0000:81:00.1 group 12",
        "reset [12]", "restore 0",
      ]
    ),
  ])
  func anotherFunctionRestsFromItsPlaceInTheListUntilAfterTheReset(
    _ initiator: Int, _ words: [String]
  ) {
    let plan = Self.pairByGroup.plan(
      .multi, of: initiator, PlanSetting.groups((0, 12), (1, 12)))
    #expect(plan.words == words)
    #expect(plan.refusal == nil)
  }

  @Test(arguments: [
    (0, ["begin", "list 0000:81:00.0 group 12", "list 0000:81:00.1 group 12"], "0000:81:00.1"),
    (1, ["begin", "list 0000:81:00.0 group 12"], "0000:81:00.0"),
  ])
  func aResetOfOneEndsAtTheOtherFunction(
    _ initiator: Int, _ words: [String], _ other: String
  ) {
    let plan = Self.pairByGroup.plan(.one, of: initiator, PlanSetting.groups((0, 12), (1, 12)))
    #expect(plan.words == words)
    #expect(plan.refusal == .affectsOthers(other))
  }

  @Test func everyOwnedGroupInTheListIsShownOnce() {
    var setting = PlanSetting()
    setting.add(0, group: 12)
    setting.add(1, group: 7)
    setting.add(2, group: 12)
    setting.add(0, bus: 0x90, group: 99)
    let plan = setting.plan(
      .multi, of: 0, PlanSetting.groups((0, 12), (1, 7), (2, 12), (3, 7)))
    #expect(plan.resets == [[12, 7]])
    #expect(plan.quiesced == [1, 2] && plan.restored == [1, 2])
  }

  @Test(arguments: [HotResetPlan.Scope.one, .multi])
  func aGroupThatIsNotOwnedEndsThePlan(_ scope: HotResetPlan.Scope) {
    let plan = Self.oneByGroup.plan(scope, of: 0, PlanSetting.groups((0, 12), (1, 13), (2, 14)))
    #expect(
      plan.words == ["begin", "list 0000:81:00.0 group 12", "list 0000:81:00.1 group 13"])
    #expect(
      plan.refusal
        == .notOwned([
          .init(address: .init(bus: 0x81, devfn: 1), group: 13)
        ]))
  }

  @Test func whatRestsAlreadyIsPutBackWhenAGroupIsNotOwned() {
    let plan = Self.pairByGroup.plan(
      .multi, of: 0, PlanSetting.groups((0, 12), (1, 12), (2, 13)))
    #expect(
      plan.words == [
        "begin", "list 0000:81:00.0 group 12", "list 0000:81:00.1 group 12", "quiesce 1",
        "list 0000:81:00.2 group 13", "restore 1",
      ])
  }

  // MARK: - By device

  private static let pairByDevice: PlanSetting = {
    var setting = PlanSetting()
    setting.add(0, object: "iommufd0", id: 1)
    setting.add(1, object: "iommufd0", id: 2)
    return setting
  }()

  @Test func byDeviceTheContextIsTheProof() {
    let plan = Self.pairByDevice.plan(.multi, of: 1, PlanSetting.devices((0, 1), (1, 2)))
    #expect(
      plan.words == [
        "begin", "list 0000:81:00.0 devid 1", "quiesce 0", "list 0000:81:00.1 devid 2",
        "reset []", "restore 0",
      ])
  }

  @Test func byDeviceAResetOfOneEndsAtTheOtherFunction() {
    let plan = Self.pairByDevice.plan(.one, of: 1, PlanSetting.devices((0, 1), (1, 2)))
    #expect(plan.words == ["begin", "list 0000:81:00.0 devid 1"])
    #expect(plan.refusal == .affectsOthers("0000:81:00.0"))
  }

  @Test func anOwnedFunctionThatIsNotOpenedDoesNotCount() {
    let info = PlanSetting.devices((0, 1), (1, 0))
    #expect(
      Self.pairByDevice.plan(.one, of: 0, info).words == [
        "begin", "list 0000:81:00.0 devid 1", "list 0000:81:00.1 devid 0", "reset []",
      ])
    #expect(Self.pairByDevice.plan(.multi, of: 0, info).refusal == .affectsNoOther)
  }

  @Test func anOpenedFunctionThatNobodyRealizedDoesNotCount() {
    let info = PlanSetting.devices((0, 1), (1, 9))
    #expect(Self.pairByDevice.plan(.one, of: 0, info).resets == [[]])
    #expect(Self.pairByDevice.plan(.multi, of: 0, info).refusal == .affectsNoOther)
  }

  @Test(arguments: [HotResetPlan.Scope.one, .multi])
  func withADeviceThatIsNotOwnedNothingIsListed(_ scope: HotResetPlan.Scope) {
    let plan = Self.pairByDevice.plan(
      scope, of: 0, PlanSetting.devices((0, 1), (1, -1), (2, 0), (3, -1)))
    #expect(plan.words == [])
    #expect(
      plan.refusal
        == .notOwned([
          .init(address: .init(bus: 0x81, devfn: 1), group: nil),
          .init(address: .init(bus: 0x81, devfn: 3), group: nil),
        ]))
  }

  @Test func anEqualNumberOfAnotherObjectIsAnotherDevice() {
    var setting = PlanSetting()
    setting.add(0, object: "iommufd0", id: 1)
    setting.add(0, bus: 0x90, object: "iommufd1", id: 2)
    let info = PlanSetting.devices((0, 1), (1, 2))
    #expect(setting.plan(.one, of: 0, info).resets == [[]])
    #expect(setting.plan(.multi, of: 0, info).refusal == .affectsNoOther)
    setting.add(1, object: "iommufd0", id: 2)
    #expect(setting.plan(.multi, of: 0, info).quiesced == [2])
  }

  // MARK: - Oddities

  @Test func aFunctionThatIsListedTwiceIsQuiescedOnce() {
    let byGroup = Self.pairByGroup.plan(
      .multi, of: 0, PlanSetting.groups((0, 12), (1, 12), (1, 12)))
    #expect(byGroup.quiesced == [1] && byGroup.restored == [1])
    let byDevice = Self.pairByDevice.plan(
      .multi, of: 0, PlanSetting.devices((1, 2), (0, 1), (1, 2)))
    #expect(byDevice.quiesced == [1] && byDevice.restored == [1])
  }

  @Test func anEmptyReportAffectsNoOther() {
    #expect(Self.oneByGroup.plan(.one, of: 0, PlanSetting.groups()).words == ["begin", "reset []"])
    #expect(
      Self.pairByDevice.plan(.multi, of: 0, PlanSetting.devices()).refusal == .affectsNoOther)
  }

  @Test func aRefusalHasTheErrorThatQEMUGives() {
    #expect(HotResetPlan.Refusal.affectsOthers("x").errno == .invalidArgument)
    #expect(HotResetPlan.Refusal.affectsNoOther.errno == .invalidArgument)
    #expect(HotResetPlan.Refusal.notOwned([]).errno == .notPermitted)
  }

  @Test(
    arguments: [
      (0, 0x81, 0, "0000:81:00.0"), (0xffff, 0xff, 0xff, "ffff:ff:1f.7"),
      (1, 2, 8 * 3 + 4, "0001:02:03.4"), (0x10, 0, 0x80, "0010:00:10.0"),
    ] as [(UInt16, UInt8, UInt8, String)])
  func anAddressIsWrittenAsTheHostWritesIt(
    _ domain: UInt16, _ bus: UInt8, _ devfn: UInt8, _ text: String
  ) {
    let address = PCIAddress(domain: domain, bus: bus, devfn: devfn)
    #expect(address.description == text)
  }
}
