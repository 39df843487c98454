internal import CTwin
internal import CommandLine
internal import EventLoop
internal import HostKernel
internal import Machine
internal import SimulatedKernel
internal import SystemPackage
internal import Tracing

/// Starts one guest after the other in this process, each to its own end, and looks at what is left.
///
/// To be run with `GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0`: blocks that the
/// allocator keeps for later count as allocated else.
struct StartBenchmark {
  /// What the process holds.
  struct Holdings {
    var descriptors: Int
    var threads: Int
    /// KiB of address space.
    var addressSpace: Int
    /// KiB of anonymous memory that is resident.
    var memory: Int
    /// Bytes that allocations hold.
    var allocated: Int
    /// KiB of memory that the kernel holds in place for devices.
    var pinned: Int

    /// Reads them from `/proc/self`. Throws where that cannot be read.
    init(from kernel: any HostKernel) throws(Errno) {
      // One of them is the descriptor that the folder is read with.
      descriptors = try kernel.entries(of: "/proc/self/fd").count - 1
      let status = String(decoding: try kernel.contents(of: "/proc/self/status"), as: UTF8.self)
      func number(_ name: String) -> Int {
        for line in status.split(separator: "\n") where line.hasPrefix(name + ":") {
          for word in line.split(whereSeparator: { $0 == " " || $0 == "\t" }) {
            if let value = Int(word) { return value }
          }
        }
        return 0
      }
      threads = number("Threads")
      addressSpace = number("VmSize")
      memory = number("RssAnon")
      pinned = number("VmPin")
      allocated = Int(ctwin_allocated())
    }

    var text: String {
      "\(descriptors) descriptors, \(threads) threads, \(addressSpace) KiB of address space,"
        + " \(memory) KiB resident, \(allocated) bytes allocated, \(pinned) KiB pinned"
    }
  }

  /// Why a run of starts is no good, in one line.
  struct Failure: Error {
    let message: String

    init(_ message: String) { self.message = message }
  }

  /// Bytes allocated that may be more at the end than at the start that counts as the first: what
  /// buffers of the libraries come to hold once, 8 bytes for each of 1,000 starts.
  private static let allowance = 8192

  let words: [String]
  let count: Int
  /// The status with which each guest has to end.
  let status: Int32

  /// Starts them all. Throws when one does not end as it should, or when something is left.
  func run() throws {
    let kernel = LinuxKernel()
    var settled: Holdings?
    for number in 1...count {
      try start(isFirst: number == 1)
      let holdings = try Holdings(from: kernel)
      if number == min(count, max(5, count / 10)) { settled = holdings }
      if number == 1 || number.isMultiple(of: max(1, count / 10)) {
        try say("after start \(number): \(holdings.text)")
      }
      guard number == count, let settled else { continue }
      let growth = holdings.allocated - settled.allocated
      guard
        holdings.descriptors == settled.descriptors, holdings.threads == settled.threads,
        holdings.pinned == settled.pinned, growth <= Self.allowance
      else { throw Failure("\(count) starts leave something: first \(settled.text)") }
      try say("\(count) starts, nothing left; allocations \(growth < 0 ? "" : "+")\(growth) bytes")
    }
  }

  /// Prints a line at once: all of them take long.
  private func say(_ line: String) throws {
    try FileDescriptor.standardOutput.writeAll("\(line)\n".utf8)
  }

  /// One guest from its command line to its end. The first one's warnings are shown.
  private func start(isFirst: Bool) throws {
    let linux = LinuxKernel()
    let request = try CommandLineParser.parse(words) { path throws(UnreadableFile) in
      do throws(Errno) { return try linux.contents(of: path) } catch {
        throw UnreadableFile(errorNumber: error.rawValue)
      }
    }
    guard case .run(let configuration) = request else { throw Failure("these words start nothing") }
    let kernel: any HostKernel =
      if let file = configuration.simulation?.file {
        SimulatedKernel(try HostDescription(contentsOf: file), runsGuests: true)
      } else {
        linux
      }
    let ending = try MainLoop.own { () throws(MachineError) in
      let tracer = Tracer(to: DroppingSink())
      let diagnostics = Diagnostics(
        program: "swiftvmm", to: isFirst ? DescriptorSink() : DroppingSink())
      let machine = try Machine(configuration, on: kernel, tracer: tracer, diagnostics: diagnostics)
      return withExtendedLifetime(machine) { MainLoop.run() }
    }
    guard ending == status else { throw Failure("a guest ended with status \(ending)") }
  }
}
