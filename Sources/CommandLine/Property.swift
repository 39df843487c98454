/// Why a property does not take a value.
package enum ValueRefusal: Sendable, Equatable {
  /// Neither `on` nor `off`, in any of QEMU's spellings.
  case notOnOff

  /// Neither `on` nor `off`, in any of QEMU's spellings, nor `auto`.
  case notOnOffAuto

  /// Not letters, digits, `-`, `.`, `_`, starting with a letter.
  case notIdentifier

  /// Not a whole number.
  case notInteger

  /// Neither a whole number nor `auto`.
  case notIntegerOrAuto

  /// A whole number outside the C type named.
  case notInRange(type: String)

  /// Not a memory size.
  case notSize

  /// A memory size of 2^64 bytes or more, or below 0.
  case sizeOutOfRange

  /// None of the words accepted.
  case notOneOf([String])

  /// Not of the form described.
  case malformed(expected: String)

  /// Not a descriptor number.
  case notDescriptor
}

/// One property of an option: how it is named, shown in help, and read into a `Target`.
struct Property<Target: Sendable>: Sendable {
  /// The name, as QEMU spells it.
  let name: String

  /// The type shown in help; `nil` keeps the property out of help.
  let typeName: String?

  /// One line for help.
  let summary: String

  /// The value in `target` as help shows it; `nil` when there is none.
  let shown: @Sendable (_ target: Target) -> String?

  /// Reads a value into `target`; returns why it was refused.
  let assign: @Sendable (_ target: inout Target, _ value: String) -> ValueRefusal?
}

extension Property {
  /// Where a property's value is kept in its target.
  typealias Path<Value> = any WritableKeyPath<Target, Value> & Sendable

  /// The word that chose the table, already read.
  static func selector(_ name: String) -> Property {
    Property(name: name, typeName: nil, summary: "", shown: { _ in nil }, assign: { _, _ in nil })
  }

  /// Any text.
  static func text(
    _ name: String, type: String = "str", _ path: Path<String?>,
    _ summary: String
  ) -> Property {
    Property(
      name: name, typeName: type, summary: summary, shown: { $0[keyPath: path] },
      assign: {
        $0[keyPath: path] = $1
        return nil
      })
  }

  /// An id.
  static func identifier(
    _ name: String, _ path: Path<String?>, _ summary: String
  ) -> Property {
    Property(
      name: name, typeName: "str", summary: summary, shown: { $0[keyPath: path] },
      assign: {
        guard isIdentifier($1) else { return .notIdentifier }
        $0[keyPath: path] = $1
        return nil
      })
  }

  /// A boolean in any of QEMU's spellings.
  static func toggle(
    _ name: String, _ path: Path<Bool>, _ summary: String
  ) -> Property {
    Property(
      name: name, typeName: "bool", summary: summary, shown: { $0[keyPath: path] ? "on" : "off" },
      assign: {
        guard let isOn = OnOffText.read($1) else { return .notOnOff }
        $0[keyPath: path] = isOn
        return nil
      })
  }

  /// A whole number from 0 that fits the property; `type` is its name in help, such as `uint32`.
  static func unsigned<Value: FixedWidthInteger & UnsignedInteger & Sendable>(
    _ name: String, type: String, _ path: Path<Value>, _ summary: String
  ) -> Property {
    Property(
      name: name, typeName: type, summary: summary, shown: { "\($0[keyPath: path])" },
      assign: {
        guard let number = NumberText.integer($1) else { return .notInteger }
        guard let value = Value(exactly: number) else { return .notInRange(type: "\(type)_t") }
        $0[keyPath: path] = value
        return nil
      })
  }

  /// A signed whole number of 32 bits.
  static func int32(
    _ name: String, _ path: Path<Int32>, _ summary: String
  ) -> Property {
    Property(
      name: name, typeName: "int32", summary: summary, shown: { "\($0[keyPath: path])" },
      assign: {
        guard let number = NumberText.integer($1) else { return .notInteger }
        guard let value = Int32(exactly: number) else { return .notInRange(type: "int32_t") }
        $0[keyPath: path] = value
        return nil
      })
  }

  /// A memory size in bytes, rounded up to a multiple of `alignment`; `defaultUnit` bytes are meant by
  /// a number alone.
  static func size(
    _ name: String, defaultUnit: UInt64, alignment: UInt64, _ path: Path<UInt64>,
    _ summary: String
  ) -> Property {
    Property(
      name: name, typeName: "size", summary: summary, shown: { "\($0[keyPath: path])" },
      assign: {
        do throws(NumberText.SizeFailure) {
          let size = try NumberText.size($1, defaultUnit: defaultUnit)
          let (padded, overflow) = size.addingReportingOverflow(alignment - 1)
          guard !overflow else { return .sizeOutOfRange }
          $0[keyPath: path] = padded - padded % alignment
          return nil
        } catch {
          switch error {
          case .malformed: return .notSize
          case .outOfRange: return .sizeOutOfRange
          }
        }
      })
  }

  /// One of several words, each with its value.
  static func choice<Value: Equatable & Sendable>(
    _ name: String, type: String, _ path: Path<Value>, _ choices: [(word: String, value: Value)],
    _ summary: String
  ) -> Property {
    Property(
      name: name, typeName: type, summary: summary,
      shown: { target in choices.first { $0.value == target[keyPath: path] }?.word },
      assign: { target, word in
        guard let choice = choices.first(where: { $0.word == word }) else {
          return .notOneOf(choices.map(\.word))
        }
        target[keyPath: path] = choice.value
        return nil
      })
  }

  /// One word of an enumeration.
  static func word<Value: RawRepresentable<String> & CaseIterable & Equatable & Sendable>(
    _ name: String, type: String, _ path: Path<Value>,
    _ summary: String
  ) -> Property {
    choice(name, type: type, path, Value.allCases.map { ($0.rawValue, $0) }, summary)
  }

  /// One word of an enumeration, or none until one is written.
  static func word<Value: RawRepresentable<String> & CaseIterable & Sendable>(
    _ name: String, type: String, _ path: Path<Value?>, _ summary: String
  ) -> Property {
    Property(
      name: name, typeName: type, summary: summary, shown: { $0[keyPath: path]?.rawValue },
      assign: {
        guard let value = Value(rawValue: $1) else {
          return .notOneOf(Value.allCases.map(\.rawValue))
        }
        $0[keyPath: path] = value
        return nil
      })
  }

  /// A value with its own grammar; `expected` describes it for whoever got it wrong.
  static func value<Value: Sendable & CustomStringConvertible>(
    _ name: String, _ type: String, _ path: Path<Value?>,
    _ summary: String, _ expected: String, read: @escaping @Sendable (String) -> Value?
  ) -> Property {
    Property(
      name: name, typeName: type, summary: summary, shown: { $0[keyPath: path]?.description },
      assign: {
        guard let value = read($1) else { return .malformed(expected: expected) }
        $0[keyPath: path] = value
        return nil
      })
  }

  /// The number of an open descriptor.
  static func descriptor(
    _ name: String, _ path: Path<Int32?>, _ summary: String
  ) -> Property {
    Property(
      name: name, typeName: "string", summary: summary,
      shown: { $0[keyPath: path].map(String.init) },
      assign: {
        guard let number = NumberText.integer($1), number >= 0, let value = Int32(exactly: number)
        else { return .notDescriptor }
        $0[keyPath: path] = value
        return nil
      })
  }
}

/// Booleans as QEMU's options spell them.
enum OnOffText {
  /// Reads one; `nil` when it is neither.
  static func read(_ text: String) -> Bool? {
    switch text {
    case "on", "yes", "true", "y": true
    case "off", "no", "false", "n": false
    default: nil
    }
  }
}

/// Whether `text` is letters, digits, `-`, `.`, `_`, starting with a letter.
private func isIdentifier(_ text: String) -> Bool {
  func isLetter(_ byte: UInt8) -> Bool {
    let lower = byte | 0x20
    return lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z")
  }
  guard let first = text.utf8.first, isLetter(first) else { return false }
  return text.utf8.allSatisfy { byte in
    isLetter(byte) || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
      || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
  }
}
