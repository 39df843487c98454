import CommandLine
import EventLoop
import Machine
import Monitor
import TestSupport
import Testing
import VirtualIOMMU

/// The expected lines are those of QEMU for the same input, except where a test says otherwise.
@Suite struct HMPSessionTests {
  @Test func `The greeting has QEMU's form and our name, and the prompt is QEMU's`() {
    MainLoop.own {
      let session = HMPSession(control: FakeMachine(), version: TestServer.version)
      session.open()
      #expect(
        session.takeOutput() == "p monitor - type 'help' for more information\r\n(qemu) ")
    }
  }

  @Test(arguments: [
    ("", ""),
    ("   ", ""),
    ("info status", "VM status: paused (prelaunch)\n"),
    ("  info   status  ", "VM status: paused (prelaunch)\n"),
    ("info version", "11.1.3 (p)\n"),
    ("info chardev", "serial0: filename=mux\nserial0-base: filename=stdio\n"),
    ("info trace-events vfio_pci_reset", "vfio_pci_reset : state 0\n"),
    (
      "info trace-events vfio_pci_reset*",
      "vfio_pci_reset_pm : state 0\nvfio_pci_reset_flr : state 0\nvfio_pci_reset : state 0\n"
    ),
    ("info trace-events \"vfio_pci_reset\"", "vfio_pci_reset : state 0\n"),
    ("info trace-events nope", "unknown event \"nope\"\n"),
    ("info viommu", "Error: No vIOMMU: add -device intel-iommu\n"),
    ("help stop", "stop|s  -- stop emulation\n"),
    ("? s", "stop|s  -- stop emulation\n"),
    ("help info status", "info status  -- show the current VM status (running|paused)\n"),
    ("foo", "unknown command: 'foo'\n"),
    ("#foo", "unknown command: '#foo'\n"),
    ("info foo", "unknown command: 'info foo'\n"),
    ("help foo", "unknown command: 'foo'\n"),
    // The guess is our own.
    ("\"stop\"", "unknown command: '\"stop\"'; did you mean 'stop'?\n"),
    ("system-reset", "unknown command: 'system-reset'; did you mean 'system_reset'?\n"),
    ("info statu", "unknown command: 'info statu'; did you mean 'info status'?\n"),
    (
      "stop x",
      "stop|s: extraneous characters at the end of line\n"
        + "Try \"help stop\" for more information\n"
    ),
    (
      "info status x",
      "status: extraneous characters at the end of line\n"
        + "Try \"help info status\" for more information\n"
    ),
    (
      "device_del",
      "device_del: string expected\nTry \"help device_del\" for more information\n"
    ),
    (
      "device_del \"x",
      "unterminated string\ndevice_del: string expected\n"
        + "Try \"help device_del\" for more information\n"
    ),
    ("device_del x", "Error: Device 'x' not found\n"),
    ("device_add", "Error: Parameter 'driver' is missing\n"),
    ("trace-event nope on", "unknown event \"nope\"\n"),
    (
      "trace-event vfio_pci_reset",
      "Expected 'on' or 'off'\nTry \"help trace-event\" for more information\n"
    ),
    (
      "trace-event vfio_pci_reset x",
      "Expected 'on' or 'off'\nTry \"help trace-event\" for more information\n"
    ),
    (
      "trace-event",
      "trace-event: string expected\nTry \"help trace-event\" for more information\n"
    ),
  ])
  func `A line is answered in QEMU's words`(line: String, answer: String) {
    MainLoop.own {
      let machine = FakeMachine()
      machine.characterDevices = [
        CharacterDeviceStatus(label: "serial0", filename: "mux", isFrontEndOpen: true),
        CharacterDeviceStatus(label: "serial0-base", filename: "stdio", isFrontEndOpen: true),
      ]
      #expect(typed(line, machine) == answer)
      #expect(machine.requests.isEmpty)
    }
  }

  @Test(arguments: [
    ("system_reset", FakeMachine.Request.reset(.hostQMPSystemReset)),
    ("system_powerdown", .powerDown),
    ("quit", .shutdown(.hostQMPQuit)),
    ("q", .shutdown(.hostQMPQuit)),
    ("device_del taken", .removeDevice("taken")),
    ("device_del \"taken\"", .removeDevice("taken")),
  ])
  func `A command asks the machine what QMP's does`(line: String, request: FakeMachine.Request) {
    MainLoop.own {
      let machine = FakeMachine()
      #expect(typed(line, machine) == "")
      #expect(machine.requests == [request])
    }
  }

  @Test(arguments: [("stop", "s"), ("cont", "c")])
  func `Stop and cont have a short name`(long: String, short: String) {
    MainLoop.own {
      for line in [long, short] {
        let machine = FakeMachine()
        machine.runState = long == "stop" ? .running : .paused
        #expect(typed(line, machine) == "")
        #expect(machine.runState == (long == "stop" ? .paused : .running))
        #expect(
          typed("info status", machine)
            == "VM status: \(long == "stop" ? "paused" : "running")\n")
      }
    }
  }

  @Test func `A machine that cannot go on says why`() {
    MainLoop.own {
      let machine = FakeMachine()
      machine.refusal = MachineRefusal("no CPU to run")
      #expect(typed("c", machine) == "Error: no CPU to run\n")
    }
  }

  @Test func `A device is added by the text of the command line`() {
    MainLoop.own {
      let machine = FakeMachine()
      #expect(
        typed("device_add vfio-pci,host=0000:81:00.0,bus=rp1,id=f0,x-no-mmap", machine) == "")
      guard case .addDevice(.vfioPCI(let device)) = machine.requests.first else {
        Issue.record("\(machine.requests)")
        return
      }
      #expect(device.properties.noMmap && device.properties.id == "f0")
      #expect(
        typed("device_add vfio-pci,host=1:2.3,bus=rp2", machine)
          == "Error: Bus 'rp2' not found; did you mean 'rp1'?\n")
    }
  }

  @Test func `Trace events are switched by name or pattern`() {
    MainLoop.own {
      let machine = FakeMachine()
      #expect(typed("trace-event vfio_pci_reset* on", machine) == "")
      #expect(typed("trace-event vfio_pci_reset_pm off", machine) == "")
      #expect(
        typed("info trace-events vfio_pci_reset*", machine)
          == "vfio_pci_reset_pm : state 0\nvfio_pci_reset_flr : state 1\nvfio_pci_reset : state 1\n"
      )
    }
  }

  @Test func `The vIOMMU is shown by its report`() throws {
    let report = try VirtualIOMMUQueryTests.report(isFrozen: true)
    MainLoop.own {
      let machine = FakeMachine()
      machine.capabilityReport = report
      #expect(typed("info viommu", machine) == report.text)
    }
  }

  @Test func `Help lists every command once, in order, and each is found`() {
    MainLoop.own {
      for prefix in ["", "info "] {
        let lines = typed("help \(prefix)", FakeMachine()).split(separator: "\n")
        #expect(lines.count >= 5)
        #expect(lines.sorted() == lines && Set(lines).count == lines.count)
        for line in lines where !line.hasPrefix("info [") {
          let name = line.dropFirst(prefix.count).prefix { $0 != " " && $0 != "|" }
          #expect(typed("help \(prefix)\(name)", FakeMachine()) == line + "\n")
        }
      }
      #expect(typed("info", FakeMachine()) == typed("help info", FakeMachine()))
    }
  }

  // MARK: - Typing

  @Test(arguments: [
    ("a\u{7f}foo\r", "a\u{8} \u{8}foo", "foo"),
    ("ab\u{8}\u{8}\u{8}foo\r", "ab\u{8} \u{8}\u{8} \u{8}foo", "foo"),
    ("ab\u{15}foo\r", "ab\u{8} \u{8}\u{8} \u{8}foo", "foo"),
    ("\u{e9}\u{7f}foo\r", "\u{e9}\u{8} \u{8}foo", "foo"),
    // Keys without a meaning: cursor keys, tab, and what else has no character.
    ("\u{1b}[Af\u{1b}[1;5Do\u{1b}OP\to\u{0}\u{3}\r", "foo", "foo"),
    ("foo\n", "foo", "foo"),
  ])
  func `Keys are shown and edit the line`(keys: String, echo: String, command: String) {
    MainLoop.own {
      let session = HMPSession(control: FakeMachine(), version: TestServer.version)
      #expect(
        session.answers(to: keys) == "\(echo)\r\nunknown command: '\(command)'\r\n(qemu) ")
    }
  }

  @Test func `A return with a line feed is one end, two returns are two`() {
    MainLoop.own {
      let session = HMPSession(control: FakeMachine(), version: TestServer.version)
      #expect(session.answers(to: "\r\n\r\n") == "\r\n(qemu) \r\n(qemu) ")
      #expect(session.answers(to: "\r\r\n\n") == "\r\n(qemu) \r\n(qemu) \r\n(qemu) ")
    }
  }

  @Test(arguments: [4095, 4096, 1 << 20])
  func `A line that is too long is not carried out, and the next one is`(count: Int) {
    MainLoop.own {
      let machine = FakeMachine()
      let session = HMPSession(control: machine, version: TestServer.version)
      let line = "quit" + String(repeating: " ", count: count - 4)
      let answer = session.answers(to: line + "\r")
      #expect(answer.utf8.count < 4200)
      #expect(answer.contains("line of more than 4095 bytes ignored") == (count > 4095))
      #expect(machine.requests.isEmpty == (count > 4095))
      #expect(session.answers(to: "foo\r").contains("unknown command: 'foo'"))
    }
  }

  @Test func `Many lines at once are answered in order`() {
    MainLoop.own {
      let session = HMPSession(control: FakeMachine(), version: TestServer.version)
      let answers = session.answers(to: String(repeating: "info status\r", count: 5000))
      #expect(answers.split(separator: "\r\n").count == 10001)
    }
  }

  @Test func `No more lines are taken while the output is full`() {
    MainLoop.own {
      let session = HMPSession(control: FakeMachine(), version: TestServer.version)
      let lines = Array(String(repeating: "help\r", count: 100_000).utf8)
      let taken = session.receive(lines[...])
      #expect(taken < lines.count)
      #expect(session.output.pending.count < OutputQueue.fullCount + 4096)
    }
  }

  @Test(arguments: 0..<24)
  func `Random bytes never stop the session`(seed: Int) {
    MainLoop.own {
      var generator = SeededGenerator(seed: UInt64(seed))
      let session = HMPSession(control: FakeMachine(), version: TestServer.version)
      let pieces = [
        "help", "info", " ", "\r", "\n", "\"", "\\", "status", "trace-event", "on", "*",
        "device_add", ",", "=", "vfio-pci", "\u{1b}[", "\u{7f}", "\u{15}", "\u{e9}", "\0", "c", "s",
        "info trace-events ", "device_del ", "help info ",
      ].map { Array($0.utf8) }
      for _ in 0..<400 {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 0..<40, using: &generator) {
          if Bool.random(using: &generator) {
            bytes += pieces.randomElement(using: &generator) ?? []
          } else {
            bytes.append(UInt8.random(in: .min ... .max, using: &generator))
          }
        }
        _ = session.answers(to: bytes)
      }
      // One byte may belong to a key's sequence, and the rest of the noise to a line.
      _ = session.answers(to: "A\r")
      #expect(session.answers(to: "info version\r").hasSuffix("\r\n11.1.3 (p)\r\n(qemu) "))
    }
  }

  @Test func `No prompt follows the wish to end`() {
    MainLoop.own {
      let machine = FakeMachine()
      let session = HMPSession(control: machine, version: TestServer.version)
      session.announce(.shutdown(.guestShutdown))
      #expect(session.answers(to: "\r") == "\r\n(qemu) ")
      session.announce(.shutdown(.hostQMPQuit))
      #expect(session.answers(to: "\r") == "\r\n")
    }
  }

  // MARK: - A shared terminal

  @Test func `The greeting waits for the keyboard, and what was typed comes back with it`() {
    MainLoop.own {
      let session = HMPSession(control: FakeMachine(), version: TestServer.version)
      session.focusChanged(false)
      session.open()
      #expect(session.takeOutput() == "")
      session.focusChanged(true)
      #expect(
        session.takeOutput() == "p monitor - type 'help' for more information\r\n(qemu) ")
      #expect(session.answers(to: "info st") == "info st")
      session.focusChanged(false)
      #expect(session.takeOutput() == "\r\n")
      session.focusChanged(true)
      #expect(session.takeOutput() == "(qemu) info st")
      #expect(
        session.answers(to: "atus\r")
          == "atus\r\nVM status: paused (prelaunch)\r\n(qemu) ")
    }
  }

  /// What the session says to a line, without the echo, the prompt and carriage returns.
  @VMMain private func typed(_ line: String, _ machine: FakeMachine) -> String {
    let session = HMPSession(control: machine, version: TestServer.version)
    let answer = session.answers(to: line + "\r")
    let (start, end) = ("\(line)\r\n", "(qemu) ")
    #expect(answer.hasPrefix(start) && answer.hasSuffix(end))
    let text = answer.utf8.dropFirst(start.utf8.count).dropLast(end.utf8.count)
    return String(decoding: text.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
  }
}
