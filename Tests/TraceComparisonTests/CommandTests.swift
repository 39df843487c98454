import Glibc
import Testing

/// Runs the built `swiftvmm-trace`, which stands beside the test program.
private enum Command {
  struct Result {
    var status: Int32 = -1
    var output = ""
  }

  static let program: String = {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
    let path = buffer.prefix(max(0, length)).map { UInt8(bitPattern: $0) }
    let folder = String(decoding: path, as: UTF8.self).split(separator: "/").dropLast()
    return "/" + folder.joined(separator: "/") + "/swiftvmm-trace"
  }()

  static let traces =
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
    .joined(separator: "/") + "/Traces"

  /// Runs the program in the folder of recorded logs; both outputs are collected.
  static func run(_ arguments: String, input: String = "") -> Result {
    var result = Result()
    let line = "cd '\(traces)' && printf '\(input)' | '\(program)' \(arguments) 2>&1"
    guard let pipe = unsafe popen(line, "r") else { return result }
    var bytes: [UInt8] = []
    while true {
      let byte = unsafe fgetc(pipe)
      guard byte >= 0 else { break }
      bytes.append(UInt8(truncatingIfNeeded: byte))
    }
    let status = unsafe pclose(pipe)
    result.status = status & 0x7f == 0 ? status >> 8 & 0xff : -1
    result.output = String(decoding: bytes, as: UTF8.self)
    return result
  }
}

@Suite struct CommandTests {
  static let pair = "qemu-11.1.3/pair-iommufd.log"
  static let qtest = "qemu-11.1.3/pair-qtest.log"

  static let runs: [(arguments: String, status: Int32, output: String)] = [
    ("compare \(pair) \(pair)", 0, "equal: 203 lines"),
    ("compare \(pair) \(qtest)", 1, "different: 18 differences (0 changed, 18 only in A"),
    ("compare \(pair) \(qtest) --events '-vfio_intx_*_kvm'", 0, "equal: 185 lines"),
    ("compare --events vfio_mdev --events vfio_pci_reset \(pair) \(qtest)", 0, "equal: 6 lines"),
    ("compare \(pair) \(qtest) --device 0000:81:00.0 --events 'vfio_region_*'", 0, "equal:"),
    (
      "compare --between vfio_device_reset_handler vfio_device_reset_handler \(pair) \(pair)", 0,
      "equal: 74 lines"
    ),
    ("compare \(pair) \(pair) --between '^' vfio_mdev#2", 0, "equal: 40 lines"),
    (
      "compare --dialect iommufd-rfcv3-pair.log \(pair) --between-b 'reset_handler#2' '$'", 1,
      "renamed (A=B): devid 2=1, devid 5=4"
    ),
    ("compare \(pair) \(qtest) --json", 1, "{\"equal\": false"),
    ("compare \(pair) \(pair) --json", 0, "{\"equal\": true"),
    ("compare --help", 0, "Example"),
    ("--help", 0, "compare"),
    ("compare", 2, "Missing expected argument '<a>'"),
    ("", 0, "USAGE"),
    ("nosuch", 2, "nosuch"),
    ("compare a", 2, "Missing expected argument '<b>'"),
    ("compare \(pair) \(pair) --nosuch", 2, "--nosuch"),
    ("compare \(pair) \(pair) --width 10", 2, "--width must be from 40"),
    ("compare \(pair) \(pair) --between one", 2, "--between takes two marks"),
    ("compare \(pair) /nonexistent", 2, "/nonexistent: No such file or directory\nGive the path"),
    ("compare \(pair) .", 2, "Is a directory"),
    ("compare README.md \(pair)", 2, "README.md: no line is a trace event"),
    ("compare \(pair) \(pair) --events 'a b'", 2, "no event name holds ' '"),
    ("compare \(pair) \(pair) --events 'nosuch_*'", 2, "no event of either file is selected"),
    ("compare \(pair) \(pair) --device pci", 2, "'pci' is no PCI address"),
    ("compare \(pair) \(pair) --map 81:00.0", 2, "is no pair of addresses"),
    ("compare \(pair) \(pair) --between nosuch '$'", 2, "no line holds 'nosuch'"),
    (
      "compare \(pair) \(pair) --rules README.md", 2,
      "README.md:2: a rule starts with ignore or may-ignore, not with '-'"
    ),
    ("compare \(pair) \(pair) --rules ../../machines/lab/comparison.rules", 0, "equal: 203"),
  ]

  @Test(arguments: runs)
  func exitStatusTellsEqualDifferentOrUnusable(
    _ arguments: String, _ status: Int32, _ output: String
  ) {
    let result = Command.run(arguments)
    #expect(result.status == status, "\(result.output)")
    #expect(result.output.contains(output), "\(result.output)")
  }

  @Test func aPipeIsReadToItsEnd() {
    let result = Command.run("compare \(Self.pair) /dev/stdin < \(Self.pair)")
    #expect(result.status == 0)
    let piped = Command.run("compare /dev/stdin \(Self.pair) < '\(Command.traces)/\(Self.qtest)'")
    #expect(piped.status == 1)
  }

  @Test func aRuleThatExcusesNothingMakesTheResultUnusable() {
    let compare = "compare \(Self.pair) \(Self.pair) --rules /dev/stdin"
    let unused = Command.run(compare, input: "# why\\nignore vfio_mdev because x\\n")
    #expect(unused.status == 2)
    #expect(unused.output.contains("equal: 203"))
    #expect(unused.output.contains("/dev/stdin:2: the rule excused no line: ignore vfio_mdev"))
    #expect(Command.run(compare, input: "may-ignore vfio_mdev because x").status == 0)
  }

  @Test func outputToAFileHasNoEscapes() {
    let result = Command.run("compare \(Self.pair) \(Self.qtest)")
    #expect(!result.output.utf8.contains(0x1b))
  }
}
