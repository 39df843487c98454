/// What the lab machine contains: the lines of a file under `machines/lab`, as QEMU options.
///
/// A line is a QEMU option without its dash, blanks, and its value (`device igb,bus=port3`), or the
/// option alone. Lines that begin with `#` and empty lines say nothing. `append` adds to the kernel
/// command line. `serve FILE FUNCTION KEY=VALUE,...` is a function of a host description beside
/// `machines/lab`, which a server on the host gives to QEMU; the rest are properties of the device.
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

  /// A function that a server beside QEMU gives to the machine.
  package struct ServedFunction: Equatable, Sendable {
    /// The description's file name, in the folder `machines`.
    package var file: String
    package var address: String
    /// The socket's name, unique in the machine.
    package var name: String

    package init(file: String, address: String, name: String) {
      self.file = file
      self.address = address
      self.name = name
    }
  }

  /// The options in the order of the file, `append` left out and `serve` as the device that it is.
  package private(set) var options: [Option] = []
  /// The functions of `serve` lines, in order.
  package private(set) var served: [ServedFunction] = []
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
      switch name {
      case "append": kernelWords += rest.split(whereSeparator: \.isBlank).map { String($0) }
      case "serve":
        guard serve(rest.split(whereSeparator: \.isBlank).map { String($0) }) else {
          throw .machine(file: file, line: number, problem: .serve)
        }
      default: options.append(Option(name, rest.isEmpty ? nil : String(rest)))
      }
    }
    guard options.contains(where: { $0.name == "machine" || $0.name == "M" }) else {
      throw .machine(file: file, line: nil, problem: .noMachine)
    }
  }

  /// Adds a served function and its device; false when the words are not what they have to be.
  private mutating func serve(_ words: [String]) -> Bool {
    let plain = { (text: Substring) in
      !text.isEmpty
        && text.utf8.allSatisfy { byte in
          byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") && byte > 0x20 && byte < 0x7F
        }
    }
    guard (2...3).contains(words.count), words.allSatisfy({ plain($0[...]) }) else { return false }
    let name = "served-\(served.count)"
    var members = ["\"driver\":\"vfio-user-pci\""]
    for property in words.count < 3 ? [] : words[2].split(separator: ",") {
      let parts = property.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, plain(parts[0]), plain(parts[1]) else { return false }
      let value =
        switch parts[1] {
        case "on": "true"
        case "off": "false"
        case let text where text.hasPrefix("0x"):
          UInt32(text.dropFirst(2), radix: 16).map { "\($0)" } ?? "\"\(text)\""
        case let text: "\"\(text)\""
        }
      members.append("\"\(parts[0])\":\(value)")
    }
    members.append(
      "\"socket\":{\"type\":\"unix\",\"path\":\"/lab/output/\(name).socket\"}")
    options.append(Option("device", "{\(members.joined(separator: ","))}"))
    served.append(ServedFunction(file: words[0], address: words[1], name: name))
    return true
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
