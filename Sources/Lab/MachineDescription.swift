/// What the lab machine contains: the lines of a file under `machines/lab`, as QEMU options.
///
/// A line is a QEMU option without its dash, blanks, and its value (`device igb,bus=port3`), or the
/// option alone. Lines that begin with `#` and empty lines say nothing. `append` adds to the kernel
/// command line.
package struct MachineDescription: Equatable, Sendable {
  /// One QEMU option of the file.
  package struct Option: Equatable, Sendable {
    /// The option's name, without a dash.
    package var name: String
    /// What follows the name; nil for an option without value.
    package var value: String?

    package init(_ name: String, _ value: String? = nil) {
      self.name = name
      self.value = value
    }
  }

  /// The options in the order of the file, `append` left out.
  package private(set) var options: [Option] = []
  /// The words that the file adds to the kernel command line, in order.
  package private(set) var kernelWords: [String] = []

  /// Options that the lab gives itself: a second one would contradict it.
  package static let reserved: Set<String> = [
    "accel", "add-fd", "chardev", "daemonize", "display", "enable-kvm", "fsdev", "initrd", "kernel",
    "monitor", "no-reboot", "nodefaults", "nographic", "pidfile", "S", "serial", "virtfs",
  ]

  /// Reads a description.
  ///
  /// - Throws: `LabError.machine` with the number of the first line that is wrong.
  package init(parsing text: String, file: String) throws(LabError) {
    var number = 0
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      number += 1
      let words = line.trimmingBlanks()
      if words.isEmpty || words.first == "#" { continue }
      let name = String(words.prefix { !$0.isBlank })
      let rest = words.dropFirst(name.count).trimmingBlanks()
      guard Self.isOptionName(name) else {
        throw .machine(file: file, line: number, problem: .notAnOption(name))
      }
      guard !Self.reserved.contains(name) else {
        throw .machine(file: file, line: number, problem: .reserved(name))
      }
      if name == "append" {
        kernelWords += rest.split(whereSeparator: \.isBlank).map { String($0) }
      } else {
        options.append(Option(name, rest.isEmpty ? nil : String(rest)))
      }
    }
    guard options.contains(where: { $0.name == "machine" || $0.name == "M" }) else {
      throw .machine(file: file, line: nil, problem: .noMachine)
    }
  }

  private static func isOptionName(_ name: String) -> Bool {
    guard let first = name.utf8.first, UInt8(ascii: "a")...UInt8(ascii: "z") ~= first | 0x20 else {
      return false
    }
    return name.utf8.allSatisfy { byte in
      UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
        || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || byte == UInt8(ascii: "-")
    }
  }
}

extension Character {
  fileprivate var isBlank: Bool { self == " " || self == "\t" }
}

extension Substring {
  fileprivate func trimmingBlanks() -> Substring {
    var trimmed = drop { $0.isBlank }
    while let last = trimmed.last, last.isBlank { trimmed.removeLast() }
    return trimmed
  }
}
