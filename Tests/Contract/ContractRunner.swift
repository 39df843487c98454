internal import SystemPackage

/// Runs cases of the contract on a host and says how each ended.
package struct ContractRunner: Sendable {
  /// A platform in the state that cases start from: a new one for each case, or one that `restore`
  /// puts back.
  private let platform: @Sendable () throws -> any ContractPlatform

  package init(_ platform: @escaping @Sendable () throws -> any ContractPlatform) {
    self.platform = platform
  }

  /// Runs one case; whatever it opened is closed, and what is then still held is a failure.
  package func run(_ row: ContractCase) -> ContractOutcome {
    do {
      let platform = try platform()
      for need in row.needs where !platform.fixtures.contains(need) {
        return .skipped(ContractSkip(missing: need).description)
      }
      let host = ContractHost(platform)
      var outcome = ContractOutcome.passed
      do {
        try row.body(host)
      } catch let skip as ContractSkip {
        outcome = .skipped(skip.description)
      } catch {
        outcome = .failed(Self.text(of: error))
      }
      host.closeAll()
      let left = try platform.restore()
      if outcome == .passed, !left.isEmpty {
        outcome = .failed("left behind: " + left.joined(separator: "; "))
      }
      return outcome
    } catch {
      return .failed("the host cannot be put into its first state: \(Self.text(of: error))")
    }
  }

  private static func text(of error: any Error) -> String {
    switch error {
    case let errno as Errno:
      "a call that the contract lets succeed failed with \(ErrnoName.of(errno))"
    default: "\(error)"
    }
  }
}
