/// What the keys after a multiplexer's escape key ask of the machine.
package struct MuxCommands {
  /// `x`: the program is to end.
  package var quit: () -> Void
  /// `s`: what is held back for disks is to be written.
  package var saveDisks: () -> Void

  package init(quit: @escaping () -> Void, saveDisks: @escaping () -> Void = {}) {
    self.quit = quit
    self.saveDisks = saveDisks
  }
}

/// One backend shared by several devices: all may write, one has the keyboard, and an escape key
/// (Ctrl-a) followed by another key switches between them or commands the machine.
///
/// Used only while the machine lock is held.
package final class MuxBackend: CharacterReceiver {
  /// How much input is kept for a device that has no room, in bytes. A command is seen behind it.
  private static let waitingLimit = 4096

  /// The key of QEMU's `-echr`, Ctrl-a.
  package static let defaultEscape: UInt8 = 0x01

  private let base: any CharacterBackend
  private let escape: UInt8
  private let commands: MuxCommands
  private var ports: [MuxPort] = []
  /// Which port has the keyboard.
  private var focus = 0
  private var isEscaped = false
  private var isConnected = false

  /// Becomes the receiver of `base`.
  package init(
    over base: any CharacterBackend, escape: UInt8 = MuxBackend.defaultEscape,
    commands: MuxCommands
  ) {
    self.base = base
    self.escape = escape
    self.commands = commands
  }

  /// Gives a further device its side; it has the keyboard from now on.
  package func makePort() -> any CharacterBackend {
    let port = MuxPort(mux: self)
    let previous = ports.indices.contains(focus) ? ports[focus].receiver : nil
    ports.append(port)
    focus = ports.count - 1
    previous?.focusChanged(false)
    // The base knows of the multiplexer only once somebody is there to read.
    if ports.count == 1 { base.attach(self) }
    return port
  }

  package func close() {
    base.close()
    for port in ports { port.detach() }
    ports = []
  }

  // MARK: - Input

  package var inputRoom: Int {
    ports.indices.contains(focus) ? Self.waitingLimit - ports[focus].waiting.count : 0
  }

  package func receive(_ byte: UInt8) {
    if isEscaped {
      isEscaped = false
      perform(byte)
    } else if byte == escape {
      isEscaped = true
    } else {
      deliver(byte)
    }
  }

  package func receiveBreak() {
    guard ports.indices.contains(focus) else { return }
    ports[focus].receiver?.receiveBreak()
  }

  package func outputHasRoom() {
    for port in ports { port.receiver?.outputHasRoom() }
  }

  package func connectionOpened() {
    isConnected = true
    for port in ports { port.receiver?.connectionOpened() }
  }

  package func connectionClosed() {
    isConnected = false
    isEscaped = false
    for port in ports { port.receiver?.connectionClosed() }
  }

  private func deliver(_ byte: UInt8) {
    guard ports.indices.contains(focus) else { return }
    ports[focus].append(byte)
  }

  private func perform(_ key: UInt8) {
    switch key {
    case escape: deliver(key)
    case UInt8(ascii: "h"), UInt8(ascii: "?"): say(help)
    case UInt8(ascii: "x"):
      say("swiftvmm: Terminated\n\r")
      commands.quit()
    case UInt8(ascii: "s"): commands.saveDisks()
    case UInt8(ascii: "b"): receiveBreak()
    case UInt8(ascii: "c"): switchFocus()
    default: break
    }
  }

  private func switchFocus() {
    guard ports.count > 1 else { return }
    ports[focus].receiver?.focusChanged(false)
    focus = (focus + 1) % ports.count
    ports[focus].receiver?.focusChanged(true)
  }

  private var help: String {
    let isControl = (1...26).contains(escape)
    let name = isControl ? "C-\(Character(UnicodeScalar(escape | 0x60)))" : "Escape-Char"
    let code = String(escape, radix: 16)
    let note = "Escape-Char set to Ascii: 0x\(escape < 0x10 ? "0" : "")\(code)\n\r\n\r"
    let keys = [
      ("h", "print this help"), ("x", "exit emulator"),
      ("s", "save disk data back to file (if -snapshot)"), ("b", "send break (magic sysrq)"),
      ("c", "switch between console and monitor"), (name, "sends \(name)"),
    ]
    return "\n\r" + (isControl ? "" : note)
      + keys.map { key, meaning in
        let padding = String(repeating: " ", count: max(2, 5 - key.utf8.count))
        return "\(name) \(key)\(padding)\(meaning)\n\r"
      }.joined()
  }

  /// Writes what there is room for.
  private func say(_ text: String) {
    for byte in text.utf8 where !base.write(byte) { return }
  }

  // MARK: - Ports

  fileprivate func write(_ byte: UInt8) -> Bool { base.write(byte) }

  fileprivate func flush() { base.flush() }

  fileprivate func attached(_ port: MuxPort) {
    if !ports.indices.contains(focus) || ports[focus] !== port {
      port.receiver?.focusChanged(false)
    }
    if isConnected { port.receiver?.connectionOpened() }
  }

  fileprivate func resumeInput() { base.resumeInput() }

  fileprivate var filename: String { "mux" }
}

/// One device's side of a multiplexer.
private final class MuxPort: CharacterBackend {
  private let mux: MuxBackend
  fileprivate private(set) var receiver: (any CharacterReceiver)?
  fileprivate private(set) var waiting: [UInt8] = []
  private var isDelivering = false

  init(mux: MuxBackend) { self.mux = mux }

  var filename: String { mux.filename }

  func write(_ byte: UInt8) -> Bool { mux.write(byte) }

  func flush() { mux.flush() }

  func attach(_ receiver: any CharacterReceiver) {
    self.receiver = receiver
    mux.attached(self)
    resumeInput()
  }

  func resumeInput() {
    if !waiting.isEmpty { deliver() }
    mux.resumeInput()
  }

  /// The multiplexer is closed as a whole.
  func close() { detach() }

  func detach() {
    receiver = nil
    waiting = []
  }

  func append(_ byte: UInt8) {
    waiting.append(byte)
    deliver()
  }

  private func deliver() {
    guard !isDelivering, let receiver else { return }
    isDelivering = true
    var count = 0
    while count < waiting.count, receiver.inputRoom > 0 {
      receiver.receive(waiting[count])
      count += 1
    }
    waiting.removeFirst(min(count, waiting.count))
    isDelivering = false
  }
}
