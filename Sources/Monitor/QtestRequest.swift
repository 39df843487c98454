/// A request of the qtest line protocol, with all its numbers checked.
enum QtestRequest: Equatable {
  case readPort(UInt16, size: Int)
  case writePort(UInt16, size: Int, value: UInt32)
  case readMemory(UInt64, size: Int)
  case writeMemory(UInt64, size: Int, value: UInt64)
  case readBlock(UInt64, count: Int)
  case writeBlock(UInt64, [UInt8])
  case fillBlock(UInt64, count: Int, byte: UInt8)
  case endianness
}

/// Why a line is no request; QEMU stops the program at most of these.
enum QtestFailure: Error, Equatable {
  case unknownCommand(String)
  case lineTooLong
  case missingArgument
  case notANumber(String)
  case notAPort(UInt64)
  case invalidSize(UInt64)
  case noData
  case invalidData

  /// The answer to the line.
  var text: String {
    switch self {
    case .unknownCommand(let name): "FAIL Unknown command '\(name)'"
    case .lineTooLong: "FAIL line too long"
    case .missingArgument: "FAIL missing argument"
    case .notANumber(let word): "FAIL not a number: '\(word)'"
    case .notAPort(let number): "FAIL not a port: 0x\(String(number, radix: 16))"
    case .invalidSize(let size):
      "FAIL invalid size: \(size) (at most \(QtestRequest.blockLimit) bytes)"
    case .noData: "ERR invalid argument size"
    case .invalidData: "FAIL data is not a hexadecimal number with 0x"
    }
  }
}

extension QtestRequest {
  /// The largest block, in bytes; QEMU has no limit.
  static let blockLimit = 1 << 20

  /// The longest line, in bytes: a `write` of the largest block fits.
  static let lineLimit = 2 * blockLimit + 256

  /// Reads a line without its newline. Words after the last argument are ignored, as in QEMU.
  init(line: ArraySlice<UInt8>) throws(QtestFailure) {
    let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    let name = words.first.map { String(decoding: $0.prefix(64), as: UTF8.self) } ?? ""
    var arguments = QtestArguments(words: words.dropFirst())
    switch name {
    case "inb", "inw", "inl":
      self = .readPort(try arguments.port(), size: Self.size(name))
    case "outb", "outw", "outl":
      let port = try arguments.port()
      let value = UInt32(truncatingIfNeeded: try arguments.number())
      self = .writePort(port, size: Self.size(name), value: Self.low(value, Self.size(name)))
    case "readb", "readw", "readl", "readq":
      self = .readMemory(try arguments.number(), size: Self.size(name))
    case "writeb", "writew", "writel", "writeq":
      let address = try arguments.number()
      let value = try arguments.number()
      self = .writeMemory(address, size: Self.size(name), value: Self.low(value, Self.size(name)))
    case "read":
      let address = try arguments.number()
      let count = try arguments.count()
      // A reader of the answer could not make sense of no digits at all.
      guard count > 0 else { throw .invalidSize(0) }
      self = .readBlock(address, count: count)
    case "write":
      let address = try arguments.number()
      let count = try arguments.count()
      self = .writeBlock(address, try arguments.data(count: count))
    case "memset":
      let address = try arguments.number()
      let count = try arguments.count()
      let byte = UInt8(truncatingIfNeeded: try arguments.number())
      self = .fillBlock(address, count: count, byte: byte)
    case "endianness": self = .endianness
    default: throw .unknownCommand(name)
    }
  }

  /// The bytes that the last letter of a command stands for.
  private static func size(_ name: String) -> Int {
    switch name.utf8.last {
    case UInt8(ascii: "b"): 1
    case UInt8(ascii: "w"): 2
    case UInt8(ascii: "l"): 4
    default: 8
    }
  }

  /// The low `size` bytes of a value.
  private static func low<Value: FixedWidthInteger & UnsignedInteger>(
    _ value: Value, _ size: Int
  ) -> Value {
    let unused = Value.bitWidth - size * 8
    return unused > 0 ? (value << unused) >> unused : value
  }
}

/// The words after a command, read one by one.
private struct QtestArguments {
  private var words: ArraySlice<ArraySlice<UInt8>>

  init(words: ArraySlice<ArraySlice<UInt8>>) { self.words = words }

  private mutating func next() throws(QtestFailure) -> ArraySlice<UInt8> {
    guard let word = words.popFirst() else { throw .missingArgument }
    return word
  }

  /// A number as `strtoull` with base 0 reads it: 0x, 0 or nothing before the digits, no sign.
  mutating func number() throws(QtestFailure) -> UInt64 {
    let word = try next()
    let text = String(decoding: word, as: UTF8.self)
    let digits: Substring
    let radix: Int
    if text.hasPrefix("0x") || text.hasPrefix("0X") {
      (digits, radix) = (text.dropFirst(2), 16)
    } else if text.hasPrefix("0"), text.utf8.count > 1 {
      (digits, radix) = (text.dropFirst(1), 8)
    } else {
      (digits, radix) = (text[...], 10)
    }
    guard digits.utf8.first != UInt8(ascii: "+"), let value = UInt64(digits, radix: radix) else {
      throw .notANumber(String(text.prefix(64)))
    }
    return value
  }

  mutating func port() throws(QtestFailure) -> UInt16 {
    let number = try number()
    guard let port = UInt16(exactly: number) else { throw .notAPort(number) }
    return port
  }

  /// A count of bytes, at most `QtestRequest.blockLimit`.
  mutating func count() throws(QtestFailure) -> Int {
    let number = try number()
    guard number <= QtestRequest.blockLimit else { throw .invalidSize(number) }
    return Int(number)
  }

  /// `count` bytes from a hexadecimal number of any length; zeroes follow where it is short.
  mutating func data(count: Int) throws(QtestFailure) -> [UInt8] {
    let word = try next()
    guard word.count >= 3 else { throw .noData }
    guard word.starts(with: "0x".utf8) else { throw .invalidData }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    var digits = word.dropFirst(2)
    while bytes.count < count, let high = digits.popFirst(), let low = digits.popFirst() {
      guard let high = Self.digit(high), let low = Self.digit(low) else { throw .invalidData }
      bytes.append(high << 4 | low)
    }
    bytes += repeatElement(0, count: count - bytes.count)
    return bytes
  }

  private static func digit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
