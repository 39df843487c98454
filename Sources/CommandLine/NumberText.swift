/// Numbers as QEMU's options spell them.
enum NumberText {
  /// Reads a whole number with an optional sign: decimal, `0x` hexadecimal, or octal after a leading
  /// 0; `nil` when it is none of them or does not fit 64 bits.
  static func integer(_ text: String) -> Int64? {
    var digits = Substring(text)
    var sign = ""
    if let first = digits.first, first == "-" || first == "+" {
      sign = first == "-" ? "-" : ""
      digits = digits.dropFirst()
    }
    guard let first = digits.utf8.first, isDigit(first) else { return nil }
    if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
      let hexadecimal = digits.dropFirst(2)
      guard let first = hexadecimal.utf8.first, first != UInt8(ascii: "+"),
        first != UInt8(ascii: "-")
      else { return nil }
      return Int64(sign + hexadecimal, radix: 16)
    }
    return Int64(sign + digits, radix: first == UInt8(ascii: "0") ? 8 : 10)
  }

  /// Why a size was not read.
  enum SizeFailure: Error {
    case malformed
    case outOfRange
  }

  /// Reads a memory size in bytes: decimal with an optional fraction and suffix (`B`, `k`, `M`, `G`,
  /// `T`, `P`, `E` in either case), or hexadecimal without either; `defaultUnit` is the number of
  /// bytes meant when there is no suffix, and then a fraction is not allowed.
  static func size(_ text: String, defaultUnit: UInt64) throws(SizeFailure) -> UInt64 {
    if text.hasPrefix("-"), text.dropFirst().utf8.allSatisfy(isDigit) { throw .outOfRange }
    if text.hasPrefix("0x") || text.hasPrefix("0X") {
      return try hexadecimalSize(text.dropFirst(2), unit: defaultUnit)
    }
    let whole = text.utf8.prefix(while: isDigit)
    guard !whole.isEmpty else { throw .malformed }
    var rest = text.utf8[whole.endIndex...]
    var fraction = rest.prefix(0)
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      fraction = rest.prefix(while: isDigit)
      rest = rest[fraction.endIndex...]
    }
    let unit: UInt64
    if let suffix = rest.first {
      guard rest.count == 1, let bytes = bytes(ofSuffix: suffix) else { throw .malformed }
      unit = bytes
    } else {
      unit = defaultUnit
    }
    guard fraction.isEmpty || (!rest.isEmpty && unit > 1) else { throw .malformed }
    return try product(whole: Substring(whole), fraction: Substring(fraction), unit: unit)
  }

  private static func hexadecimalSize(
    _ digits: Substring, unit: UInt64
  ) throws(SizeFailure) -> UInt64 {
    guard !digits.isEmpty, digits.utf8.allSatisfy(isHexadecimalDigit) else { throw .malformed }
    guard let count = UInt64(digits, radix: 16) else { throw .outOfRange }
    let (size, overflow) = count.multipliedReportingOverflow(by: unit)
    guard !overflow else { throw .outOfRange }
    return size
  }

  private static func product(
    whole: Substring, fraction: Substring, unit: UInt64
  ) throws(SizeFailure) -> UInt64 {
    guard let count = UInt64(whole) else { throw .outOfRange }
    let (size, overflow) = count.multipliedReportingOverflow(by: unit)
    guard !overflow else { throw .outOfRange }
    // 18 digits and a unit of at most 2^60 keep the product under 2^120; further digits are worth
    // less than a byte.
    let digits = fraction.prefix(18)
    guard !digits.isEmpty, let numerator = UInt128(digits) else { return size }
    var denominator: UInt128 = 1
    for _ in digits.utf8 { denominator *= 10 }
    let part = UInt64(truncatingIfNeeded: numerator * UInt128(unit) / denominator)
    let (sum, carry) = size.addingReportingOverflow(part)
    guard !carry else { throw .outOfRange }
    return sum
  }

  private static func bytes(ofSuffix suffix: UInt8) -> UInt64? {
    switch suffix | 0x20 {
    case UInt8(ascii: "b"): 1
    case UInt8(ascii: "k"): 1 << 10
    case UInt8(ascii: "m"): 1 << 20
    case UInt8(ascii: "g"): 1 << 30
    case UInt8(ascii: "t"): 1 << 40
    case UInt8(ascii: "p"): 1 << 50
    case UInt8(ascii: "e"): 1 << 60
    default: nil
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  private static func isHexadecimalDigit(_ byte: UInt8) -> Bool {
    let lower = byte | 0x20
    return isDigit(byte) || (lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "f"))
  }
}

extension FixedWidthInteger {
  /// Reads digits only: no sign, prefix or blank, and at least one digit.
  init?(hexadecimalDigits text: some StringProtocol) {
    guard let first = text.utf8.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-") else {
      return nil
    }
    self.init(text, radix: 16)
  }

  /// Lower-case hexadecimal digits, padded with zeros to `width`.
  func hexadecimal(width: Int) -> String {
    let digits = String(self, radix: 16)
    return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
  }
}
