/// What a character device is over, as `-chardev` or the short form of `-serial` asks for it.
package struct CharacterBackendConfiguration: Sendable, Equatable {
  /// Where a stream socket is.
  package enum Endpoint: Sendable, Equatable {
    /// At most 107 bytes.
    case unix(path: String)

    /// An empty host is any address for a server and this machine for a client.
    case tcp(host: String, port: String)
  }

  /// How a stream socket comes to a connection.
  package enum Role: Sendable, Equatable {
    case client

    /// With `waits` the machine does not start before a client is there.
    case server(waits: Bool)
  }

  /// The kinds of backends.
  package enum Kind: Sendable, Equatable {
    case null

    /// The program's own input and output; `allowsSignals` leaves keys such as Ctrl-C to the program.
    case standardIO(allowsSignals: Bool)

    /// Output to a file that is created, and emptied unless `appends`.
    case file(path: String, appends: Bool)

    /// `isPrompt` sends small pieces at once.
    case socket(Endpoint, Role, isPrompt: Bool)

    case pseudoterminal
  }

  package var kind: Kind

  /// `mux=on` or `mon:`: several devices share it, with an escape key to switch and to command.
  package var isShared: Bool

  package init(_ kind: Kind, isShared: Bool = false) {
    self.kind = kind
    self.isShared = isShared
  }

  /// `mon:stdio`, which `-nographic` means for the first serial port.
  package static let monitorOnStandardIO = CharacterBackendConfiguration(
    .standardIO(allowsSignals: false), isShared: true)

  /// `stdio`.
  package static let plainStandardIO = CharacterBackendConfiguration(
    .standardIO(allowsSignals: true))
}

/// What an option such as `-serial` connects its device to.
package enum CharacterTarget: Sendable, Equatable {
  /// `none`: there is no device.
  case none

  /// `chardev:ID`, a character device defined by `-chardev`.
  case device(id: String)

  /// A backend of its own.
  case backend(CharacterBackendConfiguration)
}

/// One `-chardev`.
package struct CharacterDeviceDefinition: Sendable, Equatable {
  /// The option as written, `-chardev stdio,id=console`.
  package let optionText: String

  /// The id that devices name.
  package let id: String

  package let backend: CharacterBackendConfiguration
}

/// Why a character device's text cannot be used, as facts.
package enum CharacterBackendRefusal: Sendable, Equatable {
  /// `-chardev` names no driver there is.
  case unknownDriver(String)

  /// A short form that is none.
  case unknownShortForm(String)

  /// A driver that QEMU has.
  case unsupportedDriver(String)

  /// `tcp:` without a host and a port.
  case malformedAddress(String)

  /// `-chardev` without `id=`.
  case noID

  /// `file` without a path.
  case noFileName

  /// `socket` without `path=` and `host=`.
  case noAddress

  /// `host=` without `port=`.
  case noPort

  /// Not a number below 65536.
  case invalidPort(String)

  /// Both `path=` and `host=`.
  case twoAddresses

  /// `wait=` for a client.
  case clientWaits
}

extension CharacterBackendRefusal {
  /// QEMU's words, then what to do.
  var sentences: (words: String, advice: String?) {
    switch self {
    case .unknownDriver(let name):
      ("'\(name)' is not a valid char driver name", Self.drivers)
    case .unknownShortForm(let text):
      ("'\(text)' is not a valid char driver", Self.shortForms)
    case .unsupportedDriver(let name):
      ("'\(name)' is not supported by this version", Self.drivers)
    case .malformedAddress(let text):
      ("could not connect serial device to character backend '\(text)'", "write tcp:HOST:PORT")
    case .noID: ("chardev: no id specified", "add ,id=ID")
    case .noFileName: ("chardev: file: no filename given", "add ,path=PATH")
    case .noAddress:
      ("chardev: socket: no address given", "add ,path=PATH or ,host=HOST,port=PORT")
    case .noPort: ("chardev: socket: no port given", "add ,port=PORT")
    case .invalidPort(let text): ("port '\(text)' is not a number below 65536", nil)
    case .twoAddresses: ("None or one of 'path', 'fd' or 'host' option required.", nil)
    case .clientWaits:
      (
        "'wait' option is incompatible with socket in client connect mode",
        "add ,server=on or leave wait out"
      )
    }
  }

  private static let drivers = "choose from 'null', 'stdio', 'file', 'socket', 'pty'"

  private static let shortForms =
    "choose from 'none', 'null', 'stdio', 'pty', 'file:PATH', 'unix:PATH,server=on,wait=off', "
    + "'tcp:HOST:PORT,server=on,wait=off', 'chardev:ID', or one of them after 'mon:'"
}
