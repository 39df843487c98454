/// A named script under `machines/lab/scenarios`.
///
/// Its second line is `# lab: SUMMARY` for a script that the lab machine runs, `# host: SUMMARY` for
/// one that runs on the host and needs the lab's kernel folder only. A third line `# machine: NAME`
/// asks for the machine `machines/lab/NAME.machine` in place of the default one.
package struct Scenario: Equatable, Sendable {
  /// Where a scenario runs.
  package enum Place: String, Sendable {
    case host, lab
  }

  /// The script's file name.
  package var name: String
  package var place: Place
  /// What it checks, in one line.
  package var summary: String
  /// The machine it needs, without folder and ending; nil for the default one.
  package var machine: String?

  /// Reads the header of the scenario called `name`.
  ///
  /// - Throws: `LabError.scenarioHeader` when the second line says no place.
  package init(name: String, script: String) throws(LabError) {
    let lines = script.split(separator: "\n", maxSplits: 3, omittingEmptySubsequences: false)
    guard lines.count > 1, lines[1].hasPrefix("# "), let colon = lines[1].firstIndex(of: ":"),
      let place = Place(rawValue: String(lines[1][..<colon].dropFirst(2)))
    else { throw .scenarioHeader(name) }
    self.name = name
    self.place = place
    summary = String(lines[1][colon...].dropFirst().drop { $0 == " " })
    let prefix = "# machine:"
    if lines.count > 2, lines[2].hasPrefix(prefix) {
      machine = String(lines[2].dropFirst(prefix.count).drop { $0 == " " })
    }
  }

  /// Finds the scenario that `name` names among `scenarios`.
  ///
  /// - Throws: `LabError.unknownScenario` with the names there are.
  package static func find(_ name: String, in scenarios: [Scenario]) throws(LabError) -> Scenario {
    guard let found = scenarios.first(where: { $0.name == name }) else {
      throw .unknownScenario(name, known: scenarios.map(\.name))
    }
    return found
  }
}
