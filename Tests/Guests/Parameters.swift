/// The words `name=value` of the Multiboot command line.
enum Parameters {
  nonisolated(unsafe) private static var text: UInt32 = 0

  /// Takes the command line out of the Multiboot information (flag bit 2, pointer at 16).
  static func load(magic: UInt32, information: UInt32) {
    if magic == 0x2BAD_B002, load32(information) & 4 != 0 { text = load32(information + 16) }
  }

  /// Where the value of a word starts; nil when it is not there.
  private static func value(_ name: StaticString) -> UInt32? {
    guard text != 0 else { return nil }
    var place = text
    var isWordStart = true
    while load8(place) != 0 {
      if isWordStart, matches(name, at: place) { return place + UInt32(name.utf8CodeUnitCount) + 1 }
      isWordStart = load8(place) == 0x20
      place += 1
    }
    return nil
  }

  private static func matches(_ name: StaticString, at place: UInt32) -> Bool {
    name.withUTF8Buffer { letters in
      for (index, letter) in letters.enumerated() where load8(place + UInt32(index)) != letter {
        return false
      }
      return load8(place + UInt32(letters.count)) == 0x3D
    }
  }

  /// A number in decimal, or in hexadecimal behind `0x`.
  static func number(_ name: StaticString, or standard: UInt32) -> UInt32 {
    guard var place = value(name) else { return standard }
    var radix: UInt32 = 10
    if load8(place) == 0x30, load8(place + 1) | 0x20 == 0x78 {
      radix = 16
      place += 2
    }
    var result: UInt32 = 0
    while let digit = digit(at: place), digit < radix {
      result = result &* radix &+ digit
      place += 1
    }
    return result
  }

  /// The function that `function=BB:DD.F` names, nil without it.
  static var function: PCIFunction? {
    guard let place = value("function"), let bus = pair(at: place),
      let device = pair(at: place + 3),
      let function = digit(at: place + 6), load8(place + 2) == 0x3A, load8(place + 5) == 0x2E
    else { return nil }
    return PCIFunction(bus: bus, device: device & 31, function: function & 7)
  }

  private static func pair(at place: UInt32) -> UInt32? {
    guard let high = digit(at: place), let low = digit(at: place + 1) else { return nil }
    return high << 4 | low
  }

  private static func digit(at place: UInt32) -> UInt32? {
    let letter = UInt32(load8(place))
    switch letter {
    case 0x30...0x39: return letter - 0x30
    case 0x41...0x46: return letter - 0x37
    case 0x61...0x66: return letter - 0x57
    default: return nil
    }
  }
}
