internal import HostKernel

/// Runs random sequences on two hosts and tells where their answers part.
package struct Differential {
  /// Where two hosts parted, with the shortest sequence that shows it.
  package struct Divergence: CustomStringConvertible {
    let number: Int
    let seed: UInt64
    let operations: [DifferentialOperation]
    let left: [String]
    let right: [String]

    /// How many calls the sequence has.
    package var length: Int { operations.count }

    /// The sequence, one call a line, with both answers where they differ.
    package var description: String {
      var lines = ["sequence \(number) of seed \(seed):"]
      for (index, answers) in zip(left, right).enumerated() {
        let call = index < operations.count ? "\(operations[index])" : "at the end"
        lines.append(
          answers.0 == answers.1
            ? "    \(call) -> \(answers.0)"
            : "  ! \(call) -> \(answers.0), and on the second host \(answers.1)")
      }
      return lines.joined(separator: "\n")
    }
  }

  private let left: @Sendable () throws -> any ContractPlatform
  private let right: @Sendable () throws -> any ContractPlatform
  private let functions: [Fixture]
  private let memory: UInt64

  /// Two hosts with the same functions; `functions` are those that sequences use. Throws what the
  /// mapping of the common buffer answers.
  package init(
    _ left: @escaping @Sendable () throws -> any ContractPlatform,
    _ right: @escaping @Sendable () throws -> any ContractPlatform,
    functions: [Fixture]
  ) throws {
    self.left = left
    self.right = right
    self.functions = functions
    // One page more than the last that a sequence names, and 64 KiB aligned, so that automatic IOVAs
    // do not depend on where the buffer happens to be.
    memory = UInt64(
      try MemoryCalls.map(
        MappingRequest(descriptor: nil, length: 16 * 4096, isWritable: true, alignment: 65536)))
  }

  /// Runs sequences `first` and up; `progress` hears of each that agreed. Gives the divergences, each
  /// once, at most `limit`.
  package func run(
    seed: UInt64, first: Int = 0, count: Int, limit: Int = 10, progress: (Int) -> Void = { _ in }
  ) throws -> [Divergence] {
    var divergences: [Divergence] = []
    for number in first..<first + count {
      var generator = DifferentialGenerator(
        functions, seed: seed &+ UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
      let operations = generator.next()
      let answers = try perform(operations)
      if answers.left == answers.right {
        progress(number)
        continue
      }
      let shortest = try shrink(operations)
      // One fault shows in many sequences: it is told once.
      if divergences.contains(where: { $0.operations == shortest }) { continue }
      let final = try perform(shortest)
      divergences.append(
        Divergence(
          number: number, seed: seed, operations: shortest, left: final.left, right: final.right))
      if divergences.count == limit { break }
    }
    return divergences
  }

  /// Takes calls away, from large pieces down to single ones, as long as the hosts still part.
  private func shrink(_ operations: [DifferentialOperation]) throws -> [DifferentialOperation] {
    var shortest = operations
    var piece = max(1, operations.count / 2)
    while true {
      var start = 0
      var isShorter = false
      while start < shortest.count {
        var candidate = shortest
        candidate.removeSubrange(start..<min(start + piece, candidate.count))
        let answers = try perform(candidate)
        if answers.left != answers.right {
          shortest = candidate
          isShorter = true
        } else {
          start += piece
        }
      }
      if piece > 1 {
        piece /= 2
      } else if !isShorter {
        return shortest
      }
    }
  }

  private func perform(
    _ operations: [DifferentialOperation]
  ) throws -> (left: [String], right: [String]) {
    (try perform(operations, on: left()), try perform(operations, on: right()))
  }

  private func perform(
    _ operations: [DifferentialOperation], on platform: any ContractPlatform
  ) throws -> [String] {
    let world = DifferentialWorld(ContractHost(platform), memory: memory)
    var answers = operations.map { world.perform($0) }
    answers.append(world.finish())
    let left = try platform.restore()
    if !left.isEmpty { answers.append("left behind: \(left)") }
    return answers
  }
}
