/// A piece of ACPI machine language (ACPI 6.5, 20.2), built bottom-up from pieces.
struct AML {
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }
}

// MARK: - Data

extension AML {
  static let ones = AML([0xff])

  /// An integer in its shortest form.
  static func integer(_ value: UInt64) -> AML {
    switch value {
    case 0, 1: return AML([UInt8(value)])
    case ...0xff: return AML([0x0a, UInt8(value)])
    default: break
    }
    var bytes: [UInt8] = []
    if value <= 0xffff {
      bytes = [0x0b]
      bytes.append(little: UInt16(value))
    } else if value <= 0xffff_ffff {
      bytes = [0x0c]
      bytes.append(little: UInt32(value))
    } else {
      bytes = [0x0e]
      bytes.append(little: value)
    }
    return AML(bytes)
  }

  static func string(_ text: String) -> AML { AML([0x0d] + text.utf8 + [0]) }

  static func buffer(_ contents: [UInt8]) -> AML {
    sized([0x11], [integer(UInt64(contents.count)), AML(contents)])
  }

  /// At most 255 elements.
  static func package(_ elements: [AML]) -> AML {
    sized([0x12], [AML([UInt8(truncatingIfNeeded: elements.count)])] + elements)
  }

  /// The number of elements may be more than 255.
  static func largePackage(_ elements: [AML]) -> AML {
    sized([0x13], [integer(UInt64(elements.count))] + elements)
  }

  /// A compressed EISA identifier of three letters and four hexadecimal digits, such as `PNP0A08`
  /// (19.3.4): five bits for a letter, and the bytes in big-endian order.
  static func eisaID(_ text: StaticString) -> AML {
    let characters = [UInt8](text.description.utf8)
    var value: UInt32 = 0
    for letter in characters.prefix(3) { value = value << 5 | UInt32(letter & 0x1f) }
    for digit in characters.dropFirst(3).prefix(4) {
      value = value << 4 | UInt32(digit < 0x41 ? digit & 0xf : (digit & 0x1f) + 9)
    }
    return integer(UInt64(value.byteSwapped))
  }
}

// MARK: - Names and objects

extension AML {
  /// A name or a path, such as `PCI0`, `\_SB.PCI0` or `^PRQA`: segments are filled up with
  /// underscores to four characters.
  static func path(_ text: String) -> AML {
    let prefix = text.prefix { $0 == "\\" || $0 == "^" }
    let segments = text.dropFirst(prefix.count).split(separator: ".").map { segment in
      [UInt8](segment.utf8.prefix(4)) + [UInt8](repeating: 0x5f, count: max(0, 4 - segment.count))
    }
    let head: [UInt8] =
      switch segments.count {
      case 0: [0]
      case 1: []
      case 2: [0x2e]
      default: [0x2f, UInt8(truncatingIfNeeded: segments.count)]
      }
    return AML([UInt8](prefix.utf8) + head + segments.flatMap { $0 })
  }

  static func name(_ name: String, _ value: AML) -> AML {
    AML([0x08] + path(name).bytes + value.bytes)
  }

  static func scope(_ name: String, _ terms: [AML]) -> AML { sized([0x10], [path(name)] + terms) }

  static func device(_ name: String, _ terms: [AML]) -> AML {
    sized([0x5b, 0x82], [path(name)] + terms)
  }

  /// A method that runs once at a time when `isSerialized`, as one that creates names must.
  static func method(
    _ name: String, arguments: UInt8, isSerialized: Bool = false, _ terms: [AML]
  ) -> AML {
    sized([0x14], [path(name), AML([arguments & 7 | (isSerialized ? 8 : 0)])] + terms)
  }

  /// Registers of the enclosing device's PCI configuration space.
  static func configRegion(_ name: String, offset: UInt64, length: UInt64) -> AML {
    AML([0x5b, 0x80] + path(name).bytes + [2] + integer(offset).bytes + integer(length).bytes)
  }

  /// Bytes of a region by name, accessed one at a time; a nil name skips so many bytes.
  static func byteFields(_ region: String, _ fields: [(name: String?, count: Int)]) -> AML {
    let list = fields.map { field in
      AML((field.name.map { path($0).bytes } ?? [0]) + length(8 * field.count))
    }
    return sized([0x5b, 0x81], [path(region), AML([0x01])] + list)
  }
}

// MARK: - Code

extension AML {
  static func local(_ number: UInt8) -> AML { AML([0x60 + number & 7]) }

  static func argument(_ number: UInt8) -> AML { AML([0x68 + number & 7]) }

  static func store(_ value: AML, _ target: AML) -> AML { AML([0x70] + value.bytes + target.bytes) }

  static func and(_ left: AML, _ right: AML, _ target: AML = AML([0])) -> AML {
    AML([0x7b] + left.bytes + right.bytes + target.bytes)
  }

  static func or(_ left: AML, _ right: AML, _ target: AML = AML([0])) -> AML {
    AML([0x7d] + left.bytes + right.bytes + target.bytes)
  }

  static func equal(_ left: AML, _ right: AML) -> AML { AML([0x93] + left.bytes + right.bytes) }

  static func not(_ condition: AML) -> AML { AML([0x92] + condition.bytes) }

  /// Names 32 bits of a buffer from a byte offset.
  static func dwordField(_ buffer: AML, _ offset: UInt64, _ name: String) -> AML {
    AML([0x8a] + buffer.bytes + integer(offset).bytes + path(name).bytes)
  }

  static func `if`(_ condition: AML, _ terms: [AML]) -> AML { sized([0xa0], [condition] + terms) }

  static func `else`(_ terms: [AML]) -> AML { sized([0xa1], terms) }

  static func `return`(_ value: AML) -> AML { AML([0xa4] + value.bytes) }
}

// MARK: - Lengths

extension AML {
  /// An opcode, the length of what follows with its own bytes (20.2.4), and what follows.
  private static func sized(_ opcode: [UInt8], _ parts: [AML]) -> AML {
    let contents = parts.flatMap(\.bytes)
    // The length counts its own bytes, which are more for larger ones.
    let own = [62, 4093, 0xf_fffc].firstIndex { contents.count <= $0 }.map { $0 + 1 } ?? 4
    return AML(opcode + length(contents.count + own, in: own) + contents)
  }

  /// A number in the form of a length: 6 bits in one byte, or 4 bits and up to three bytes.
  private static func length(_ value: Int, in count: Int? = nil) -> [UInt8] {
    let count = count ?? [63, 4095, 0xf_ffff].firstIndex { value <= $0 }.map { $0 + 1 } ?? 4
    if count == 1 { return [UInt8(truncatingIfNeeded: value)] }
    let first = UInt8(truncatingIfNeeded: count - 1) << 6 | UInt8(truncatingIfNeeded: value & 0xf)
    return [first] + (1..<count).map { UInt8(truncatingIfNeeded: value >> (4 + 8 * ($0 - 1))) }
  }
}
