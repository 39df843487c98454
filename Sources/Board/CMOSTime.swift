/// A time of day with a date as the clock chip counts it, and its place on the line of seconds.
struct CMOSTime: Equatable {
  var second = 0
  var minute = 0
  var hour = 0
  /// 1 for Sunday to 7.
  var weekday = 1
  /// 1 to 31.
  var day = 1
  /// 1 to 12.
  var month = 1
  var year = 1970

  /// The time so many seconds after 1970-01-01 00:00, for years 0 to 9999; other times are cut to them.
  init(secondsSinceEpoch: Int64) {
    let seconds = max(-62_167_219_200, min(253_402_300_799, secondsSinceEpoch))
    let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
    let rest = Int(seconds - days * 86_400)
    second = rest % 60
    minute = rest / 60 % 60
    hour = rest / 3600
    // 1970-01-01 was a Thursday.
    weekday = Int((days % 7 + 11) % 7) + 1
    setDate(daysSinceEpoch: Int(days))
  }

  init() {}

  /// Fields outside their ranges count on from there, as 61 seconds do; they are at most 255 each, and
  /// the year at most 25755.
  var secondsSinceEpoch: Int64 {
    let days = Self.days(year: year, month: month, day: day)
    return Int64(days) * 86_400 + Int64(hour) * 3600 + Int64(minute) * 60 + Int64(second)
  }

  /// Days since the epoch, in years that begin in March, so that the day of a leap year comes last.
  private static func days(year: Int, month: Int, day: Int) -> Int {
    let months = year * 12 + month - 1 - 2
    let marchYear = months >= 0 ? months / 12 : (months - 11) / 12
    let marchMonth = months - marchYear * 12
    let era = marchYear >= 0 ? marchYear / 400 : (marchYear - 399) / 400
    let yearOfEra = marchYear - era * 400
    let dayOfYear = (153 * marchMonth + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private mutating func setDate(daysSinceEpoch: Int) {
    let days = daysSinceEpoch + 719_468
    let era = days >= 0 ? days / 146_097 : (days - 146_096) / 146_097
    let dayOfEra = days - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }
}
