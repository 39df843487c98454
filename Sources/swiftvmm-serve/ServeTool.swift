import ArgumentParser
import CLinux
import Glibc
import PCI
import SimulatedKernel
import VFIOUser

@main
struct ServeTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "swiftvmm-serve",
    abstract: "Serves one function of a host description to a vfio-user client, such as QEMU.",
    discussion: """
      QEMU takes the function with
        -object memory-backend-memfd,id=m0,size=4G,share=on
        -machine memory-backend=m0
        -device '{"driver":"vfio-user-pci",
                  "socket":{"type":"unix","path":"SOCKET"}}'
      """)

  @Option(help: "The description file; machines/README.md tells the format.")
  var host: String
  @Option(help: "The function's address in it, such as 0000:00:06.0.")
  var function: String
  @Option(help: "Where to listen; the file goes when the program ends.")
  var socket: String
  @Flag(help: "Serve the next client when one has gone, until a signal.")
  var keep = false

  func run() throws {
    // Before there is a socket whose file would stay.
    let stop = clinux_end_signals()
    let server: FunctionServer
    do {
      guard stop >= 0 else { throw Mistake(description: "cannot wait for signals: errno \(-stop)") }
      server = try FunctionServer(try find(), at: socket) { Self.say($0) }
    } catch {
      Self.say("\(error)")
      throw ExitCode(2)
    }
    Self.say("serving \(function) of \(host) at \(socket)", to: STDOUT_FILENO)
    server.run(until: stop, keep: keep)
  }

  private struct Mistake: Error, CustomStringConvertible {
    let description: String
  }

  private func find() throws -> HostFunction {
    guard let address = PCIAddress(function) else {
      throw Mistake(description: "'\(function)' is no address of the form DDDD:BB:DD.F")
    }
    let functions = try HostDescription(contentsOf: host).functions
    guard let found = functions.first(where: { $0.address == address }) else {
      throw Mistake(
        description: "\(host) has no function \(address); it has "
          + functions.map(\.address.description).joined(separator: ", "))
    }
    return found
  }

  /// Prints a line: mistakes and what clients do wrong on standard error.
  private static func say(_ text: String, to descriptor: Int32 = STDERR_FILENO) {
    let line = Array("swiftvmm-serve: \(text)\n".utf8)
    _ = unsafe line.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
  }
}
