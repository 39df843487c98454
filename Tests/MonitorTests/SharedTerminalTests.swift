import CommandLine
import EventLoop
import HostKernel
import Machine
import Monitor
import Testing
import Tracing

/// A machine whose first serial port shares a connection with a monitor, as `-nographic` has it.
@VMMain private final class SharedTerminal {
  let machine: Machine
  var events: [MachineEvent] = []
  private let servers: [MonitorServer]

  init(_ path: String, _ more: String...) throws {
    let words =
      ["-accel", "qtest", "-S", "-m", "16M", "-serial", "mon:unix:\(path),server=on,wait=off"]
      + more
    let request = try CommandLineParser.parse(words) {
      (_: String) throws(UnreadableFile) -> [UInt8] in throw UnreadableFile(errorNumber: 2)
    }
    guard case .run(let configuration) = request else { throw Unexpected() }
    machine = try Machine(
      configuration, on: LinuxKernel(), tracer: Tracer(to: DescriptorSink()),
      diagnostics: Diagnostics(program: "swiftvmm", to: DescriptorSink()))
    servers = machine.monitorStreams.map { [machine] stream in
      MonitorServer(
        stream.mode == .control ? .qmp(TestServer.version) : .hmp(TestServer.version),
        over: stream.backend, controlling: machine)
    }
    machine.observeEvents { [weak self] in self?.events.append($0) }
  }

  private struct Unexpected: Error {}
}

@Suite struct SharedTerminalTests {
  @Test func `The serial port has the terminal first, and the escape key brings the monitor`()
    throws
  {
    let directory = try TestDirectory()
    try MainLoop.own { [path = directory.socket] in
      let terminal = try SharedTerminal(path)
      let client = try TestClient(path: path)
      // The guest's: nobody reads it here, and no monitor answers.
      client.send("info status\r")
      client.send("\u{1}c")
      #expect(client.lines(1) == ["p monitor - type 'help' for more information"])
      client.send("info status\r")
      #expect(
        client.lines(2) == ["(qemu) info status", "VM status: paused (prelaunch)"])
      // COM1 sends while the monitor has the keyboard.
      terminal.machine.writePort(0x3f8, size: 1, value: UInt32(UInt8(ascii: "g")))
      client.send("\r")
      #expect(client.lines(1) == ["(qemu) g"])
      client.send("\u{1}c\u{1}c\r")
      #expect(client.lines(2) == ["(qemu) ", "(qemu) "])
      #expect(terminal.events.isEmpty)
    }
  }

  @Test(arguments: [("", "\u{1}"), ("-echr 0x14", "\u{14}")])
  func `The escape key and x end the machine as quit does`(option: String, key: String) throws {
    let directory = try TestDirectory()
    try MainLoop.own { [path = directory.socket] in
      let words = option.split(separator: " ").map(String.init)
      let terminal =
        words.isEmpty ? try SharedTerminal(path) : try SharedTerminal(path, words[0], words[1])
      let client = try TestClient(path: path)
      client.send("\(key)x")
      turnLoop(until: { !terminal.events.isEmpty })
      #expect(terminal.events == [.shutdown(.hostQMPQuit)])
    }
  }

  @Test func `A client that leaves in the middle of a command is forgotten`() throws {
    let directory = try TestDirectory()
    try MainLoop.own { [path = directory.socket] in
      let terminal = try SharedTerminal(path)
      var first: TestClient? = try TestClient(path: path)
      first?.send("\u{1}csystem_res")
      #expect(first?.lines(1).count == 1)
      first?.send("et\u{1}")
      for _ in 0..<10 { MainLoop.turn(waiting: false) }
      first = nil
      let second = try TestClient(path: path)
      // The monitor still has the keyboard, and its line is empty again.
      second.send("\r")
      #expect(
        second.lines(2) == ["p monitor - type 'help' for more information", "(qemu) "])
      #expect(terminal.events.isEmpty)
    }
  }

  @Test func `The devices have QEMU's names`() throws {
    let directory = try TestDirectory()
    try MainLoop.own { [path = directory.socket] in
      let terminal = try SharedTerminal(
        path, "-monitor", "null", "-qmp", "null", "-chardev", "null,id=c", "-mon",
        "c,mode=control", "-qtest", "null")
      #expect(
        terminal.machine.characterDevices.map(\.label) == [
          "c", "serial0", "compat_monitor0", "compat_monitor1", "qtest", "serial0-base",
        ])
      #expect(
        terminal.machine.monitorStreams.map(\.mode) == [.readline, .readline, .control, .control])
    }
  }

  @Test func `A character device that is no shared one has one user`() throws {
    let directory = try TestDirectory()
    try MainLoop.own { [path = directory.socket] in
      let error = try #require(throws: MachineError.self) {
        try SharedTerminal(path, "-chardev", "null,id=c", "-mon", "c", "-mon", "chardev=c")
      }
      #expect(error.option == "-mon chardev=c")
      #expect(error.lines.first == "Device 'c' is in use")
    }
  }
}
