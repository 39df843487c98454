import Glibc

/// `lspci` of pciutils as a second opinion on a config space.
package enum PCIUtilities {
  private static let program = "/usr/bin/lspci"

  /// Whether it is installed.
  package static let hasLspci = unsafe access(program, X_OK) == 0

  /// A config space of 256 or 4096 bytes in the format that `lspci -F` reads: the function, then 16
  /// bytes in a line.
  package static func dump(_ bytes: [UInt8], slot: String = "00:06.0") -> String {
    let digits = { (number: Int, width: Int) in
      let text = String(number, radix: 16)
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    let word = { (offset: Int) in
      digits(Int(bytes[offset]) | Int(bytes[offset + 1]) << 8, 4)
    }
    var lines = ["\(slot) Class \(word(0x0a)): Device \(word(0)):\(word(2))"]
    for start in stride(from: 0, to: bytes.count, by: 16) {
      let line = bytes[start..<min(start + 16, bytes.count)].map { " " + digits(Int($0), 2) }
      lines.append("\(digits(start, 2)):" + line.joined())
    }
    return lines.joined(separator: "\n") + "\n\n"
  }

  /// What `lspci -vvv` says of a dump; nil when it could not be run.
  package static func describe(_ dump: String) -> String? {
    var path = Array("/tmp/config-space-XXXXXX\0".utf8CString)
    let file = unsafe mkstemp(&path)
    guard file >= 0 else { return nil }
    let name = String(
      decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { _ = unsafe unlink(name) }
    let text = Array(dump.utf8)
    let written = unsafe write(file, text, text.count)
    close(file)
    guard written == text.count,
      let stream = unsafe popen("\(program) -F \(name) -n -vvv 2>&1", "r")
    else { return nil }
    var output: [UInt8] = []
    while true {
      let character = unsafe fgetc(stream)
      if character == EOF { break }
      output.append(UInt8(truncatingIfNeeded: character))
    }
    return unsafe pclose(stream) == 0 ? String(decoding: output, as: UTF8.self) : nil
  }
}
