import Board
import Glibc
import HostKernel
import SystemPackage
import Testing

@Suite struct CharacterBackendsTests {
  private final class Log {
    var lines: [String] = []
    var quits = 0
  }

  private let events = ManualEventSources()
  private let log = Log()
  private let backends: CharacterBackends
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    backends = CharacterBackends(
      events: events, on: LinuxKernel(),
      commands: MuxCommands(quit: { [log] in log.quits += 1 }),
      announce: { [log] in log.lines.append($0) })
  }

  private func open(
    _ kind: CharacterBackendKind, isShared: Bool = false
  ) throws -> any CharacterBackend {
    try backends.open(kind, label: "serial0", isShared: isShared)
    return try #require(backends.take("serial0"))
  }

  private func put(_ text: String, _ backend: any CharacterBackend) -> Bool {
    text.utf8.allSatisfy { backend.write($0) }
  }

  /// A server for one client at a time on a socket in the test's folder, and who gets what it sends.
  private func serveReceiver() throws -> (
    path: String, receiver: RecordingReceiver, backend: any CharacterBackend
  ) {
    let path = folder.file("s")
    let receiver = RecordingReceiver()
    let backend = try open(.socket(.unix(path: path), .server(waits: false), isPrompt: false))
    backend.attach(receiver)
    return (path, receiver, backend)
  }

  private func connect(to path: String) throws -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    let status = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(status == 0)
    return descriptor
  }

  // MARK: - Files

  @Test func aFileGetsTheOutputOnTheNextTurn() throws {
    let path = folder.file("a")
    let backend = try open(.file(path: path, appends: false))
    #expect(put("hello", backend))
    #expect(TemporaryFolder.contents(path) == "")
    events.turn()
    #expect(TemporaryFolder.contents(path) == "hello")
    #expect(put(" world", backend))
    backends.close()
    #expect(TemporaryFolder.contents(path) == "hello world")
    #expect(events.watchCount == 0)
  }

  @Test(arguments: [(true, "onetwo"), (false, "two")])
  func aFileIsEmptiedUnlessItAppends(appends: Bool, contents: String) throws {
    let path = folder.file("a")
    #expect(put("one", try open(.file(path: path, appends: false))))
    backends.close()
    #expect(put("two", try open(.file(path: path, appends: appends))))
    backends.close()
    #expect(TemporaryFolder.contents(path) == contents)
  }

  @Test func aFileThatCannotBeOpenedIsNamed() throws {
    let error = #expect(throws: CharacterBackendError.self) {
      try open(.file(path: "/nonexistent/x", appends: false))
    }
    #expect(error?.message == "Could not open '/nonexistent/x': No such file or directory")
  }

  @Test func outputThatADiskDoesNotTakeIsLostAndTheGuestGoesOn() throws {
    let backend = try open(.file(path: "/dev/full", appends: true))
    for _ in 0..<3 {
      #expect(put(String(repeating: "x", count: 60_000), backend))
      events.turn()
    }
  }

  // MARK: - UNIX sockets

  @Test func aClientGetsOutputAndGivesInput() throws {
    let (path, receiver, backend) = try serveReceiver()
    #expect(backend.filename == "disconnected:unix:\(path),server=on")
    // Nobody hears this.
    #expect(put("lost", backend))
    events.turn()
    for round in 0..<3 {
      let client = try connect(to: path)
      events.turn()
      #expect(backend.filename == "unix:\(path),server=on")
      #expect(put("out\(round)", backend))
      events.turn()
      #expect(Descriptors.read(client, atMost: 100) == "out\(round)")
      Descriptors.write(client, "in\(round)")
      events.turn()
      #expect(receiver.text == "in\(round)")
      receiver.input = []
      close(client)
      events.turn()
      #expect(backend.filename == "disconnected:unix:\(path),server=on")
    }
    backends.close()
    #expect(events.watchCount == 0)
    #expect(unsafe access(path, F_OK) != 0)
  }

  @Test func aClientThatDoesNotReadHoldsTheOutputBackAndLosesNothing() throws {
    let (path, receiver, backend) = try serveReceiver()
    let client = try connect(to: path)
    defer { close(client) }
    events.turn()
    var sent: [UInt8] = []
    var refusals = 0
    for index in 0..<2_000_000 {
      let byte = UInt8(truncatingIfNeeded: index &* 7)
      if backend.write(byte) {
        sent.append(byte)
      } else {
        refusals += 1
        events.turn()
        if !backend.write(byte) { break }
        sent.append(byte)
      }
    }
    #expect(refusals > 0)
    #expect(sent.count < 2_000_000)
    let calls = receiver.roomCalls
    var arrived: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while arrived.count < sent.count {
      let count = unsafe recv(client, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      if count > 0 { arrived += buffer.prefix(count) }
      if count <= 0, events.turn() == 0 { break }
    }
    #expect(arrived == sent)
    #expect(receiver.roomCalls == calls + 1)
  }

  @Test func inputWaitsWhileTheReceiverHasNoRoom() throws {
    let (path, receiver, backend) = try serveReceiver()
    receiver.inputRoom = 3
    let client = try connect(to: path)
    defer { close(client) }
    events.turn()
    Descriptors.write(client, "abcdef")
    for _ in 0..<3 { events.turn() }
    #expect(receiver.text == "abc")
    #expect(events.turn() == 0)
    receiver.inputRoom = 2
    backend.resumeInput()
    for _ in 0..<3 { events.turn() }
    #expect(receiver.text == "abcde")
  }

  @Test func aClientThatGoesWhileNothingIsReadMakesWayForTheNext() throws {
    let (path, receiver, backend) = try serveReceiver()
    receiver.inputRoom = 3
    let first = try connect(to: path)
    events.turn()
    Descriptors.write(first, "abcdef")
    for _ in 0..<3 { events.turn() }
    let second = try connect(to: path)
    defer { close(second) }
    #expect(events.turn() == 0)
    close(first)
    for _ in 0..<3 { events.turn() }
    try #require(receiver.notices == ["opened", "closed", "opened"])
    #expect(put("hello", backend))
    events.turn()
    #expect(Descriptors.read(second, atMost: 100) == "hello")
    Descriptors.write(second, "xyz")
    #expect(events.turn() == 0)
    receiver.inputRoom = 10
    backend.resumeInput()
    events.turn()
    #expect(receiver.text == "abcxyz")
  }

  @Test func whatAClientSentBeforeItWentIsReadWhileThereIsRoom() throws {
    let (path, receiver, backend) = try serveReceiver()
    defer { withExtendedLifetime(backend) {} }
    let client = try connect(to: path)
    events.turn()
    let text = String(repeating: "0123456789", count: 2000)
    Descriptors.write(client, text)
    close(client)
    for _ in 0..<20 { events.turn() }
    #expect(receiver.text == text)
    #expect(receiver.notices == ["opened", "closed"])
  }

  @Test func aClientThatGoesFreesWhatWasHeldForIt() throws {
    let (path, receiver, backend) = try serveReceiver()
    let client = try connect(to: path)
    events.turn()
    while backend.write(1) {
      if Bool.random() { events.turn() }
    }
    close(client)
    for _ in 0..<3 { events.turn() }
    #expect(receiver.roomCalls == 1)
    #expect(backend.write(1))
  }

  @Test(
    arguments: [
      (
        .unix(path: "/nonexistent/s"), .server(waits: false),
        "Failed to bind socket to /nonexistent/s: No such file or directory"
      ),
      (
        .unix(path: "/nonexistent/s"), .client,
        "Failed to connect to '/nonexistent/s': No such file or directory"
      ),
      (
        .unix(path: String(repeating: "x", count: 108)), .client,
        "UNIX socket path '\(String(repeating: "x", count: 108))' is too long\n"
          + "Path must be less than 108 bytes"
      ),
      (
        .tcp(host: "127.0.0.1", port: "1"), .client,
        "Failed to connect to '127.0.0.1:1': Connection refused"
      ),
      (
        .tcp(host: "256.0.0.1", port: "80"), .server(waits: false),
        "address resolution failed for 256.0.0.1:80: Name or service not known"
      ),
    ] as [(SocketEndpoint, SocketMode, String)])
  func aSocketThatCannotBeHadIsNamedAsInQEMU(
    endpoint: SocketEndpoint, mode: SocketMode, message: String
  ) throws {
    let error = #expect(throws: CharacterBackendError.self) {
      try open(.socket(endpoint, mode, isPrompt: false))
    }
    #expect(error?.message == message)
    #expect(events.watchCount == 0)
  }

  @Test func aClientOfAnotherServerTalksToIt() throws {
    let path = folder.file("s")
    let server = RecordingReceiver()
    let client = RecordingReceiver()
    try backends.open(
      .socket(.unix(path: path), .server(waits: false), isPrompt: false), label: "server")
    try backends.open(.socket(.unix(path: path), .client, isPrompt: false), label: "client")
    let ends = [try #require(backends.take("server")), try #require(backends.take("client"))]
    ends[0].attach(server)
    ends[1].attach(client)
    events.turn()
    #expect(put("ping", ends[1]) && put("pong", ends[0]))
    for _ in 0..<3 { events.turn() }
    #expect(server.text == "ping")
    #expect(client.text == "pong")
    #expect(ends[1].filename == "unix:\(path)")
  }

  @Test func anythingAnEarlierProgramLeftIsReplacedButOnlyASocket() throws {
    let path = folder.file("s")
    let descriptor = unsafe Glibc.open(path, O_CREAT | O_WRONLY, 0o600)
    close(descriptor)
    #expect(throws: CharacterBackendError.listen(.bind(path: path, .addressInUse))) {
      try open(.socket(.unix(path: path), .server(waits: false), isPrompt: false))
    }
    #expect(unsafe access(path, F_OK) == 0)
  }

  // MARK: - TCP

  @Test func aPortServesOneClientAfterTheOther() throws {
    // The kernel's choice, found out by another socket that is closed again.
    let port = try freePort()
    let receiver = RecordingReceiver()
    let backend = try open(
      .socket(.tcp(host: "127.0.0.1", port: port), .server(waits: false), isPrompt: true))
    backend.attach(receiver)
    #expect(backend.filename == "disconnected:tcp:127.0.0.1:\(port),server=on")
    try backends.open(
      .socket(.tcp(host: "127.0.0.1", port: port), .client, isPrompt: true), label: "client")
    let client = try #require(backends.take("client"))
    for _ in 0..<100 where !put("x", client) || receiver.input.isEmpty { events.turn() }
    #expect(receiver.input.first == UInt8(ascii: "x"))
    let error = #expect(throws: CharacterBackendError.self) {
      try backends.open(
        .socket(.tcp(host: "127.0.0.1", port: port), .server(waits: false), isPrompt: true),
        label: "second")
    }
    #expect(error?.message == "Failed to find an available port: Address already in use")
  }

  private func freePort() throws -> String {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, length) + getsockname(descriptor, $0, &length)
      }
    }
    try #require(status == 0)
    return String(UInt16(bigEndian: address.sin_port))
  }

  // MARK: - Pseudoterminals

  @Test func aTerminalIsAnnouncedAndCarriesBytesUnchanged() throws {
    let receiver = RecordingReceiver()
    let backend = try open(.pseudoterminal)
    backend.attach(receiver)
    let line = try #require(log.lines.first)
    let words = line.split(separator: " ")
    #expect(line.hasPrefix("char device redirected to /dev/pts/"))
    #expect(line.hasSuffix(" (label serial0)"))
    let path = String(words[4])
    #expect(backend.filename == "pty:\(path)")
    #expect(put("lost", backend))
    for _ in 0..<2 {
      let user = unsafe Glibc.open(path, O_RDWR | O_NOCTTY)
      try #require(user >= 0)
      events.advance(milliseconds: 1000)
      #expect(put("a\r\nb\u{3}", backend))
      events.turn()
      #expect(Descriptors.read(user, atMost: 100) == "a\r\nb\u{3}")
      Descriptors.write(user, "q\r\u{3}\u{4}")
      for _ in 0..<3 { events.turn() }
      #expect(receiver.text == "q\r\u{3}\u{4}")
      receiver.input = []
      close(user)
      events.turn()
      #expect(events.turn() == 0)
      #expect(put("lost", backend))
    }
    backends.close()
    #expect(events.watchCount == 0)
    #expect(events.timerCount == 0)
  }

  // MARK: - Labels

  @Test func eachDeviceTakesItsBackendOnce() throws {
    try backends.open(.null, label: "a")
    #expect(
      backends.info == [
        CharacterDeviceInfo(label: "a", filename: "null", isFrontEndOpen: false)
      ])
    #expect(backends.take("b") == nil)
    #expect(backends.take("a") != nil)
    #expect(backends.take("a") == nil)
    #expect(backends.info.first?.isFrontEndOpen == true)
    #expect(throws: CharacterBackendError.duplicateLabel("a")) {
      try backends.open(.null, label: "a")
    }
  }

  @Test func aSharedOneHasABaseAndAsManyUsersAsCome() throws {
    try backends.open(.file(path: folder.file("a"), appends: false), label: "m", isShared: true)
    let users = try (0..<3).map { _ in try #require(backends.take("m")) }
    #expect(users.allSatisfy { put("x", $0) })
    backends.close()
    #expect(TemporaryFolder.contents(folder.file("a")) == "xxx")
  }

  @Test func theInformationNamesBothPartsOfAMultiplexer() throws {
    try backends.open(.null, label: "m", isShared: true)
    #expect(
      backends.info.map { "\($0.label) \($0.filename)" } == ["m mux", "m-base null"])
  }

  @Test(arguments: 0..<4)
  func aHostWithoutEventDescriptorsIsAnError(kind: Int) throws {
    let poor = CharacterBackends(
      events: events, on: PoorKernel(), commands: MuxCommands(quit: {}), announce: { _ in })
    let kinds: [CharacterBackendKind] = [
      .file(path: folder.file("a"), appends: false), .pseudoterminal,
      .socket(.unix(path: folder.file("s")), .server(waits: false), isPrompt: false),
      .standardIO(allowsSignals: true),
    ]
    #expect(throws: CharacterBackendError.eventDescriptor(.tooManyOpenFiles)) {
      try poor.open(kinds[kind], label: "a")
    }
    #expect(poor.info.isEmpty)
    #expect(events.watchCount == 0)
    #expect(unsafe access(folder.file("s"), F_OK) != 0)
  }
}

/// A host that has no descriptors left.
private final class PoorKernel: HostKernel {
  func open(_ path: String, _ access: FileAccess) throws(Errno) -> Int32 { throw .tooManyOpenFiles }
  func close(_ descriptor: Int32) {}
  func control(
    _ descriptor: Int32, _ request: UInt, _ argument: inout MutableRawSpan
  ) throws(Errno) -> Int32 { throw .inappropriateIOCTLForDevice }
  func control(_ descriptor: Int32, _ request: UInt, value: UInt) throws(Errno) -> Int32 {
    throw .inappropriateIOCTLForDevice
  }
  func read(
    _ descriptor: Int32, into buffer: inout MutableRawSpan, at offset: UInt64
  ) throws(Errno) -> Int { throw .badFileDescriptor }
  func write(
    _ descriptor: Int32, from buffer: RawSpan, at offset: UInt64
  ) throws(Errno) -> Int { throw .badFileDescriptor }
  func read(_ descriptor: Int32, into buffer: inout MutableRawSpan) throws(Errno) -> Int {
    throw .badFileDescriptor
  }
  func write(_ descriptor: Int32, from buffer: RawSpan) throws(Errno) -> Int {
    throw .badFileDescriptor
  }
  func map(_ request: MappingRequest) throws(Errno) -> UInt { throw .noMemory }
  func unmap(address: UInt, length: Int) {}
  func makeEventDescriptor() throws(Errno) -> Int32 { throw .tooManyOpenFiles }
  func status(of path: String) throws(Errno) -> FileStatus { throw .noSuchFileOrDirectory }
  func entries(of directory: String) throws(Errno) -> [String] { throw .noSuchFileOrDirectory }
  func link(at path: String) throws(Errno) -> String { throw .noSuchFileOrDirectory }
  func contents(of path: String) throws(Errno) -> [UInt8] { throw .noSuchFileOrDirectory }
}
