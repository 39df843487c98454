import Lab
import Testing

@Suite struct ScenarioTests {
  @Test(arguments: [
    ("#!/bin/sh\n# lab: resets a pair\nexit", Scenario.Place.lab, "resets a pair"),
    ("#!/bin/sh\n# host: compiles\n", .host, "compiles"),
    ("#!/bin/sh\n# host:", .host, ""),
  ])
  func theSecondLineSaysWhereItRuns(script: String, place: Scenario.Place, summary: String) throws {
    let scenario = try Scenario(name: "x", script: script)
    #expect(scenario.place == place)
    #expect(scenario.summary == summary)
  }

  @Test(
    arguments: [
      ("# lab: x\n# machine: narrow\n", "narrow"), ("# lab: x\n# machine:narrow", "narrow"),
      ("# lab: x\n# the machine: narrow", nil), ("# lab: x\n\n# machine: narrow", nil),
      ("# lab: x", nil),
    ] as [(String, String?)])
  func theThirdLineMayNameItsMachine(header: String, machine: String?) throws {
    #expect(try Scenario(name: "x", script: "#!/bin/sh\n\(header)").machine == machine)
  }

  @Test(arguments: [
    "", "#!/bin/sh", "#!/bin/sh\n", "#!/bin/sh\n# moon: x\n", "\nlab: x", "\n# lab",
  ])
  func aHeaderIsNeeded(script: String) {
    #expect(throws: LabError.scenarioHeader("x")) { try Scenario(name: "x", script: script) }
  }

  @Test func scenariosAreFoundByName() throws {
    let scenarios = try ["errors", "headers"].map { name in
      try Scenario(name: name, script: "\n# lab: \(name)")
    }
    #expect(try Scenario.find("headers", in: scenarios).summary == "headers")
    #expect(throws: LabError.unknownScenario("header", known: ["errors", "headers"])) {
      try Scenario.find("header", in: scenarios)
    }
  }

  @Test(
    arguments: [
      ("header", "headers"), ("reset-piar", "reset-pair"), ("eror", "errors"), ("zzzzzz", nil),
      ("", nil),
    ] as [(String, String?)])
  func aNearNameIsOffered(name: String, nearest: String?) {
    #expect(LabError.nearest(to: name, among: ["errors", "headers", "reset-pair"]) == nearest)
  }

  @Test func theScenariosOfThisCheckoutHaveHeaders() throws {
    let names = try Lab().scenarios().map(\.name)
    #expect(
      names == [
        "contract", "contract-amd", "contract-no-interrupt-remapping", "differential", "errors",
        "guest-starts", "guests", "headers", "pasid", "reset-pair",
      ])
  }

  @Test func theMachinesThatScenariosNameAreThere() throws {
    let checkout = try Checkout()
    let machines = try checkout.scenarios().compactMap(\.machine)
    #expect(!machines.isEmpty)
    for machine in machines {
      #expect(try !checkout.machine(checkout.machinePath(machine)).options.isEmpty)
    }
  }
}
