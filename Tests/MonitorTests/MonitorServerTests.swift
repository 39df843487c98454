import Board
import EventLoop
import Glibc
import Machine
import Monitor
import Testing

@Suite struct MonitorServerTests {
  @Test func aClientIsGreetedAnsweredAndToldOfEvents() throws {
    let directory = try TestDirectory()
    try MainLoop.own { [path = directory.socket] in
      let machine = FakeMachine()
      let server = try TestServer(machine, path)
      #expect(!server.hasClient)
      let client = try TestClient(path: path)
      #expect(client.lines(1).first?.hasPrefix(#"{"QMP": {"version": "#) == true)
      #expect(server.hasClient)
      client.send(#"{"execute":"qmp_capabilities"}{"execute":"system_reset","id":1}"#)
      #expect(client.lines(2) == [#"{"return": {}}"#, #"{"return": {}, "id": 1}"#])
      #expect(machine.requests == [.reset(.hostQMPSystemReset)])
      machine.emit(.reset(.hostQMPSystemReset))
      let event = client.lines(1).first ?? ""
      #expect(event.hasPrefix(#"{"timestamp": {"seconds": "#))
      #expect(
        event.hasSuffix(
          #""event": "RESET", "data": {"guest": false, "reason": "host-qmp-system-reset"}}"#))
      server.close()
      client.awaitEnd()
    }
  }

  @Test func theNextClientWaitsUntilTheOneBeforeIsGoneAndStartsAfresh() throws {
    let directory = try TestDirectory()
    try MainLoop.own { [path = directory.socket] in
      let server = try TestServer(FakeMachine(), path)
      var first: TestClient? = try TestClient(path: path)
      #expect(first?.lines(1).count == 1)
      first?.send(#"{"execute":"qmp_capabilities"}"#)
      #expect(first?.lines(1).count == 1)
      let second = try TestClient(path: path)
      second.send(#"{"execute":"query-name"}"#)
      // An unfinished request of the first client is forgotten with it.
      first?.send(#"{"execute":"#)
      for _ in 0..<10 { MainLoop.turn(waiting: false) }
      first = nil
      let lines = second.lines(2)
      #expect(lines.first?.hasPrefix(#"{"QMP": "#) == true)
      #expect(lines.last?.contains("Expecting capabilities negotiation") == true)
      server.close()
    }
  }

  @Test func quitsShutdownEventReachesTheClientBeforeTheEnd() throws {
    let directory = try TestDirectory()
    try MainLoop.own { [path = directory.socket] in
      let machine = FakeMachine()
      let server = try TestServer(machine, path)
      let client = try TestClient(path: path)
      client.send(#"{"execute":"qmp_capabilities"}{"execute":"quit"}"#)
      #expect(client.lines(3).count == 3)
      machine.emit(.shutdown(.hostQMPQuit))
      server.close()
      #expect(
        client.lines(1).first?.hasSuffix(
          #""event": "SHUTDOWN", "data": {"guest": false, "reason": "host-qmp-quit"}}"#) == true)
      client.awaitEnd()
      #expect(!server.hasClient)
    }
  }

  @Test func aClientThatDoesNotReadIsNotHeardUntilItDoes() throws {
    let directory = try TestDirectory()
    try MainLoop.own { [path = directory.socket] in
      let server = try TestServer(FakeMachine(), path)
      let client = try TestClient(path: path)
      client.send(#"{"execute":"qmp_capabilities"}"#)
      #expect(client.lines(2).count == 2)
      let request = #"{"execute":"query-commands"}"#
      // Until neither side has room any more.
      var text = ""
      var idleTurns = 0
      while idleTurns < 10 {
        if text.isEmpty { text = String(repeating: request, count: 100) }
        let count = client.send(text)
        text.removeFirst(count)
        idleTurns = MainLoop.turn(waiting: false) || count > 0 ? 0 : idleTurns + 1
      }
      #expect(server.hasClient)
      // The loop has nothing to do for it now, and the rest of what it says is not taken.
      #expect(client.send(text) == 0)
      #expect(!MainLoop.turn(waiting: false))
      // Once it reads, everything is answered, in order and whole.
      let answers = client.lines(1000)
      #expect(answers.count == 1000)
      #expect(answers.allSatisfy { $0.hasPrefix(#"{"return": [{"name": "#) && $0.hasSuffix("}]}") })
      server.close()
    }
  }

  @Test func aClientThatDoesNotReadItsEventsIsLetGoAndTheNextOneIsServed() throws {
    let directory = try TestDirectory()
    try MainLoop.own { [path = directory.socket] in
      let machine = FakeMachine()
      let server = try TestServer(machine, path)
      let client = try TestClient(path: path)
      client.send(#"{"execute":"qmp_capabilities"}"#)
      #expect(client.lines(2).count == 2)
      for _ in 0..<1_000_000 where server.hasClient { machine.emit(.stopped) }
      #expect(!server.hasClient)
      let next = try TestClient(path: path)
      #expect(next.lines(1).count == 1)
      client.awaitEnd()
      server.close()
    }
  }

  @Test func qtestIsServedAsWell() throws {
    let directory = try TestDirectory()
    try MainLoop.own { [path = directory.socket] in
      let server = try TestServer(FakeMachine(), path, .qtest)
      let client = try TestClient(path: path)
      client.send("write 0x1000 0x4 0xdeadbeef\nreadl 0x1000\n")
      #expect(client.lines(2) == ["OK", "OK 0x00000000efbeadde"])
      client.send("memset 0 0x10000 0xff\nread 0 0x10000\n")
      #expect(client.lines(2).map(\.utf8.count) == [2, 5 + 2 * 0x10000])
      server.close()
    }
  }

  @Test func aSocketThatAnEarlierProgramLeftIsReplacedAndRemovedAtTheEnd() throws {
    let directory = try TestDirectory()
    try MainLoop.own { [path = directory.socket] in
      let stale = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      let status = unsafe withSocketAddress(path) { unsafe bind(stale, $0, $1) }
      #expect(status == 0)
      close(stale)
      let server = try TestServer(FakeMachine(), path)
      #expect(try TestClient(path: path).lines(1).count == 1)
      server.close()
      #expect(!exists(path))
    }
  }

  @Test func theSocketOfALaterProgramIsLeftAlone() throws {
    let directory = try TestDirectory()
    try MainLoop.own { [path = directory.socket] in
      let earlier = try TestServer(FakeMachine(), path)
      let later = try TestServer(FakeMachine(), path)
      earlier.close()
      #expect(try TestClient(path: path).lines(1).count == 1)
      later.close()
      #expect(!exists(path))
    }
  }

  @Test func aServerThatGoesAwayTakesItsSocketAlong() throws {
    let directory = try TestDirectory()
    try MainLoop.own { [path = directory.socket] in
      let machine = FakeMachine()
      var server: TestServer? = try TestServer(machine, path)
      let client = try TestClient(path: path)
      #expect(client.lines(1).count == 1)
      _ = server?.hasClient
      server = nil
      client.awaitEnd()
      #expect(!exists(path))
      machine.emit(.stopped)
    }
  }

  /// In a process of its own, whose standard input and output it may replace.
  @Test func standardInputAndOutputAreServedUntilTheInputEnds() async {
    await #expect(processExitsWith: .success) {
      // As the program does at its start.
      _ = signal(SIGPIPE, SIG_IGN)
      var requests: [Int32] = [-1, -1]
      var answers: [Int32] = [-1, -1]
      _ = unsafe pipe(&requests)
      _ = unsafe pipe(&answers)
      dup2(requests[0], STDIN_FILENO)
      dup2(answers[1], STDOUT_FILENO)
      close(answers[1])
      let text = try MainLoop.own { [requests, answers] in
        let server = try TestServer(FakeMachine(), .standardIO(allowsSignals: true), .qtest)
        let lines = Array("memset 0 0x10000 0xa5\nread 0 0x10000\nendianness\n".utf8)
        let count = unsafe write(requests[1], lines, lines.count)
        var text: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 4096)
        var request = pollfd(fd: answers[0], events: Int16(POLLIN), revents: 0)
        // Far more than a pipe holds: the answer comes as fast as it is read.
        while text.count < 3 + 6 + 2 * 0x10000 + 10 {
          MainLoop.turn(waiting: false)
          while unsafe poll(&request, 1, 0) == 1 {
            text += block[..<(unsafe read(answers[0], &block, block.count))]
          }
        }
        guard count == lines.count, server.hasClient else { exit(2) }
        close(requests[1])
        while server.hasClient { MainLoop.turn() }
        // A reader that is gone must not end the program.
        close(answers[0])
        server.close()
        return String(decoding: text, as: UTF8.self)
      }
      let expected = "OK\nOK 0x" + String(repeating: "a5", count: 0x10000) + "\nOK little\n"
      guard text == expected else { exit(3) }
    }
  }

  /// In a process of its own, which may run out of descriptors.
  @Test func aClientWaitsWhileThereIsNoDescriptorForItAndTheLoopDoesNotSpin() async {
    await #expect(processExitsWith: .success) {
      let directory = try TestDirectory()
      try MainLoop.own { [path = directory.socket] in
        let server = try TestServer(FakeMachine(), path)
        let client = try TestClient(path: path)
        // Some for what the loop itself may open.
        var spare = dup(0)
        var last = spare
        while last >= 0 {
          spare = last
          last = dup(0)
        }
        guard MainLoop.turn(waiting: false), !MainLoop.turn(waiting: false), !server.hasClient
        else { exit(2) }
        close(spare)
        while !server.hasClient { MainLoop.turn() }
        guard client.lines(1).count == 1 else { exit(3) }
        server.close()
      }
    }
  }
}
