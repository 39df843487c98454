import Glibc

/// Builds the lab, boots it, and runs things in it.
package struct Lab {
  let checkout: Checkout
  private let cache: String

  /// - Throws: `LabError` when there is no checkout around, or no place for the cache.
  package init() throws(LabError) {
    checkout = try Checkout()
    var environment: [String: String] = [:]
    for name in ["HOME", "XDG_CACHE_HOME"] {
      if let value = unsafe getenv(name) { environment[name] = unsafe String(cString: value) }
    }
    cache = try Recipe.cacheFolder(environment: environment)
  }

  /// The scenarios there are, by name.
  package func scenarios() throws(LabError) -> [Scenario] { try checkout.scenarios() }

  /// Makes what a recipe makes, unless it is there already, and returns its folder.
  @discardableResult
  package func build(_ recipe: Recipe) throws(LabError) -> String {
    let folder = recipe.folder(in: cache, key: try checkout.key(of: recipe))
    if Files.exists(folder) { return folder }
    let script = "\(checkout.labFolder)/\(recipe.script)"
    switch try ChildProcess(arguments: [script, folder]).run() {
    case .exited(0): return folder
    case .exited(let status): throw .recipe(recipe.script, status: status)
    case .killed(let signal), .interrupted(let signal): throw .interrupted(signal: signal)
    case .timedOut: throw .recipe(recipe.script, status: 1)
    }
  }

  /// Runs a scenario, a command or a shell, and returns its exit status.
  package func run(_ request: RunRequest) throws(LabError) -> Int32 {
    var request = request
    var hostScenario: Scenario?
    if case .scenario(let name, _) = request.what {
      let scenario = try Scenario.find(name, in: try checkout.scenarios())
      if scenario.place == .host { hostScenario = scenario }
      if let machine = scenario.machine, request.machine == nil {
        request.machine = checkout.machinePath(machine)
      }
    }
    guard hostScenario != nil || geteuid() == 0 else { throw .notRoot }
    let output = try outputFolder(for: request)
    guard let lock = try OpenFile(locking: "\(output)/lock") else { throw .outputInUse(output) }
    defer { lock.hold() }
    if let hostScenario, case .scenario(_, let arguments) = request.what {
      return try runOnHost(hostScenario, arguments, output: output, timeLimit: request.timeLimit)
    }
    return try runInMachine(request, output: output)
  }

  /// Makes the folder that a run's logs go to.
  private func outputFolder(for request: RunRequest) throws(LabError) -> String {
    let folder = request.output ?? "\(checkout.path)/.build/lab/\(request.defaultOutputName)"
    try Files.makeFolder(folder)
    guard let resolved = Files.resolve(folder) else {
      throw .system(operation: "look into", object: folder, errno: errno)
    }
    return resolved
  }

  private func runOnHost(
    _ scenario: Scenario, _ arguments: [String], output: String, timeLimit: Int?
  ) throws(LabError) -> Int32 {
    var child = ChildProcess(
      arguments: [
        "env", "LAB_CHECKOUT=\(checkout.path)", "LAB_KERNEL=\(try build(.kernel))",
        "LAB_OUTPUT=\(output)", "\(checkout.labFolder)/scenarios/\(scenario.name)",
      ] + arguments)
    child.timeLimit = timeLimit
    switch try child.run() {
    case .exited(let status): return status
    case .killed(let signal), .interrupted(let signal): throw .interrupted(signal: signal)
    case .timedOut: throw .timedOut(seconds: timeLimit ?? 0, output: output)
    }
  }

  /// Prints a progress line.
  func say(_ text: String) {
    try? OpenFile.write(Array("lab: \(text)\n".utf8)[...], to: STDERR_FILENO, called: "stderr")
  }
}
