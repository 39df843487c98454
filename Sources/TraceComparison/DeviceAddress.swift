/// A PCI address as traces print it: `0000:81:00.1`, 12 bytes, lower case.
package struct DeviceAddress: Sendable, Hashable {
  /// The 12 bytes.
  let bytes: [UInt8]

  static let length = 12

  /// Reads `0000:81:00.1` or `81:00.1`; throws `invalidAddress`.
  package init(_ text: String) throws(ComparisonError) {
    var bytes = Array(text.lowercased().utf8)
    if bytes.count == 7 { bytes = Array("0000:".utf8) + bytes }
    guard bytes.count == Self.length, Self.stands(at: 0, in: bytes) else {
      throw .invalidAddress(text)
    }
    self.bytes = bytes
  }

  /// The address as text.
  package var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Whether an address, and not a part of a longer word, stands at `start`.
  static func stands(at start: Int, in text: [UInt8]) -> Bool {
    guard start >= 0, start + length <= text.count else { return false }
    for offset in 0..<length {
      let byte = text[start + offset]
      switch offset {
      case 4, 7: guard byte == UInt8(ascii: ":") else { return false }
      case 10: guard byte == UInt8(ascii: ".") else { return false }
      default: guard LineScanner.isHexDigit(byte) else { return false }
      }
    }
    let end = start + length
    return (start == 0 || !LineScanner.isNameByte(text[start - 1]))
      && (end == text.count || !LineScanner.isNameByte(text[end]))
  }

  /// Where the addresses of `text` start.
  static func positions(in text: [UInt8]) -> [Int] {
    var positions: [Int] = []
    var index = 4
    while index + 8 <= text.count {
      if text[index] == UInt8(ascii: ":"), stands(at: index - 4, in: text) {
        positions.append(index - 4)
        index += length
      } else {
        index += 1
      }
    }
    return positions
  }
}

extension DeviceAddress {
  /// The address spelt by `bytes`, which a scan found; nil when they are no address.
  init?(bytes: [UInt8]) {
    guard bytes.count == Self.length, Self.stands(at: 0, in: bytes) else { return nil }
    self.bytes = bytes.map { $0 >= 0x41 && $0 <= 0x46 ? $0 | 0x20 : $0 }
  }
}
