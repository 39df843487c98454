import Passthrough
import Testing

@Suite struct FunctionResetPlanTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let ability: ResetAbility
    let methods: [FunctionResetPlan.Method]
    let needsHotReset: Bool

    init(
      reset: Bool, flr: Bool, pm: Bool, _ methods: [FunctionResetPlan.Method],
      needsHotReset: Bool
    ) {
      ability = ResetAbility(hasReset: reset, hasFLR: flr, hasPMReset: pm)
      self.methods = methods
      self.needsHotReset = needsHotReset
    }

    var testDescription: String { "\(ability)" }
  }

  static let cases = [
    Case(reset: false, flr: false, pm: false, [.hotReset], needsHotReset: true),
    Case(reset: false, flr: false, pm: true, [.hotReset], needsHotReset: true),
    Case(reset: false, flr: true, pm: false, [.hotReset], needsHotReset: true),
    Case(reset: false, flr: true, pm: true, [.hotReset], needsHotReset: true),
    Case(
      reset: true, flr: false, pm: false, [.functionReset, .hotReset], needsHotReset: false),
    Case(
      reset: true, flr: false, pm: true, [.hotReset, .powerManagementReset],
      needsHotReset: true),
    Case(reset: true, flr: true, pm: false, [.functionReset, .hotReset], needsHotReset: false),
    Case(
      reset: true, flr: true, pm: true, [.functionReset, .hotReset, .powerManagementReset],
      needsHotReset: false),
  ]

  @Test(arguments: cases)
  func methodsAreTriedInQEMUsOrder(_ example: Case) {
    let plan = FunctionResetPlan.make(example.ability)
    #expect(plan.attempts.map(\.method) == example.methods)
    #expect(plan.attempts.allSatisfy { !$0.reason.isEmpty })
  }

  @Test(arguments: cases)
  func aMachineResetStartsWithThoseThatHaveNoResetOrAWeakOne(_ example: Case) {
    #expect(example.ability.needsHotReset == example.needsHotReset)
  }

  @Test func aReasonTellsWhyTheMethodIsThere() {
    func reasons(reset: Bool, flr: Bool, pm: Bool) -> [String] {
      FunctionResetPlan.make(ResetAbility(hasReset: reset, hasFLR: flr, hasPMReset: pm))
        .attempts.map(\.reason)
    }
    #expect(
      reasons(reset: true, flr: true, pm: true) == [
        "the function has FLR", "the function reset may fail", "the function has a PM reset",
      ])
    #expect(
      reasons(reset: true, flr: false, pm: false).first
        == "the kernel offers a reset that is not a PM reset")
    #expect(
      reasons(reset: true, flr: false, pm: true).first
        == "a hot reset is stronger than the PM reset")
    #expect(
      reasons(reset: false, flr: true, pm: true) == ["the kernel offers no function reset"])
  }

  @Test func aMethodHasTheNameThatTracesShow() {
    #expect(FunctionResetPlan.Method.functionReset.rawValue == "function-reset")
    #expect(FunctionResetPlan.Method.hotReset.rawValue == "hot-reset")
    #expect(FunctionResetPlan.Method.powerManagementReset.rawValue == "pm-reset")
  }
}
