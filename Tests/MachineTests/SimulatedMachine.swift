import CommandLine
import EventLoop
import Glibc
import HostKernel
import Machine
import Passthrough
import SimulatedKernel
import SystemPackage
import Testing
import Tracing

/// A machine on a simulated host, with its trace and messages in memory.
@VMMain final class SimulatedMachine {
  let machine: Machine
  let trace: RingSink
  let messages: RingSink

  /// Builds the machine that `arguments` ask for on `kernel`; events are off until `traceReset`.
  init(_ arguments: [String], on kernel: any HostKernel) throws {
    let configuration = try Self.configuration(arguments)
    trace = RingSink()
    messages = RingSink()
    let dialect: TraceDialect = configuration.flow == .qemu11 ? .qemu11 : .iommufdRFCv3
    let tracer = Tracer(to: trace, dialect: dialect)
    for action in configuration.trace.actions {
      tracer.set(action.pattern, enabled: action.enables)
    }
    machine = try Machine(
      configuration, on: kernel, tracer: tracer,
      diagnostics: Diagnostics(program: "swiftvmm", to: messages))
  }

  static func configuration(_ arguments: [String]) throws -> Configuration {
    var words = ["-m", "16M", "-S", "-nodefaults"] + arguments
    if !arguments.contains("-accel") { words += ["-accel", "qtest"] }
    let request = try CommandLineParser.parse(words) {
      (_: String) throws(UnreadableFile) -> [UInt8] in throw UnreadableFile(errorNumber: ENOENT)
    }
    guard case .run(let configuration) = request else { throw Unexpected() }
    return configuration
  }

  /// Writes 16 bits of config space of a function on bus 0 through the ports, as a guest does.
  func writeConfig(slot: UInt32, offset: UInt32, _ value: UInt32) {
    machine.writePort(0xcf8, size: 4, value: 1 << 31 | slot << 11 | offset & 0xfc)
    machine.writePort(0xcfc + UInt16(offset & 2), size: 2, value: value)
  }

  /// Reads a dword of config space of a function on bus 0 through the ports.
  func readConfig(slot: UInt32, offset: UInt32) -> UInt32 {
    machine.writePort(0xcf8, size: 4, value: 1 << 31 | slot << 11 | offset & 0xfc)
    return machine.readPort(0xcfc, size: 4)
  }

  /// Writes a dword of config space of a function on bus 0 through the ports.
  func writeConfigDword(slot: UInt32, offset: UInt32, _ value: UInt32) {
    machine.writePort(0xcf8, size: 4, value: 1 << 31 | slot << 11 | offset & 0xfc)
    machine.writePort(0xcfc, size: 4, value: value)
  }

  /// Turns on the memory window to config space (`PCIEXBAR` of the host bridge) and gives its base.
  func enableConfigWindow() -> UInt64 {
    writeConfigDword(slot: 0, offset: 0x60, 0xb000_0001)
    return 0xb000_0000
  }

  /// The trace of one machine reset.
  func traceReset() -> [String] {
    trace.removeAll()
    machine.tracer.set("vfio*", enabled: true)
    machine.reset(.hostQMPSystemReset)
    machine.tracer.set("vfio*", enabled: false)
    return trace.lines
  }
}

struct Unexpected: Error {}

/// Files of the checkout.
enum Checkout {
  /// The folder that holds Package.swift.
  static let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()

  static func bytes(_ path: String) throws -> [UInt8] {
    try LinuxKernel().contents(of: "\(root)/\(path)")
  }

  /// A host of `machines/`, with pieces of its text replaced.
  static func host(
    _ name: String, replacing: [(String, String)] = []
  ) throws -> HostDescription {
    var text = String(decoding: try bytes("machines/\(name).yaml"), as: UTF8.self)
    for (old, new) in replacing {
      let pieces = text.split(separator: old, omittingEmptySubsequences: false)
      #expect(pieces.count > 1, "\(name).yaml has no '\(old)'")
      text = pieces.joined(separator: new)
    }
    return try HostDescription(parsing: Array(text.utf8), file: "\(name).yaml")
  }
}

/// What this process has open: each descriptor's number with its target in `/proc/self/fd`.
func openFiles() throws -> Set<String> {
  let kernel = LinuxKernel()
  return Set(
    try kernel.entries(of: "/proc/self/fd").compactMap { number in
      (try? kernel.link(at: "/proc/self/fd/\(number)")).map { "\(number) \($0)" }
    })
}
