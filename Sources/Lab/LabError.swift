/// Why the lab could not do what it was asked for.
package enum LabError: Error, Equatable, Sendable {
  /// A line of a machine description is wrong; nil when no single line is at fault.
  case machine(file: String, line: Int?, problem: MachineProblem)
  /// No scenario has this name; `known` are those there are.
  case unknownScenario(String, known: [String])
  /// The scenario's second line does not say where it runs.
  case scenarioHeader(String)
  /// No folder above the working folder or the program holds `machines/lab`.
  case noCheckout(startedAt: String)
  /// A program to take into the lab machine is not there.
  case noProgram(String)
  /// Neither `XDG_CACHE_HOME` nor `HOME` is an absolute path.
  case noCacheFolder
  /// The lab builds and boots as root only.
  case notRoot
  /// A recipe of the lab ended with this status; it has printed why.
  case recipe(String, status: Int32)
  /// Another run uses the same output folder.
  case outputInUse(String)
  /// The machine ended and left no exit status.
  case noStatus(console: String)
  /// The machine still ran when its time was over.
  case timedOut(seconds: Int, output: String)
  /// The run was ended by this signal.
  case interrupted(signal: Int32)
  /// A system call failed: what it should have done, to which object, and the error number.
  case system(operation: String, object: String, errno: Int32)

  /// What is wrong in a machine description.
  package enum MachineProblem: Equatable, Sendable {
    /// The line's first word is no option name.
    case notAnOption(String)
    /// The lab gives this option itself.
    case reserved(String)
    /// A `serve` line is not a file, a function and properties.
    case serve
    /// No line chooses the machine type.
    case noMachine
  }

  /// The exit status of `swiftvmm-lab` for this error.
  package var exitStatus: Int32 {
    switch self {
    case .interrupted(let signal): 128 &+ signal
    case .timedOut: 124
    case .recipe(_, let status): status
    default: 2
    }
  }
}
