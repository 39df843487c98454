import CommandLine
import TestSupport
import Testing

@Suite struct CharacterBackendTextTests {
  private typealias Backend = CharacterBackendConfiguration

  private func target(_ text: String) throws(CommandLineError) -> CharacterTarget {
    var warnings: [CommandLineWarning] = []
    return try CharacterBackendText.target(text, option: "-serial \(text)", warnings: &warnings)
  }

  private func definition(_ text: String) throws(CommandLineError) -> CharacterDeviceDefinition {
    var warnings: [CommandLineWarning] = []
    return try CharacterBackendText.definition(
      text, option: "-chardev \(text)", warnings: &warnings)
  }

  @Test(
    arguments: [
      ("null", .null), ("pty", .pseudoterminal), ("stdio", .standardIO(allowsSignals: true)),
      ("file:/tmp/a,b", .file(path: "/tmp/a,b", appends: false)),
      (
        "unix:/tmp/s,server=on,wait=off",
        .socket(.unix(path: "/tmp/s"), .server(waits: false), isPrompt: false)
      ),
      ("unix:/tmp/s,server", .socket(.unix(path: "/tmp/s"), .server(waits: true), isPrompt: false)),
      ("unix:/tmp/s", .socket(.unix(path: "/tmp/s"), .client, isPrompt: false)),
      (
        "unix:path=/tmp/s,server=on,nowait",
        .socket(.unix(path: "/tmp/s"), .server(waits: false), isPrompt: false)
      ),
      (
        "tcp:localhost:4444,server=on,wait=off,nodelay=on",
        .socket(.tcp(host: "localhost", port: "4444"), .server(waits: false), isPrompt: true)
      ),
      ("tcp::4444", .socket(.tcp(host: "", port: "4444"), .client, isPrompt: false)),
    ] as [(String, CharacterBackendConfiguration.Kind)])
  func aShortFormIsRead(text: String, kind: CharacterBackendConfiguration.Kind) throws {
    #expect(try target(text) == .backend(Backend(kind)))
    let shared: CharacterBackendConfiguration.Kind =
      text == "stdio" ? .standardIO(allowsSignals: false) : kind
    #expect(try target("mon:\(text)") == .backend(Backend(shared, isShared: true)))
  }

  @Test func noneAndNamesOfCharacterDevicesAreTargets() throws {
    #expect(try target("none") == CharacterTarget.none)
    #expect(try target("chardev:c0") == .device(id: "c0"))
    #expect(try target("mon:stdio") == .backend(.monitorOnStandardIO))
  }

  @Test(
    arguments: [
      ("null,id=a", .null, false), ("null,id=a,mux=on", .null, true),
      ("stdio,id=a", .standardIO(allowsSignals: true), false),
      ("stdio,id=a,mux=on,signal=off", .standardIO(allowsSignals: false), true),
      ("pty,id=a", .pseudoterminal, false),
      ("file,id=a,path=/tmp/x", .file(path: "/tmp/x", appends: false), false),
      ("file,id=a,path=/tmp/x,append=on", .file(path: "/tmp/x", appends: true), false),
      (
        "socket,id=a,path=/tmp/s,server=on,wait=off",
        .socket(.unix(path: "/tmp/s"), .server(waits: false), isPrompt: false), false
      ),
      (
        "backend=socket,id=a,host=::1,port=80",
        .socket(.tcp(host: "::1", port: "80"), .client, isPrompt: false), false
      ),
    ] as [(String, CharacterBackendConfiguration.Kind, Bool)])
  func aDefinitionIsRead(
    text: String, kind: CharacterBackendConfiguration.Kind, isShared: Bool
  ) throws {
    let definition = try definition(text)
    #expect(definition.id == "a")
    #expect(definition.backend == Backend(kind, isShared: isShared))
    #expect(definition.optionText == "-chardev \(text)")
  }

  @Test(
    arguments: [
      ("bogus", "'bogus' is not a valid char driver;"), ("", "'' is not a valid char driver;"),
      ("none,x=y", "'none,x=y' is not a valid char driver;"),
      ("mon:none", "'none' is not a valid char driver;"),
      ("mon:mon:null", "'mon:null' is not a valid char driver;"),
      ("stdio,signal=off", "'stdio,signal=off' is not a valid char driver;"),
      ("udp::4", "'udp::4' is not supported by this version;"),
      (
        "tcp:127.0.0.1",
        "could not connect serial device to character backend 'tcp:127.0.0.1'; "
          + "write tcp:HOST:PORT"
      ),
      ("tcp:h:99999", "port '99999' is not a number below 65536"),
      ("tcp:h:x,server=on", "port 'x' is not a number below 65536"),
      ("unix:", "chardev: socket: no address given;"),
      ("unix:/tmp/a,foo=on", "Invalid parameter 'foo'"),
      (
        "unix:/tmp/a,wait=off",
        "'wait' option is incompatible with socket in client connect mode;"
      ),
      ("unix:/tmp/a,host=h", "None or one of 'path', 'fd' or 'host' option required."),
      ("unix:/tmp/a,telnet=on", "Parameter 'telnet' is not supported by this version"),
    ])
  func aShortFormThatCannotBeUsedIsRefusedInQEMUsWords(text: String, message: String) {
    let error = #expect(throws: CommandLineError.self) { try target(text) }
    let line = error?.message(program: "q") ?? ""
    #expect(line.hasPrefix("q: -serial \(text): \(message)"), "\(line)")
  }

  @Test(
    arguments: [
      ("bogus,id=a", "'bogus' is not a valid char driver name;"),
      ("ringbuf,id=a", "'ringbuf' is not supported by this version;"),
      ("null", "chardev: no id specified;"), ("file,id=a", "chardev: file: no filename given;"),
      ("socket,id=a", "chardev: socket: no address given;"),
      ("socket,id=a,host=h", "chardev: socket: no port given;"),
      ("socket,id=a,path=/x,host=h", "None or one of 'path', 'fd' or 'host' option required."),
      ("socket,id=a,path=/x,foo=1", "Invalid parameter 'foo'"),
      ("null,id=1", "Parameter 'id' expects an identifier"),
      ("stdio,id=a,signal=q", "Parameter 'signal' expects 'on' or 'off'"),
      (
        "socket,id=a,path=/tmp/x.s,wait=off",
        "'wait' option is incompatible with socket in client connect mode;"
      ),
    ])
  func aDefinitionThatCannotBeUsedIsRefusedInQEMUsWords(text: String, message: String) {
    let error = #expect(throws: CommandLineError.self) { try definition(text) }
    let line = error?.message(program: "q") ?? ""
    #expect(line.hasPrefix("q: -chardev \(text): \(message)"), "\(line)")
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func noTextTraps(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let pieces = [
      "mon:", "tcp:", "unix:", "file:", "stdio", "null", ":", ",", "=", "server", "wait", "id", "h",
      "1", "path", "host", "é", "", "\u{0}", "no",
    ]
    for _ in 0..<3000 {
      let count = Int.random(in: 0..<8, using: &generator)
      let text = (0..<count).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
      for outcome in [
        Result { try target(text) }.map { _ in () },
        Result { try definition(text) }.map { _ in () },
      ] {
        if case .failure(let error as CommandLineError) = outcome {
          #expect(!error.text(program: "q").isEmpty)
        }
      }
    }
  }
}
