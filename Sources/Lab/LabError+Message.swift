import Glibc

extension LabError: CustomStringConvertible {
  /// One line: what failed, and what to do next.
  package var description: String {
    switch self {
    case .machine(let file, let line, let problem):
      "\(file)\(line.map { ":\($0)" } ?? ""): \(problem)"
    case .unknownScenario(let name, let known):
      "no scenario '\(name)'"
        + (Self.nearest(to: name, among: known).map { ", did you mean '\($0)'?" } ?? "")
        + " There are: \(known.joined(separator: ", ")). To run a command: swiftvmm-lab run -- \(name)"
    case .scenarioHeader(let name):
      "scenario \(name): its second line must begin with '# lab: ' or '# host: '"
    case .noCheckout(let start):
      "no folder above \(start) holds machines/lab: run swiftvmm-lab inside the checkout"
    case .noProgram(let path):
      "\(path) is no program that can be run: build it with 'swift build -c release'"
        + " or name it with --program"
    case .noCacheFolder:
      "no place for the lab's cache: set HOME or XDG_CACHE_HOME to an absolute path"
    case .notRoot:
      "the lab needs root (it mounts and changes root): run it with sudo"
    case .recipe(let name, let status):
      "\(name) failed with status \(status): see the lines above, then run again"
    case .outputInUse(let path):
      "another run writes to \(path): wait for it or choose another folder with --output"
    case .noStatus(let console):
      "the lab machine ended before the script did: see the lines above and \(console)"
    case .timedOut(let seconds, let output):
      "the lab machine was stopped after \(seconds) s: see the logs in \(output),"
        + " or give more time with --timeout"
    case .interrupted(let signal):
      "ended by signal \(signal)"
    case .system(let operation, let object, let code):
      unsafe "could not \(operation) \(object): \(String(cString: strerror(code)))"
    }
  }

  /// The name with the fewest edits to `name`, if it is near enough to be meant.
  package static func nearest(to name: String, among known: [String]) -> String? {
    let near = known.map { (name: $0, distance: editDistance(name, $0)) }
      .min { ($0.distance, $0.name) < ($1.distance, $1.name) }
    guard let near, near.distance <= max(1, name.count / 2) else { return nil }
    return near.name
  }

  /// Insertions, removals and replacements of one character that make `b` of `a`.
  private static func editDistance(_ a: String, _ b: String) -> Int {
    let target = Array(b)
    var row = Array(0...target.count)
    for (i, character) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for j in target.indices {
        let replaced = diagonal + (target[j] == character ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
      }
    }
    return row[target.count]
  }
}

extension LabError.MachineProblem: CustomStringConvertible {
  package var description: String {
    switch self {
    case .notAnOption(let word):
      "'\(word)' is no QEMU option name: a line is an option without its dash, then its value"
    case .reserved(let name):
      "the lab gives the option '\(name)' itself: remove the line"
    case .serve:
      "'serve' takes a file of the folder machines, a function's address and the device's"
        + " properties, such as: serve pasid.yaml 0000:00:06.0 bus=pcie.0,addr=06.0"
    case .noMachine:
      "no line chooses the machine: add 'machine q35,kernel-irqchip=split'"
    }
  }
}
