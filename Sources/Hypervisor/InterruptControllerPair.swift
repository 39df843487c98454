/// Two 8259A interrupt controllers, the second behind line 2 of the first, as a state machine.
///
/// Source: the 8259A data sheet; the edge and level registers are those of the ICH9 (ports 0x4d0 and
/// 0x4d1).
package struct InterruptControllerPair: Equatable {
  /// One of the two.
  struct Chip: Equatable {
    private(set) var lines: UInt8 = 0
    private(set) var requests: UInt8 = 0
    private(set) var mask: UInt8 = 0
    private(set) var inService: UInt8 = 0
    private var base: UInt8 = 0
    /// The line of lowest priority plus one.
    private var first = 0
    /// The initialization word that is written next, or 0.
    private var nextWord = 0
    /// Whether the initialization words were written; it asks for nothing before.
    private var isSetUp = false
    private var hasFourthWord = false
    private var readsService = false
    private var isPolled = false
    private var isSpecialMask = false
    private var endsAutomatically = false
    private var rotatesAutomatically = false
    private var isFullyNested = false
    /// Lines that are level-triggered.
    var levels: UInt8 = 0
    /// Bits of `levels` that a guest can set.
    let levelMask: UInt8
    let isFirst: Bool

    init(isFirst: Bool) {
      self.isFirst = isFirst
      levelMask = isFirst ? 0xf8 : 0xde
    }

    mutating func set(_ line: Int, level: Bool) {
      let bit = UInt8(1) << UInt8(line & 7)
      if levels & bit != 0 {
        if level { requests |= bit } else { requests &= ~bit }
      } else if level {
        if lines & bit == 0 { requests |= bit }
      }
      if level { lines |= bit } else { lines &= ~bit }
    }

    /// Line 2 of the first chip asks for as long as the second chip does.
    mutating func setCascade(_ level: Bool) {
      if level { requests |= 4 } else { requests &= ~4 }
    }

    /// The place of the most urgent line of a set, 0 first; 8 when the set is empty.
    private func priority(of set: UInt8) -> Int {
      guard set != 0 else { return 8 }
      var place = 0
      while set & 1 << UInt8((place + first) & 7) == 0 { place += 1 }
      return place
    }

    /// The line that asks for the CPU now.
    var pending: Int? {
      let wanted = priority(of: requests & ~mask)
      guard wanted < 8, isSetUp else { return nil }
      var busy = inService
      if isSpecialMask { busy &= ~mask }
      // The second chip may interrupt its own handler through the first one.
      if isFullyNested, isFirst { busy &= ~4 }
      return wanted < priority(of: busy) ? (wanted + first) & 7 : nil
    }

    /// Accepts a line and gives its vector.
    mutating func acknowledge(_ line: Int) -> UInt8 {
      let bit = UInt8(1) << UInt8(line & 7)
      if endsAutomatically {
        if rotatesAutomatically { first = (line + 1) & 7 }
      } else {
        inService |= bit
      }
      // A level stays requested for as long as it is high.
      if levels & bit == 0 { requests &= ~bit }
      return base &+ UInt8(line & 7)
    }

    /// The vector when a request went away before it was accepted.
    var spuriousVector: UInt8 { base &+ 7 }

    mutating func read(_ isData: Bool) -> UInt8 {
      if isPolled {
        isPolled = false
        guard let line = pending else { return 0 }
        _ = acknowledge(line)
        return 0x80 | UInt8(line)
      }
      if isData { return mask }
      return readsService ? inService : requests
    }

    mutating func write(_ isData: Bool, _ value: UInt8) {
      if isData { writeData(value) } else { writeCommand(value) }
    }

    private mutating func writeData(_ value: UInt8) {
      switch nextWord {
      case 2:
        base = value & 0xf8
        nextWord = 3
      case 3:
        nextWord = hasFourthWord ? 4 : 0
        isSetUp = nextWord == 0
      case 4:
        endsAutomatically = value & 2 != 0
        isFullyNested = value & 0x10 != 0
        nextWord = 0
        isSetUp = true
      default: mask = value
      }
    }

    private mutating func writeCommand(_ value: UInt8) {
      if value & 0x10 != 0 {
        let (lines, levels) = (lines, levels)
        self = Chip(isFirst: isFirst)
        self.lines = lines
        self.levels = levels
        // What is high and level-triggered asks again; an edge is seen from now on.
        requests = lines & levels
        nextWord = 2
        isSetUp = false
        hasFourthWord = value & 1 != 0
      } else if value & 8 != 0 {
        if value & 4 != 0 { isPolled = true }
        if value & 2 != 0 { readsService = value & 1 != 0 }
        if value & 0x40 != 0 { isSpecialMask = value & 0x20 != 0 }
      } else {
        end(value)
      }
    }

    /// The second operation word: ends of interrupts, and rotation.
    private mutating func end(_ value: UInt8) {
      let rotates = value & 0x80 != 0
      switch value >> 5 & 3 {
      case 0: rotatesAutomatically = rotates
      case 1:
        let place = priority(of: inService)
        guard place < 8 else { return }
        let line = (place + first) & 7
        inService &= ~(1 << UInt8(line))
        if rotates { first = (line + 1) & 7 }
      case 3:
        let line = Int(value & 7)
        inService &= ~(1 << UInt8(line))
        if rotates { first = (line + 1) & 7 }
      default: if rotates { first = Int(value & 7 + 1) & 7 }
      }
    }
  }

  private var first = Chip(isFirst: true)
  private var second = Chip(isFirst: false)

  /// Whether the CPU is asked for an interrupt.
  package var output: Bool { first.pending != nil }

  package init() {}

  /// Drives one of the 16 lines.
  package mutating func set(_ line: Int, level: Bool) {
    guard (0..<16).contains(line), line != 2 else { return }
    if line < 8 { first.set(line, level: level) } else { second.set(line - 8, level: level) }
    cascade()
  }

  private mutating func cascade() { first.setCascade(second.pending != nil) }

  /// The CPU accepts an interrupt: gives its vector.
  package mutating func acknowledge() -> UInt8 {
    guard let line = first.pending else { return first.spuriousVector }
    var vector = first.acknowledge(line)
    if line == 2 {
      if let inner = second.pending {
        vector = second.acknowledge(inner)
      } else {
        vector = second.spuriousVector
      }
      cascade()
    }
    return vector
  }

  /// Reads port 0x20, 0x21, 0xa0, 0xa1, 0x4d0 or 0x4d1; others read as ones.
  package mutating func read(port: UInt64) -> UInt8 {
    defer { cascade() }
    switch port {
    case 0x20, 0x21: return first.read(port & 1 == 1)
    case 0xa0, 0xa1: return second.read(port & 1 == 1)
    case 0x4d0: return first.levels
    case 0x4d1: return second.levels
    default: return 0xff
    }
  }

  package mutating func write(port: UInt64, value: UInt8) {
    switch port {
    case 0x20, 0x21: first.write(port & 1 == 1, value)
    case 0xa0, 0xa1: second.write(port & 1 == 1, value)
    case 0x4d0: first.levels = value & first.levelMask
    case 0x4d1: second.levels = value & second.levelMask
    default: break
    }
    cascade()
  }
}
