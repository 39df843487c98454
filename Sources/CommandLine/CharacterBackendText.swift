/// Reads the texts by which command lines name character devices.
package enum CharacterBackendText {
  /// Reads the short form that `-serial`, `-monitor` and others take, such as `mon:stdio`.
  package static func target(
    _ text: String, option: String, warnings: inout [CommandLineWarning]
  ) throws(CommandLineError) -> CharacterTarget {
    if text == "none" { return .none }
    if let id = rest(of: text, after: "chardev:") { return .device(id: id) }
    if let shared = rest(of: text, after: "mon:") {
      var backend = try shortForm(shared, option: option, warnings: &warnings)
      backend.isShared = true
      // The keys belong to the guest where the escape key can end the program.
      if case .standardIO = backend.kind { backend.kind = .standardIO(allowsSignals: false) }
      return .backend(backend)
    }
    return .backend(try shortForm(text, option: option, warnings: &warnings))
  }

  /// Reads the value of `-chardev`, such as `socket,id=console,path=/tmp/s,server=on,wait=off`.
  package static func definition(
    _ text: String, option: String, warnings: inout [CommandLineWarning]
  ) throws(CommandLineError) -> CharacterDeviceDefinition {
    let list = CharacterDeviceProperties.table.list(text)
    let driver = list.last("backend") ?? ""
    guard drivers.contains(driver) else {
      throw refusal(
        option,
        unsupportedDrivers.contains(driver)
          ? .unsupportedDriver(driver)
          : .unknownDriver(driver))
    }
    let properties = try CharacterDeviceProperties.read(list, option: option, warnings: &warnings)
    guard let id = properties.id else { throw refusal(option, .noID) }
    let kind: CharacterBackendConfiguration.Kind
    switch driver {
    case "null": kind = .null
    case "stdio": kind = .standardIO(allowsSignals: properties.allowsSignals)
    case "pty": kind = .pseudoterminal
    case "file":
      guard let path = properties.path else { throw refusal(option, .noFileName) }
      kind = .file(path: path, appends: properties.appends)
    default: kind = try socket(properties, list, option: option)
    }
    return CharacterDeviceDefinition(
      optionText: option, id: id,
      backend: CharacterBackendConfiguration(kind, isShared: properties.isShared))
  }

  private static let drivers = ["null", "stdio", "file", "socket", "pty"]

  private static let unsupportedDrivers = Set(
    """
    braille dbus hub memory msmouse mux parallel pipe qemu-vdagent ringbuf serial spiceport \
    spicevmc testdev udp vc wctablet
    """.split(separator: " ").map(String.init))

  /// Beginnings of QEMU's short forms that are not supported.
  private static let unsupportedShortForms = [
    "vc", "pipe:", "udp:", "telnet:", "tn3270:", "websocket:", "con:", "COM", "/dev/", "braille",
    "msmouse", "wctablet", "testdev",
  ]

  private static func shortForm(
    _ text: String, option: String, warnings: inout [CommandLineWarning]
  ) throws(CommandLineError) -> CharacterBackendConfiguration {
    switch text {
    case "null": return CharacterBackendConfiguration(.null)
    case "pty": return CharacterBackendConfiguration(.pseudoterminal)
    case "stdio": return CharacterBackendConfiguration(.standardIO(allowsSignals: true))
    default: break
    }
    if let path = rest(of: text, after: "file:") {
      return CharacterBackendConfiguration(.file(path: path, appends: false))
    }
    if let rest = rest(of: text, after: "unix:") {
      let list = KeyValueList(rest, impliedKey: "path")
      return try shortSocket(list, option: option, warnings: &warnings) { _ in }
    }
    if let rest = rest(of: text, after: "tcp:") {
      // Host and port end at the first colon and the first comma; there is no doubling of commas.
      let (address, options) = split(rest, at: ",")
      let (host, port) = split(address, at: ":")
      guard let port, !port.isEmpty else { throw refusal(option, .malformedAddress(text)) }
      let list = KeyValueList(options ?? "", impliedKey: nil)
      return try shortSocket(list, option: option, warnings: &warnings) {
        $0.host = host
        $0.port = port
      }
    }
    let isKnown = unsupportedShortForms.contains { text.hasPrefix($0) }
    throw refusal(option, isKnown ? .unsupportedDriver(text) : .unknownShortForm(text))
  }

  private static func shortSocket(
    _ list: KeyValueList, option: String, warnings: inout [CommandLineWarning],
    _ adjust: (inout CharacterDeviceProperties) -> Void
  ) throws(CommandLineError) -> CharacterBackendConfiguration {
    var properties = try CharacterDeviceProperties.read(list, option: option, warnings: &warnings)
    adjust(&properties)
    return CharacterBackendConfiguration(try socket(properties, list, option: option))
  }

  private static func socket(
    _ properties: CharacterDeviceProperties, _ list: KeyValueList, option: String
  ) throws(CommandLineError) -> CharacterBackendConfiguration.Kind {
    let endpoint: CharacterBackendConfiguration.Endpoint
    switch (properties.path, properties.host) {
    case (.some, .some): throw refusal(option, .twoAddresses)
    case (let path?, nil):
      guard path.utf8.count < CommandLineError.socketPathLimit else {
        throw CommandLineError(option: option, reason: .socketPathTooLong(path))
      }
      guard !path.isEmpty else { throw refusal(option, .noAddress) }
      endpoint = .unix(path: path)
    case (nil, let host?):
      guard let port = properties.port else { throw refusal(option, .noPort) }
      guard let number = NumberText.integer(port), (0..<65536).contains(number) else {
        throw refusal(option, .invalidPort(port))
      }
      endpoint = .tcp(host: host, port: port)
    case (nil, nil): throw refusal(option, .noAddress)
    }
    if !properties.isServer, list.last("wait") != nil { throw refusal(option, .clientWaits) }
    return .socket(
      endpoint, properties.isServer ? .server(waits: properties.waits) : .client,
      isPrompt: properties.isPrompt)
  }

  private static func rest(of text: String, after prefix: String) -> String? {
    text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
  }

  /// The text before the first separator and, when there is one, the text after it.
  private static func split(_ text: String, at separator: Character) -> (String, String?) {
    guard let index = text.firstIndex(of: separator) else { return (text, nil) }
    return (String(text[..<index]), String(text[text.index(after: index)...]))
  }

  private static func refusal(
    _ option: String, _ refusal: CharacterBackendRefusal
  ) -> CommandLineError {
    CommandLineError(option: option, reason: .characterBackend(refusal))
  }
}

/// `-chardev`, the properties of all drivers in one table, as in QEMU.
struct CharacterDeviceProperties: PropertySet {
  var id: String?
  var isShared = false
  var path: String?
  var appends = false
  var host: String?
  var port: String?
  var isServer = false
  var waits = true
  var isPrompt = false
  var allowsSignals = true

  static let table = PropertyTable<CharacterDeviceProperties>(
    owner: "chardev", wording: .parameter, impliedKey: "backend",
    properties: [
      .selector("backend"),
      .identifier("id", \.id, "name for devices to use; required"),
      .toggle("mux", \.isShared, "let several devices share it, with an escape key"),
      .text("path", \.path, "path of the file or of the UNIX socket"),
      .toggle("append", \.appends, "keep what the file has"),
      .text("host", \.host, "host of the TCP socket"),
      .text("port", \.port, "port of the TCP socket"),
      .toggle("server", \.isServer, "listen for a client"),
      .toggle("wait", \.waits, "start only when a client is there"),
      .toggle("nodelay", \.isPrompt, "send small pieces at once"),
      .toggle("signal", \.allowsSignals, "let keys such as Ctrl-C end the program"),
    ],
    unsupported: """
      abstract chardev clipboard cols debug delay fd height input-path ipv4 ipv6 localaddr \
      localport logappend logfile mouse name reconnect reconnect-ms rows size telnet tight \
      tls-authz tls-creds tn3270 to websocket width
      """, warnsOfShortForm: false)
}
