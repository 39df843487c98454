import ArgumentParser
import Glibc
import TraceComparison

/// `swiftvmm-trace compare A B`.
struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compares two trace logs event by event.",
    discussion: """
      White space, time stamps, pointers and descriptor numbers are left out; iommufd device, address space \
      and page table ids may be renamed, one to one. A line ...... in a log stands for any number of lines. \
      Lines that are no trace events are not compared.

      Prints the differences side by side and exits 0 when there are none, 1 when there are some, 2 when \
      something cannot be read.

      Example: what the two programs did from the first machine reset on, memory maps aside
        swiftvmm-trace compare --between vfio_device_reset_handler '$' \\
          --events '-vfio_listener_*' qemu.log swiftvmm.log
      """)

  @Argument(help: "The log shown on the left.")
  var a: String

  @Argument(help: "The log shown on the right.")
  var b: String

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Compare only these events (* and ? are wildcards; -PATTERN takes events away; the last that fits counts).",
      valueName: "pattern"))
  var events: [String] = []

  @Option(
    help: ArgumentHelp("Compare only lines that name this function.", valueName: "address"))
  var device: [String] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Compare only the lines from the first with one text to the next with the other, both included. TEXT#2 is a line's second occurrence, TEXT#last its last, ^ the start and $ the end of the log.",
      valueName: "mark> <mark"))
  var between: [String] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("As --between, for A alone.", valueName: "mark> <mark"))
  var betweenA: [String] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("As --between, for B alone.", valueName: "mark> <mark"))
  var betweenB: [String] = []

  @Option(
    help: ArgumentHelp(
      "A function's address in A and the one that stands for it in B.", valueName: "address=address"
    ))
  var map: [String] = []

  @Flag(
    help: "Compare events of the 2022-2023 iommufd branches and of QEMU 8.2 to 11.0 as today's.")
  var dialect = false

  @Flag(help: "Compare lines that are no trace events too.")
  var text = false

  @Option(
    help: ArgumentHelp(
      "Rules for what may differ, one a line: ignore PATTERN[, PATTERN...] [when TEXT] because REASON (may-ignore: need not apply).",
      valueName: "file"))
  var rules: String?

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Option(help: ArgumentHelp("Columns of the output.", valueName: "columns"))
  var width: Int?

  @Option(help: ArgumentHelp("Equal lines shown around a difference.", valueName: "lines"))
  var context = 3

  func validate() throws {
    if let width, width < SideBySideReport.minimumWidth || width > 10_000 {
      throw ValidationError("--width must be from \(SideBySideReport.minimumWidth) to 10000.")
    }
    guard (0...1_000_000).contains(context) else {
      throw ValidationError("--context must be from 0 to 1000000.")
    }
    for (name, marks) in [
      ("between", between), ("between-a", betweenA), ("between-b", betweenB),
    ] where !marks.isEmpty && marks.count != 2 {
      throw ValidationError("--\(name) takes two marks and may be given once.")
    }
  }

  func run() throws {
    let options = try comparisonOptions()
    let comparison = try Comparison(InputFile.read(a), InputFile.read(b), options)
    if json {
      JSONReport().write(comparison) { StandardOutput.write($0) }
    } else {
      var report = SideBySideReport()
      report.width = width ?? StandardOutput.columns
      report.context = context
      report.usesColor = StandardOutput.takesColor
      report.write(comparison) { StandardOutput.write($0) }
    }
    if let unused = comparison.unusedRule { throw unused }
    if !comparison.isEqual { throw ExitCode(1) }
  }

  private func comparisonOptions() throws(ComparisonError) -> ComparisonOptions {
    var options = try ComparisonOptions()
    options.events = try EventPatterns(events)
    for address in device { options.devices.append(try DeviceAddress(address)) }
    options.addresses = try AddressMap(map)
    options.sectionOfA = try section(betweenA.isEmpty ? between : betweenA)
    options.sectionOfB = try section(betweenB.isEmpty ? between : betweenB)
    options.mapsDialects = dialect
    options.comparesText = text
    if let rules { options.rules = try ComparisonRules(InputFile.read(rules)) }
    return options
  }

  private func section(_ marks: [String]) throws(ComparisonError) -> Section? {
    marks.count == 2 ? try Section(from: marks[0], to: marks[1]) : nil
  }

  /// The arguments with the option repeated before the second value of each `--between MARK MARK`: the
  /// parser knows options with one value, or with as many as follow.
  static func joiningPairs(_ arguments: [String]) -> [String] {
    let pairs: Set<String> = ["--between", "--between-a", "--between-b"]
    var output: [String] = []
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      output.append(argument)
      if argument == "--" { return output + rest }
      guard pairs.contains(argument), rest.count >= 2 else { continue }
      output += [rest.removeFirst(), argument, rest.removeFirst()]
    }
    return output
  }
}
