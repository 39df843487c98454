package import SystemPackage

/// Why a description file cannot be used: the file, the line and key, and what is wrong there.
package struct HostDescriptionError: Error, Sendable, Equatable {
  /// The path as the user gave it.
  package var file: String
  /// The line, from 1; nil when the file could not be read at all.
  package var line: Int?
  /// The key with its parents, such as `functions[0].bars[1].size`; empty at the top.
  package var key: String
  package var problem: Problem

  package init(file: String, line: Int?, key: String, problem: Problem) {
    self.file = file
    self.line = line
    self.key = key
    self.problem = problem
  }

  /// What is wrong, as facts.
  package enum Problem: Sendable, Equatable {
    case unreadable(Errno)
    /// More bytes than `limit`.
    case tooLarge(limit: Int)
    /// What libyaml says of the syntax.
    case syntax(String)
    case severalDocuments
    case empty
    case unknownKey(String, nearest: String?)
    case repeatedKey(String, firstLine: Int)
    case missingKey(String)
    case wrongType(expected: String, found: String)
    case notAnInteger(String)
    case outOfRange(UInt64, low: UInt64, high: UInt64)
    case notPowerOfTwo(UInt64)
    case notMultiple(UInt64, of: UInt64)
    case unknownName(String, nearest: String?, known: [String])
    case notAnAddress(String, form: String)
    case notHexadecimal(String)
    case wrongLength(Int, expected: String)
    case repeated(String, firstLine: Int)
    case overlap(String, with: String, firstLine: Int)
    case pastEnd(Int, size: Int)
    /// A name that must be declared elsewhere in the file.
    case undeclared(String, what: String, nearest: String?)
    /// A value that contradicts another one, in words.
    case contradiction(String)
  }
}

extension HostDescriptionError: CustomStringConvertible {
  package var description: String {
    var text = file
    if let line { text += ":\(line)" }
    if !key.isEmpty { text += ": \(key)" }
    return text + ": \(problem)"
  }
}

extension HostDescriptionError.Problem: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unreadable(let error): "cannot be read: \(error)"
    case .tooLarge(let limit): "is larger than \(limit) bytes"
    case .syntax(let text): "is not YAML: \(text)"
    case .severalDocuments: "holds more than one YAML document; keep the first"
    case .empty: "holds nothing; a host needs the key 'functions'"
    case .unknownKey(let name, let nearest): "unknown key '\(name)'" + Self.hint(nearest)
    case .repeatedKey(let name, let line): "key '\(name)' was already given on line \(line)"
    case .missingKey(let name): "key '\(name)' is missing"
    case .wrongType(let expected, let found): "needs \(expected), not \(found)"
    case .notAnInteger(let text): "'\(text)' is not a number; write it in decimal or with 0x"
    case .outOfRange(let value, let low, let high):
      "0x\(String(value, radix: 16)) is not between 0x\(String(low, radix: 16)) and "
        + "0x\(String(high, radix: 16))"
    case .notPowerOfTwo(let value): "0x\(String(value, radix: 16)) is not a power of two"
    case .notMultiple(let value, let unit):
      "0x\(String(value, radix: 16)) is not a multiple of 0x\(String(unit, radix: 16))"
    case .unknownName(let name, let nearest, let known):
      "'\(name)' is not known" + Self.hint(nearest) + "; known are \(known.joined(separator: ", "))"
    case .notAnAddress(let text, let form): "'\(text)' is not of the form \(form)"
    case .notHexadecimal(let text): "'\(text)' is not a row of hexadecimal bytes"
    case .wrongLength(let count, let expected): "has \(count) bytes, needs \(expected)"
    case .repeated(let name, let line): "\(name) was already given on line \(line)"
    case .overlap(let name, let other, let line): "\(name) overlaps \(other) of line \(line)"
    case .pastEnd(let end, let size):
      "ends at 0x\(String(end, radix: 16)), past the end at 0x\(String(size, radix: 16))"
    case .undeclared(let name, let what, let nearest):
      "\(what) '\(name)' is not declared in this file" + Self.hint(nearest)
    case .contradiction(let text): text
    }
  }

  private static func hint(_ nearest: String?) -> String {
    nearest.map { ", did you mean '\($0)'?" } ?? ""
  }
}
