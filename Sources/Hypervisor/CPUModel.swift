internal import Tracing

/// What the guest's CPUs claim to be (`-cpu`).
package struct CPUModel: Equatable, Sendable {
  /// What a model starts from.
  package enum Base: String, CaseIterable, Sendable {
    /// The host's processor with all that KVM can give.
    case host
    /// All that the accelerator can give; with KVM that is `host`.
    case max
    /// QEMU's plain 64-bit processor, as far as the host has it.
    case qemu64
  }

  package var base: Base
  /// Features to add or to take away, in the order of the command line; the last word counts.
  package var changes: [Change] = []
  /// Whether the guest can tell that it runs on KVM (`kvm=`).
  package var showsKVM = true
  /// Whether a feature that cannot be given is an error (`enforce`).
  package var isEnforced = false
  /// Whether missing features are told (`check`).
  package var isChecked = true
  /// Whether what ties a guest to its host, a constant TSC, stays off (`migratable=`).
  package var isMigratable = true

  /// One feature switched on or off.
  package struct Change: Equatable, Sendable {
    package var name: String
    package var isOn: Bool

    package init(name: String, isOn: Bool) {
      self.name = name
      self.isOn = isOn
    }
  }

  package init(_ base: Base = .qemu64) { self.base = base }

  /// Reads the value of `-cpu`: a model, then `+feature`, `-feature`, `feature=on|off`, `feature`.
  package init(parsing text: String) throws(CPUModelError) {
    let words = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let name = words.first ?? ""
    guard let base = Base(rawValue: name) else {
      throw .unknownModel(
        name, nearest: NearestName.find(name, in: Base.allCases.map(\.rawValue)))
    }
    self.init(base)
    for word in words.dropFirst() { try take(word) }
  }

  private mutating func take(_ word: String) throws(CPUModelError) {
    if let sign = word.first, sign == "+" || sign == "-" {
      return try change(String(word.dropFirst()), isOn: sign == "+")
    }
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts.first ?? "")
    let value = parts.count == 2 ? String(parts[1]) : "on"
    let isOn: Bool
    switch value {
    case "on", "yes", "true", "y": isOn = true
    case "off", "no", "false", "n": isOn = false
    default:
      // An unknown name is the greater mistake.
      try checkKnown(name)
      throw .badValue(name: name, value: value)
    }
    switch name {
    case "kvm": showsKVM = isOn
    case "enforce": isEnforced = isOn
    case "check": isChecked = isOn
    case "migratable": isMigratable = isOn
    default: try change(name, isOn: isOn)
    }
  }

  private mutating func change(_ name: String, isOn: Bool) throws(CPUModelError) {
    guard let feature = CPUFeature.named(name).first else { throw unknown(name) }
    changes.append(Change(name: feature.name, isOn: isOn))
  }

  private func checkKnown(_ name: String) throws(CPUModelError) {
    guard Self.switches.contains(name) || !CPUFeature.named(name).isEmpty else {
      throw unknown(name)
    }
  }

  private func unknown(_ name: String) -> CPUModelError {
    let names = CPUFeature.all.map(\.name) + Self.switches
    return .unknownFeature(
      name, model: base.rawValue, nearest: NearestName.find(name, in: names))
  }

  /// Names of `-cpu` that are no feature.
  private static let switches = ["kvm", "enforce", "check", "migratable"]
}

/// What is wrong with the value of `-cpu`.
package enum CPUModelError: Error, Equatable, Sendable {
  case unknownModel(String, nearest: String?)
  case unknownFeature(String, model: String, nearest: String?)
  case badValue(name: String, value: String)
  /// Features that the host or KVM lacks, with `enforce`.
  case missing([String])

  /// A sentence for the user, in QEMU's words, and what was probably meant.
  package var message: String {
    switch self {
    case .unknownModel(let name, let nearest):
      "unable to find CPU model '\(name)'"
        + (nearest.map { "; did you mean '\($0)'?" } ?? "; known are host, max and qemu64")
    case .unknownFeature(let name, let model, let nearest):
      "Property '\(model)-x86_64-cpu.\(name)' not found"
        + (nearest.map { "; did you mean '\($0)'?" } ?? "")
    case .badValue(let name, _): "Parameter '\(name)' expects 'on' or 'off'"
    case .missing(let names):
      "Host doesn't support requested features: \(names.joined(separator: " "))"
    }
  }
}
