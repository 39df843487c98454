import Glibc
import Testing

@testable import Boot

/// ACPICA's table compiler, which reads tables as kernels do (package acpica-tools).
private enum TableCompiler {
  static let isPresent = run("command -v iasl").status == 0

  /// Runs a shell command and collects both of its outputs.
  static func run(_ command: String) -> (status: Int32, output: String) {
    guard let pipe = unsafe popen("exec 2>&1; \(command)", "r") else { return (-1, "") }
    var bytes: [UInt8] = []
    while true {
      let byte = unsafe fgetc(pipe)
      guard byte >= 0 else { break }
      bytes.append(UInt8(truncatingIfNeeded: byte))
    }
    let status = unsafe pclose(pipe)
    return (status, String(decoding: bytes, as: UTF8.self))
  }

  /// Makes a file and says whether all of it was written.
  static func write(_ bytes: [UInt8], to path: String) -> Bool {
    guard let file = unsafe fopen(path, "w") else { return false }
    let count = unsafe fwrite(bytes, 1, bytes.count, file)
    return unsafe fclose(file) == 0 && count == bytes.count
  }
}

@Suite(.enabled(if: TableCompiler.isPresent, "needs iasl")) struct TableCompilerTests {
  /// Everything a description can ask for.
  static var fullest: ACPIDescription {
    var description = Planning.description(300)
    description.serialPorts = [
      ACPIDescription.SerialPort(port: 0x3f8, irq: 4),
      ACPIDescription.SerialPort(port: 0x2f8, irq: 3),
    ]
    description.hasKeyboardController = true
    description.panicPort = 0x505
    return description
  }

  /// Nothing that may be left out.
  static var emptiest: ACPIDescription {
    var description = Planning.description(1)
    description.serialPorts = []
    description.hasRealTimeClock = false
    description.prefetchableWindow = 0..<0
    description.interruptPins = []
    description.commandPort = 0
    return description
  }

  @Test(arguments: [fullest, emptiest])
  func everyTableIsReadAndTheNamespaceCompilesAgain(description: ACPIDescription) throws {
    var template = [CChar]("/tmp/swiftvmm-acpi-XXXXXX".utf8CString)
    let made = unsafe mkdtemp(&template) != nil
    try #require(made)
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { _ = TableCompiler.run("rm -r '\(folder)'") }
    for (signature, bytes) in try ACPITablesTests.all(ACPITables(description, at: 0xe_0000)) {
      let path = "\(folder)/\(signature.lowercased())"
      #expect(TableCompiler.write(bytes, to: "\(path).dat"))
      let result = TableCompiler.run("cd '\(folder)' && iasl -d \(path).dat")
      #expect(result.status == 0, "\(result.output)")
      for word in ["rror", "arning", "nvalid", "nknown"] {
        #expect(!result.output.contains(word), "\(signature): \(result.output)")
      }
    }
    let result = TableCompiler.run("cd '\(folder)' && iasl -tc dsdt.dsl")
    #expect(result.output.contains("0 Errors, 0 Warnings"), "\(result.output)")
  }
}
