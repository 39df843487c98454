internal import CommandLine
internal import EventLoop
internal import Glibc
internal import HostKernel
internal import Machine
internal import Monitor
internal import SimulatedKernel
internal import SystemPackage
internal import Tracing

/// One machine from its configuration to its end.
struct MachineRun {
  let name: String
  let configuration: Configuration

  init(name: String, _ configuration: Configuration) {
    self.name = name
    self.configuration = configuration
  }

  /// Builds the machine, runs the main loop until the machine ends, and gives the exit status.
  func run() -> Int32 {
    let diagnostics = Diagnostics(
      program: name, to: DescriptorSink(), isStamped: configuration.messages.timestamp,
      guestName: configuration.messages.guestName ? configuration.name : nil)
    for warning in configuration.warnings { Output.error(warning.text(program: name)) }
    do throws(RunFailure) {
      let tracer = try makeTracer()
      let kernel = try makeKernel()
      let pidFile = try configuration.pidFile.map { path throws(RunFailure) in
        try PIDFile(path)
      }
      defer { pidFile?.remove() }
      return try MainLoop.own { () throws(RunFailure) in
        try run(on: kernel, tracer, diagnostics)
      }
    } catch {
      let option = error.option.map { "\($0): " } ?? ""
      diagnostics.error(option + error.message)
      for hint in error.hints { diagnostics.hint(hint) }
      return 1
    }
  }

  @VMMain private func run(
    on kernel: any HostKernel, _ tracer: Tracer, _ diagnostics: Diagnostics
  ) throws(RunFailure) -> Int32 {
    let machine: Machine
    do throws(MachineError) {
      machine = try Machine(
        configuration, on: kernel, tracer: tracer, diagnostics: diagnostics,
        announce: { Output.standard($0 + "\n") })
    } catch {
      throw RunFailure(error)
    }
    var servers: [MonitorServer] = []
    for stream in machine.monitorStreams {
      let service: MonitorService =
        switch stream.mode {
        case .readline: .hmp(Version.qmp)
        case .control: .qmp(Version.qmp)
        }
      servers.append(MonitorServer(service, over: stream.backend, controlling: machine))
    }
    if let stream = machine.testStream {
      servers.append(MonitorServer(.qtest, over: stream, controlling: machine))
    }
    func end(on signal: LoopSignal) -> EventSource {
      MainLoop.onSignal(signal) {
        diagnostics.error("terminating on signal \(signal.number)")
        machine.shutdown(.hostSignal)
      }
    }
    let interrupt = end(on: .interrupt)
    let terminate = end(on: .terminate)
    let status = MainLoop.run()
    _ = consume interrupt
    _ = consume terminate
    for server in servers { server.close() }
    return status
  }

  /// Makes the trace with the events that the command line turns on, in order.
  private func makeTracer() throws(RunFailure) -> Tracer {
    let trace = configuration.trace
    if let unused = trace.traceFile == nil ? nil : trace.logFile {
      _ = try Self.sink(unused)
    }
    let sink = try trace.destination.map { path throws(RunFailure) in try Self.sink(path) }
    let dialect: TraceDialect =
      switch configuration.flow {
      case .qemu11: .qemu11
      case .iommufdRFCv3: .iommufdRFCv3
      }
    let tracer = Tracer(
      to: sink ?? DescriptorSink(), dialect: dialect,
      isStamped: configuration.messages.timestamp)
    for action in trace.actions {
      let count = tracer.set(action.pattern, enabled: action.enables)
      if count == 0, !Tracer.isPattern(action.pattern) {
        Output.error(action.unknownEventWarning(program: name, events: Tracer.eventNames))
      }
    }
    return tracer
  }

  private static func sink(_ path: String) throws(RunFailure) -> DescriptorSink {
    do throws(Errno) { return try DescriptorSink(creating: path) } catch {
      throw RunFailure(
        "Could not open '\(path)': \(error.description)",
        hints: ["Give a path that can be written to with -D or -trace file=."])
    }
  }

  /// The host that functions come from: this one, or the one that a file describes.
  private func makeKernel() throws(RunFailure) -> any HostKernel {
    guard let simulation = configuration.simulation else { return LinuxKernel() }
    let description: HostDescription
    do throws(HostDescriptionError) {
      description = try HostDescription(contentsOf: simulation.file)
    } catch {
      throw RunFailure(error.description, option: "-simulate \(simulation.file)")
    }
    if let directory = simulation.sysfsDirectory {
      do throws(Errno) { try SysfsTree(of: description).write(to: directory) } catch {
        throw RunFailure(
          "cannot write the sysfs tree to '\(directory)': \(error.description)",
          option: "-simulate \(simulation.file)",
          hints: ["Give sysfs= a folder that can be made and written to."])
      }
    }
    return SimulatedKernel(description, runsGuests: true)
  }
}
