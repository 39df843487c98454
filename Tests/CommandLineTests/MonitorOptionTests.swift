import CommandLine
import Testing

/// The outcomes are QEMU's for the same command line, except where a test says otherwise.
@Suite struct MonitorOptionTests {
  /// Who is where, in words: the monitors' modes and targets, then the serial ports' targets.
  private func streams(_ arguments: String) throws -> [String] {
    let words = arguments.split(separator: " ").map(String.init)
    guard case .run(let configuration) = try parse(words) else { throw UnexpectedRequest() }
    return configuration.monitors.map { "\($0.mode.rawValue) \(Self.text($0.target))" }
      + configuration.serialPorts.map { "serial \(Self.text($0.target))" }
  }

  private static func text(_ target: CharacterTarget) -> String {
    switch target {
    case .none: return "none"
    case .device(let id): return id
    case .backend(let backend):
      let mux = backend.isShared ? "mon:" : ""
      switch backend.kind {
      case .standardIO(let allowsSignals): return mux + (allowsSignals ? "stdio" : "raw")
      case .null: return mux + "null"
      case .file(let path, _): return mux + path
      case .socket(.unix(let path), _, _): return mux + path
      case .socket, .pseudoterminal: return mux + "other"
      }
    }
  }

  @Test(arguments: [
    ("", []),
    ("-monitor none", []),
    ("-monitor stdio", ["readline stdio"]),
    ("-monitor unix:/m,server=on,wait=off -qmp unix:/q", ["readline /m", "control /q"]),
    ("-chardev null,id=c -monitor chardev:c", ["readline c"]),
    ("-monitor chardev:c -chardev null,id=c", ["readline c"]),
    ("-chardev null,id=c -mon c", ["readline c"]),
    ("-chardev null,id=c -mon chardev=c,mode=control", ["control c"]),
    ("-chardev null,id=c -mon chardev=c,mode=readline,id=m", ["readline c"]),
    (
      "-chardev null,id=c,mux=on -mon c -mon c -serial chardev:c",
      ["readline c", "readline c", "serial c"]
    ),
    ("-nographic", ["readline serial0", "serial mon:raw"]),
    ("-nographic -monitor none", ["serial stdio"]),
    ("-nographic -qmp unix:/q", ["control /q", "serial stdio"]),
    ("-nographic -serial none", ["readline stdio", "serial none"]),
    ("-nographic -serial none -monitor none", ["serial none"]),
    ("-nographic -nodefaults", []),
    ("-serial mon:stdio", ["readline serial0", "serial mon:raw"]),
    (
      "-serial null -serial mon:stdio -monitor none",
      ["readline serial1", "serial null", "serial mon:raw"]
    ),
    (
      "-serial mon:stdio -mon serial0,mode=control",
      ["readline serial0", "control serial0", "serial mon:raw"]
    ),
    // QEMU refuses: two devices want the terminal.
    ("-nographic -qmp stdio", ["control stdio"]),
  ])
  func `Monitors and serial ports are where QEMU puts them`(
    arguments: String, expected: [String]
  ) throws {
    #expect(try streams(arguments) == expected)
  }

  @Test(arguments: [("1", 1), ("0x14", 0x14), ("024", 0x14), ("255", 255), ("0", 0)])
  func `The escape key is a number in C's forms`(text: String, key: UInt8) throws {
    #expect(try configuration("-echr", text).escapeKey == key)
    #expect(try configuration().escapeKey == 1)
  }

  @Test(arguments: [
    Complaint(
      "-monitor", "foo",
      is: """
        -monitor foo: 'foo' is not a valid char driver; choose from 'none', 'null', 'stdio', 'pty', \
        'file:PATH', 'unix:PATH,server=on,wait=off', 'tcp:HOST:PORT,server=on,wait=off', \
        'chardev:ID', or one of them after 'mon:'
        """),
    Complaint(
      "-chardev", "null,id=console", "-monitor", "chardev:consol",
      is: """
        -monitor chardev:consol: chardev "consol" not found; did you mean 'console'?
        """),
    Complaint(
      "-mon", "chardev=x",
      is: """
        -mon chardev=x: chardev "x" not found; add -chardev DRIVER,id=x
        """),
    Complaint(
      "-mon", "serial0",
      is: """
        -mon serial0: chardev "serial0" not found; add -chardev DRIVER,id=serial0
        """),
    Complaint(
      "-mon", "mode=readline",
      is: """
        -mon mode=readline: Parameter 'chardev' is missing; write -mon chardev=ID
        """),
    Complaint(
      "-mon", "x,mode=contrl",
      is: """
        -mon x,mode=contrl: Parameter 'mode' does not accept value 'contrl'; did you mean \
        'control'?
        """),
    Complaint(
      "-mon", "x,foo=1",
      is: """
        -mon x,foo=1: Invalid parameter 'foo'; choose from 'chardev', 'id', 'mode'
        """),
    Complaint(
      "-mon", "x,pretty=on",
      is: """
        -mon x,pretty=on: Parameter 'pretty' is not supported by this version; choose from \
        'chardev', 'id', 'mode'
        """),
    Complaint(
      "-chardev", "null,id=x,mux=on", "-mon", "x,id=m", "-mon", "x,id=m",
      is: """
        -mon x,id=m: Duplicate ID 'm' for mon; give each mon its own id
        """),
    Complaint(
      "-chardev", "null,id=x", "-monitor", "chardev:x", "-monitor", "chardev:x",
      is: """
        -monitor chardev:x: Duplicate ID 'x' for mon; give each mon its own id
        """),
    Complaint(
      "-monitor", "stdio", "-serial", "stdio",
      is: """
        -serial stdio: cannot use stdio by multiple character devices; give one of them a unix: \
        socket
        """),
    Complaint(
      "-echr", "foo",
      is: """
        -echr foo: Bad argument to echr; write the number of a character, such as 0x14 for Ctrl-t
        """),
    Complaint(
      "-echr", "256",
      is: """
        -echr 256: Bad argument to echr; write the number of a character, such as 0x14 for Ctrl-t
        """),
    Complaint(
      "-qmp", "none",
      is: """
        -qmp none: 'none' is not a valid char driver; choose from 'none', 'null', 'stdio', 'pty', \
        'file:PATH', 'unix:PATH,server=on,wait=off', 'tcp:HOST:PORT,server=on,wait=off', \
        'chardev:ID', or one of them after 'mon:'
        """),
  ])
  func `A monitor that cannot be had is named with what would do`(_ expected: Complaint) {
    #expect(expected.isWhatTheUserSees)
  }
}
