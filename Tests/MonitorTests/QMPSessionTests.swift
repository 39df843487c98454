import EventLoop
import Machine
import Monitor
import TestSupport
import Testing

/// The expected lines are those of QEMU for the same input, except where a test says otherwise.
@Suite struct QMPSessionTests {
  @Test func theGreetingNamesTheVersionAndNoCapabilities() {
    MainLoop.own {
      let session = QMPSession(
        control: FakeMachine(),
        version: QMPVersion(major: 11, minor: 1, micro: 3, package: "swiftvmm 1"))
      session.open()
      #expect(
        session.takeOutput()
          == #"{"QMP": {"version": {"qemu": {"micro": 3, "minor": 1, "major": 11}, "#
          + #""package": "swiftvmm 1"}, "capabilities": []}}"# + "\r\n")
    }
  }

  @Test(arguments: [
    (#"{"execute":"query-status"}"#, "Expecting capabilities negotiation with 'qmp_capabilities'"),
    (#"{"execute":"nope"}"#, "Expecting capabilities negotiation with 'qmp_capabilities'"),
  ])
  func onlyTheNegotiationIsACommandBeforeIt(_ request: String, _ text: String) {
    MainLoop.own {
      let session = makeSession(FakeMachine(), negotiated: false)
      #expect(session.answers(to: request) == errorLine("CommandNotFound", text))
    }
  }

  @Test(arguments: [
    (#"{"enable":["foo"]}"#, "Parameter 'enable[0]' does not accept value 'foo'"),
    (#"{"enable":"oob"}"#, "Invalid parameter type for 'enable', expected: array"),
    (#"{"enable":[1]}"#, "Invalid parameter type for 'enable[0]', expected: string"),
    (#"{"enable":["oob"]}"#, "Capability oob not available"),
    (#"{"x":1}"#, "Parameter 'x' is unexpected"),
  ])
  func aWrongNegotiationIsRefusedAndMayBeTriedAgain(_ arguments: String, _ text: String) {
    MainLoop.own {
      let session = makeSession(FakeMachine(), negotiated: false)
      let request = #"{"execute":"qmp_capabilities","arguments":\#(arguments)}"#
      #expect(session.answers(to: request) == errorLine("GenericError", text))
      #expect(
        session.answers(to: #"{"execute":"qmp_capabilities","arguments":{"enable":[]}}"#)
          == "{\"return\": {}}\r\n")
      #expect(
        session.answers(to: #"{"execute":"qmp_capabilities"}"#)
          == errorLine(
            "CommandNotFound",
            "Capabilities negotiation is already complete, command ignored"))
    }
  }

  @Test(arguments: [
    (
      #"{"execute":"query-version"}"#,
      #"{"return": {"qemu": {"micro": 3, "minor": 1, "major": 11}, "package": "p"}}"#
    ),
    (
      #"{"execute":"query-status","id":"x"}"#,
      #"{"return": {"status": "prelaunch", "running": false}, "id": "x"}"#
    ),
    (#"{"execute":"query-name"}"#, #"{"return": {"name": "vm"}}"#),
    (#"{"execute":"stop","arguments":{}}"#, #"{"return": {}}"#),
    ("{\"execute\":\"stop\"\n,\r\n\t \"id\":1}", #"{"return": {}, "id": 1}"#),
  ])
  func aCommandIsAnsweredWithItsReturnAndId(_ request: String, _ answer: String) {
    MainLoop.own {
      let machine = FakeMachine()
      machine.name = "vm"
      machine.runState = request.contains("stop") ? .paused : .prelaunch
      #expect(makeSession(machine).answers(to: request) == answer + "\r\n")
    }
  }

  @Test func queryCommandsListsEveryCommandAndEachIsFound() {
    MainLoop.own {
      let session = makeSession(FakeMachine())
      let answer = session.answers(to: #"{"execute":"query-commands"}"#)
      let names = answer.split(separator: "\"").filter { $0.contains("_") || $0.contains("-") }
      #expect(names.count >= 8)
      for name in names {
        let reply = session.answers(to: #"{"execute":"\#(name)","arguments":{"no such":1}}"#)
        #expect(!reply.contains("has not been found"), "\(name)")
      }
      for name in ["stop", "cont", "quit", "system_reset", "query-status", "qmp_capabilities"] {
        #expect(answer.contains("{\"name\": \"\(name)\"}"))
      }
    }
  }

  @Test(arguments: [
    ("1", "1"), ("-9223372036854775808", "-9223372036854775808"),
    ("18446744073709551615", "18446744073709551615"), ("0.1", "0.1"), ("1e5", "1e5"),
    ("-1.5E+300", "-1.5E+300"),
    ("1.\(String(repeating: "0", count: 80))e1", "1.\(String(repeating: "0", count: 80))e1"),
    ("null", "null"), ("true", "true"), ("[]", "[]"), ("{}", "{}"),
    (#"{"b":1,"a":[1,null,"x"]}"#, #"{"b": 1, "a": [1, null, "x"]}"#),
    (#""\u00e9\n\u0001/\"\\\b\f\t\r<""#, #""\u00E9\n\u0001/\"\\\b\f\t\r<""#),
    ("\"\u{1f600}\u{7f}\"", #""\uD83D\uDE00\u007F""#),
    (#""\ud83d\ude00""#, #""\uD83D\uDE00""#),
    (#""a\u0000b""#, #""a\u0000b""#),
  ])
  func theIdComesBackAsItWas(_ id: String, _ echo: String) {
    MainLoop.own {
      let session = makeSession(FakeMachine())
      #expect(
        session.answers(to: #"{"execute":"query-name","id":\#(id)}"#)
          == #"{"return": {}, "id": \#(echo)}"# + "\r\n")
      #expect(
        session.answers(to: #"{"id":\#(id)}"#).hasPrefix(#"{"id": \#(echo), "error": "#))
    }
  }

  @Test(arguments: [
    ("nope-at-all", "The command nope-at-all has not been found"),
    ("", "The command  has not been found"),
    // The guess is our own.
    ("query-statu", "The command query-statu has not been found; did you mean 'query-status'?"),
    ("system-reset", "The command system-reset has not been found; did you mean 'system_reset'?"),
  ])
  func anUnknownCommandIsNamedWithTheNearestOne(_ name: String, _ text: String) {
    MainLoop.own {
      #expect(
        makeSession(FakeMachine()).answers(to: #"{"execute":"\#(name)"}"#)
          == errorLine("CommandNotFound", text))
    }
  }

  @Test(arguments: [
    (#"{"execute":1}"#, "QMP input member 'execute' must be a string"),
    (#"{"execute":"stop","foo":1}"#, "QMP input member 'foo' is unexpected"),
    (#"{"exec-oob":"stop"}"#, "QMP input member 'exec-oob' is unexpected"),
    (#"{"arguments":{}}"#, "QMP input lacks member 'execute'"),
    (#"{}"#, "QMP input lacks member 'execute'"),
    (#"{"execute":"stop","arguments":[]}"#, "QMP input member 'arguments' must be an object"),
    ("[]", "QMP input must be a JSON object"),
    ("\"a\"", "QMP input must be a JSON object"),
    ("1 ", "QMP input must be a JSON object"),
    ("null ", "QMP input must be a JSON object"),
    (#"{"execute":"query-status","arguments":{"x":1}}"#, "Parameter 'x' is unexpected"),
  ])
  func aRequestOfTheWrongShapeIsRefused(_ request: String, _ text: String) {
    expectError(request, text)
  }

  @Test(arguments: [
    ("nul ", "JSON parse error, invalid keyword 'nul'"),
    ("tru\n", "JSON parse error, invalid keyword 'tru'"),
    ("}", "JSON parse error, expecting value"),
    ("]", "JSON parse error, expecting value"),
    (",", "JSON parse error, expecting value"),
    (#"{"execute":}"#, "JSON parse error, expecting value"),
    (#"{"a" 1}"#, "JSON parse error, missing : in object pair"),
    ("{1:2}", "JSON parse error, key is not a string in object"),
    ("[1 2]", "JSON parse error, expected separator in list"),
    (#"{"a":1 "b":2}"#, "JSON parse error, expected separator in dict"),
    (#"{"execute":"\q"}"#, "JSON parse error, invalid escape sequence in string"),
    ("\"abc\n", #"JSON parse error, stray '\"abc\n'"#),
    ("#\n", "JSON parse error, stray '#'"),
    (#"{"execute":"stop","execute":"quit"}"#, "JSON parse error, duplicate key"),
    (#"{"id":{"a":1,"b":":","a":2},"execute":"quit"}"#, "JSON parse error, duplicate key"),
    ("[NaN]", "JSON parse error, invalid number 'NaN'"),
    ("[Infinity]", "JSON parse error, invalid number 'Infinity'"),
    ("[01]", "JSON parse error, invalid number '01'"),
    ("[1.]", "JSON parse error, invalid number '1.'"),
    ("[-]", "JSON parse error, invalid number '-'"),
    ("[1e]", "JSON parse error, invalid number '1e'"),
    ("[truE]", "JSON parse error, invalid number 'truE'"),
    // QEMU makes it a floating-point number.
    ("[18446744073709551616]", "JSON parse error, invalid number '18446744073709551616'"),
    ("[1,]", "JSON parse error, expecting value"),
    (#"{"a":1,}"#, "JSON parse error, expecting value"),
    ("[}", "JSON parse error, expecting value"),
    // QEMU takes single quotes for strings as well.
    ("'\n", "JSON parse error, stray '''"),
  ])
  func malformedJSONIsRefusedAndTheSessionGoesOn(_ request: String, _ text: String) {
    expectError(request, text)
  }

  @Test(arguments: [
    ([0xff], #"stray '\uFFFD'"#), ([0x22, 0xc3, 0x28, 0x22], "invalid UTF-8 sequence in string"),
    ([0x00], #"stray '\u0000'"#),
  ])
  func bytesThatAreNoTextAreRefusedAndTheSessionGoesOn(_ bytes: [UInt8], _ text: String) {
    MainLoop.own {
      let session = makeSession(FakeMachine())
      #expect(
        session.answers(to: bytes) == errorLine("GenericError", "JSON parse error, \(text)"))
      // What a stray byte left is over at the next structural character.
      #expect(session.answers(to: #"{"execute":"query-name"}"#) == "{\"return\": {}}\r\n")
    }
  }

  @Test func requestsNeedNoNewlineBetweenThemAndMayComeByteByByte() {
    MainLoop.own {
      let session = makeSession(FakeMachine())
      let requests = #"{"execute":"query-name","id":1}{"execute":"query-name","id":[{}]} x "#
      let answers =
        "{\"return\": {}, \"id\": 1}\r\n{\"return\": {}, \"id\": [{}]}\r\n"
        + errorLine("GenericError", "JSON parse error, invalid keyword 'x'")
      #expect(session.answers(to: requests) == answers)
      var single = ""
      for byte in requests.utf8 { single += session.answers(to: [byte]) }
      #expect(single == answers)
    }
  }

  @Test func nestingHasALimitAndTheRestOfTheLineIsDropped() {
    MainLoop.own {
      let session = makeSession(FakeMachine())
      let open = String(repeating: "[", count: 1000)
      #expect(
        session.answers(to: #"{"execute":"query-name","id":\#(open)"#)
          == errorLine("GenericError", "JSON nesting depth limit exceeded"))
      #expect(session.answers(to: String(repeating: "]", count: 1000) + "}\n") == "")
      let deepest = String(repeating: "[", count: 63) + String(repeating: "]", count: 63)
      #expect(
        session.answers(to: #"{"execute":"query-name","id":\#(deepest)}"#)
          == "{\"return\": {}, \"id\": \(deepest)}\r\n")
    }
  }

  @Test func aRequestHasALargestSizeAndTheRestOfTheLineIsDropped() {
    MainLoop.own {
      let session = makeSession(FakeMachine())
      let block = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 16)
      var answers = session.answers(to: #"{"execute":""#)
      for _ in 0..<64 { answers += session.answers(to: block) }
      #expect(answers == errorLine("GenericError", "JSON token size limit exceeded"))
      #expect(session.answers(to: "\"}\n") == "")
      #expect(session.answers(to: #"{"execute":"query-name"}"#) == "{\"return\": {}}\r\n")
    }
  }

  @Test func whatIsNotReadIsNotAskedForAnyFurther() {
    MainLoop.own {
      let session = makeSession(FakeMachine())
      let requests = Array(
        String(repeating: #"{"execute":"query-commands"}"#, count: 2000).utf8)
      var rest = requests[...]
      let taken = session.receive(rest)
      #expect(taken < requests.count)
      #expect(session.output.isFull)
      #expect(session.output.pending.count < OutputQueue.fullCount + 4096)
      #expect(session.receive(rest.dropFirst(taken)) == 0)
      rest = rest.dropFirst(taken)
      let answers = session.takeOutput() + session.answers(to: Array(rest))
      #expect(answers.split(separator: "\r\n").count == 2000)
    }
  }

  @Test(arguments: 0..<24)
  func randomBytesNeverStopTheSession(_ seed: Int) {
    MainLoop.own {
      var generator = SeededGenerator(seed: UInt64(seed))
      let machine = FakeMachine()
      let session = makeSession(machine)
      let pieces = [
        "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u", "d800", "e", "1", "-", ".", "null", "true",
        "\"execute\"", "\"arguments\"", "\"id\"", "\"cont\"", "\"stop\"", "\"name\"", "\n", " ",
        "\"trace-event-get-state\"", "\"*\"", "NaN", "Infinity", "/*", "'", "\u{e9}", "\0",
      ].map { Array($0.utf8) }
      for _ in 0..<200 {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 0..<40, using: &generator) {
          if Bool.random(using: &generator) {
            bytes += pieces.randomElement(using: &generator) ?? []
          } else {
            bytes.append(UInt8.random(in: .min ... .max, using: &generator))
          }
        }
        for line in session.answers(to: bytes).split(separator: "\r\n") {
          #expect(line.hasPrefix("{\"") && line.hasSuffix("}"))
        }
      }
      // Three lines end whatever string, limit or stray byte the noise began.
      _ = session.answers(to: "\n\n\n")
      _ = session.answers(to: String(repeating: "]", count: 70) + "\n\n")
      #expect(
        session.answers(to: "}}}}\n\n\n{\"execute\":\"query-name\",\"id\":7}\n")
          .hasSuffix("{\"return\": {}, \"id\": 7}\r\n"))
    }
  }
}

@VMMain func makeSession(_ machine: FakeMachine, negotiated: Bool = true) -> QMPSession {
  let session = QMPSession(
    control: machine, version: QMPVersion(major: 11, minor: 1, micro: 3, package: "p"),
    now: { WallClockTime(seconds: 1, microseconds: 2) })
  if negotiated { _ = session.answers(to: #"{"execute":"qmp_capabilities"}"#) }
  return session
}

func errorLine(_ className: String, _ text: String) -> String {
  "{\"error\": {\"class\": \"\(className)\", \"desc\": \"\(text)\"}}\r\n"
}

/// A request is refused with a generic error, and the next one is answered.
func expectError(_ request: String, _ text: String) {
  MainLoop.own {
    let session = makeSession(FakeMachine())
    #expect(session.answers(to: request) == errorLine("GenericError", text))
    #expect(session.answers(to: #"{"execute":"query-name"}"#) == "{\"return\": {}}\r\n")
  }
}
