/// Reads logs into lines that can be compared. One parser reads both logs, so that equal lines get equal keys.
struct TraceParser {
  /// What the parser knows of an event name, found out once for each name.
  private struct Event {
    /// The number of today's name.
    let today: Int32
    let isSelected: Bool
    let hasCounterpart: Bool
    let change: Dialect.Change?
    let fields: [EventField]
    /// The rules that may fit, as indices.
    let rules: [Int]
    /// What each line of it needs besides collapsing white space.
    let isPlain: Bool
  }

  private let options: ComparisonOptions
  private let templates: [String: [EventField]]
  private var names = LineTable()
  private var events: [Event] = []
  private var texts = LineTable()
  /// The line that is being read.
  private var scratch: [UInt8] = []

  init(_ options: ComparisonOptions) {
    self.options = options
    templates = EventField.all
    _ = texts.number(of: Array("......".utf8))
  }

  /// Keys and event numbers of the logs read so far are below this.
  var keyCount: Int { max(texts.count, names.count) }

  /// Reads one log; throws `notATrace`, `tooManyLines`, `markNotFound`.
  mutating func parse(_ file: LogFile, as side: Side) throws(ComparisonError) -> TraceLog {
    var log = TraceLog(file: file)
    var number = 1
    var range = 0..<file.bytes.count
    if let section = side == .a ? options.sectionOfA : options.sectionOfB {
      (range, number) = try section.locate(in: file)
    }
    let bytes = file.bytes.span
    var cursor = LineCursor(range)
    while let line = cursor.next(in: bytes) {
      guard number < Int32.max / 2, texts.count < Int32.max / 2,
        log.identifiers.count < Int32.max / 2, line.count < Int32.max / 2
      else { throw .tooManyLines(path: file.path) }
      var text = LineScanner.text(of: line, in: bytes)
      let first = number
      number += 1
      if let nameEnd = LineScanner.nameEnd(of: text, in: bytes) {
        let event = eventNumber(of: bytes.extracting(text.lowerBound..<nameEnd))
        if events[Int(event)].change?.spansTwoLines == true {
          var ahead = cursor
          if let next = ahead.next(in: bytes), continues(next, in: bytes) {
            cursor = ahead
            number += 1
            text = text.lowerBound..<next.upperBound
          }
        }
        log.eventCount += 1
        read(event, nameEnd: nameEnd, text: text, bytes: bytes, number: first, side, into: &log)
      } else if LineScanner.isGap(text, in: bytes) {
        append(text, key: TraceLog.gapKey, event: -1, rule: -1, number: first, to: &log)
      } else if !text.isEmpty {
        log.otherCount += 1
        if options.comparesText {
          collapse(text, of: bytes)
          let key = texts.number(of: scratch)
          append(text, key: key, event: -1, rule: -1, number: first, to: &log)
        }
      }
      log.lineCount += number - first
    }
    guard log.eventCount > 0 else { throw .notATrace(path: file.path) }
    return log
  }

  /// Reads one trace event.
  private mutating func read(
    _ event: Int32, nameEnd: Int, text: Range<Int>, bytes: Span<UInt8>, number: Int, _ side: Side,
    into log: inout TraceLog
  ) {
    let info = events[Int(event)]
    if !info.hasCounterpart { log.withoutCounterpart += 1 }
    guard info.isSelected else { return }
    collapse(text, of: bytes)
    var rule = -1
    if !info.isPlain {
      let nameLength = nameEnd - text.lowerBound
      var argumentsStart = min(nameLength + 1, scratch.count)
      if info.change != nil {
        let name = Array(names.bytes(of: info.today))
        let arguments = scratch[argumentsStart...]
        let reworded = info.change?.rewording?.reword(arguments) ?? Array(arguments)
        scratch = reworded.isEmpty ? name : name + [0x20] + reworded
        argumentsStart = min(name.count + 1, scratch.count)
      }
      if side == .a, !options.addresses.isEmpty { options.addresses.rename(in: &scratch) }
      guard isSelectedByDevice() else { return }
      rule =
        info.rules.first {
          options.rules.rules[$0].condition?.isFound(in: scratch.span) ?? true
        } ?? -1
      if !info.fields.isEmpty {
        takeOutNumbers(info.fields, from: argumentsStart, into: &log.identifiers)
      }
    }
    let key = texts.number(of: scratch)
    append(text, key: key, event: info.today, rule: rule, number: number, to: &log)
  }

  private func append(
    _ text: Range<Int>, key: Int32, event: Int32, rule: Int, number: Int, to log: inout TraceLog
  ) {
    log.keys.append(key)
    log.lines.append(
      TraceLog.Line(
        start: text.lowerBound, length: Int32(truncatingIfNeeded: text.count),
        number: Int32(truncatingIfNeeded: number), event: event,
        identifiersEnd: Int32(truncatingIfNeeded: log.identifiers.count),
        rule: Int32(truncatingIfNeeded: rule)))
  }

  private mutating func collapse(_ text: Range<Int>, of bytes: Span<UInt8>) {
    scratch.removeAll(keepingCapacity: true)
    LineText.appendCollapsed(text, of: bytes, to: &scratch)
  }

  /// Whether `line` is the second line of an older event: `  size: 0x1000, offset: ...`.
  private func continues(_ line: Range<Int>, in bytes: Span<UInt8>) -> Bool {
    let text = LineScanner.text(of: line, in: bytes)
    return text.count > 5 && zip(text, "size:".utf8).allSatisfy { bytes[$0] == $1 }
  }

  private func isSelectedByDevice() -> Bool {
    guard !options.devices.isEmpty else { return true }
    return DeviceAddress.positions(in: scratch).contains { start in
      options.devices.contains { device in
        scratch[start..<(start + DeviceAddress.length)].elementsEqual(
          options.addresses.name(of: device).bytes)
      }
    }
  }
}

extension TraceParser {
  /// The number of the event called `name`; on its first use all that the name decides is found out.
  private mutating func eventNumber(of name: Span<UInt8>) -> Int32 {
    let number = names.number(of: name)
    while events.count < names.count {
      learn(Int32(truncatingIfNeeded: events.count))
    }
    return number
  }

  private mutating func learn(_ number: Int32) {
    let name = String(decoding: names.bytes(of: number), as: UTF8.self)
    let change = options.mapsDialects ? Dialect.changes[name] : nil
    let hasCounterpart = change == nil || change?.name != nil
    let todayName = change?.name ?? name
    let todayBytes = Array(todayName.utf8)
    let today = names.number(of: todayBytes)
    let isSelected = hasCounterpart && options.events.select(todayBytes.span)
    let fields = templates[todayName] ?? []
    let rules = options.rules.rules.indices.filter {
      options.rules.rules[$0].events.select(todayBytes.span)
    }
    let isPlain =
      change == nil && fields.isEmpty && rules.isEmpty && options.devices.isEmpty
      && options.addresses.isEmpty
    events.append(
      Event(
        today: today, isSelected: isSelected, hasCounterpart: hasCounterpart, change: change,
        fields: fields, rules: rules, isPlain: isPlain))
  }

  /// Takes the numbers that `fields` describe out of the arguments in `scratch`: each is replaced by one byte
  /// that no text holds, and those that must be renamed consistently are appended to `identifiers`. A null
  /// pointer, a negative descriptor and the identifier 0 stay: they tell a failure, not a run.
  private mutating func takeOutNumbers(
    _ fields: [EventField], from start: Int, into identifiers: inout [TraceLog.Identifier]
  ) {
    var read = start
    var write = start
    var taken: UInt8 = 0
    for field in fields {
      guard let number = position(of: field, from: read), number < scratch.count else { break }
      write = move(read..<number, to: write)
      read = number
      guard let kind = field.kind else { continue }
      let found = scanNumber(at: number, kind)
      guard found.end > number else { break }
      if let value = found.value {
        scratch[write] = 0xff
        write += 1
        taken += 1
        if kind.isRenamed {
          identifiers.append(TraceLog.Identifier(kind: kind, value: value))
        }
      } else {
        write = move(number..<found.end, to: write)
      }
      read = found.end
    }
    write = move(read..<scratch.count, to: write)
    scratch.removeLast(scratch.count - write)
    // The number of replaced numbers tells such a byte from one that the log itself holds.
    scratch.append(taken)
  }

  /// Moves bytes of `scratch` to the front; returns where they end.
  private mutating func move(_ range: Range<Int>, to start: Int) -> Int {
    guard range.lowerBound != start else { return range.upperBound }
    for (offset, index) in range.enumerated() {
      scratch[start + offset] = scratch[index]
    }
    return start + range.count
  }

  /// Where the text of `field` ends, looked for from `start`.
  private func position(of field: EventField, from start: Int) -> Int? {
    let prefix = field.prefix.span
    var candidate = start
    while candidate + prefix.count <= scratch.count {
      var length = 0
      while length < prefix.count, scratch[candidate + length] == prefix[length] {
        length += 1
      }
      if length == prefix.count { return candidate + length }
      if field.isAnchored { return nil }
      candidate += 1
    }
    return nil
  }

  /// The end of the number at `start`, and its value when the number is to be taken out.
  private func scanNumber(at start: Int, _ kind: IdentifierKind) -> (end: Int, value: UInt32?) {
    var end = start
    if kind == .pointer {
      guard start + 2 < scratch.count, scratch[start] == 0x30, scratch[start + 1] == 0x78 else {
        return (start, nil)
      }
      end += 2
      var isNull = true
      while end < scratch.count, LineScanner.isHexDigit(scratch[end]) {
        isNull = isNull && scratch[end] == 0x30
        end += 1
      }
      return (end, isNull ? nil : 0)
    }
    let isNegative = scratch[end] == UInt8(ascii: "-")
    if isNegative { end += 1 }
    var value: UInt32 = 0
    var overflows = false
    while end < scratch.count, LineScanner.isDigit(scratch[end]) {
      let (product, tooBig) = value.multipliedReportingOverflow(by: 10)
      let (sum, carries) = product.addingReportingOverflow(
        UInt32(scratch[end]) - UInt32(UInt8(ascii: "0")))
      overflows = overflows || tooBig || carries
      value = sum
      end += 1
    }
    let isIdentifier = !isNegative && !overflows && (value > 0 || kind == .descriptor)
    return (end, isIdentifier ? value : nil)
  }
}
