internal import CLinux

/// ISO 8601 times in UTC with microseconds, as QEMU puts them before a line.
enum TimeStamp {
  /// Appends the time of day and a blank, such as `2026-11-21T02:48:24.424463Z `.
  static func append(to line: inout [UInt8]) {
    append(microseconds: clinux_wall_clock_microseconds(), to: &line)
  }

  /// Appends a time given as microseconds since 1970; the fraction is left out when it is zero.
  static func append(microseconds: Int64, to line: inout [UInt8]) {
    let seconds = microseconds / 1_000_000
    let days = Int(seconds / 86400)
    let clock = Int(seconds % 86400)
    // Civil date from a day count, by eras of 400 years that begin on the first of March.
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    TraceFormatter.append(
      "%04d-%02d-%02dT%02d:%02d:%02d",
      [year, month, day, clock / 3600, clock / 60 % 60, clock % 60].map(TraceArgument.number),
      to: &line)
    let fraction = microseconds % 1_000_000
    if fraction != 0 { TraceFormatter.append(".%06d", [.number(fraction)], to: &line) }
    line.append(UInt8(ascii: "Z"))
    line.append(UInt8(ascii: " "))
  }
}
