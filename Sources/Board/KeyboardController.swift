internal import Hypervisor

/// The keyboard controller (Intel 8042) at ports 0x60 (data) and 0x64 (command and status), with
/// neither a keyboard nor a mouse at its connectors.
///
/// Whatever is sent to a keyboard is answered at once by the controller's time-out, so that nobody waits
/// for one. The processor's reset line is bit 0 of its output port, address line 20 is bit 1 and always
/// open here.
final class KeyboardController {
  private let setLine: (Bool) -> Void
  private let requestReset: () -> Void

  private var status = Status.initial
  private var configuration: UInt8 = Configuration.initial
  private var outputPort: UInt8 = 0xcf
  private var output: UInt8 = 0
  /// The command whose parameter comes next.
  private var pendingCommand: UInt8?
  private var isLineHigh = false

  /// `setLine` drives interrupt 1.
  init(setLine: @escaping (Bool) -> Void, requestReset: @escaping () -> Void) {
    self.setLine = setLine
    self.requestReset = requestReset
  }

  func reset() {
    status = Status.initial
    configuration = Configuration.initial
    outputPort = 0xcf
    output = 0
    pendingCommand = nil
    updateLine()
  }

  /// The handler of port 0x60.
  var dataPort: any MemoryHandler {
    Port(read: { self.readData() }, write: { self.writeData($0) })
  }

  /// The handler of port 0x64.
  var commandPort: any MemoryHandler {
    Port(read: { self.status }, write: { self.writeCommand($0) })
  }

  private final class Port: MemoryHandler {
    private let readByte: () -> UInt8
    private let writeByte: (UInt8) -> Void

    init(read: @escaping () -> UInt8, write: @escaping (UInt8) -> Void) {
      readByte = read
      writeByte = write
    }

    func read(offset: UInt64, size: Int) -> UInt64 { UInt64(readByte()) }

    func write(offset: UInt64, size: Int, value: UInt64) {
      writeByte(UInt8(truncatingIfNeeded: value))
    }
  }

  private func readData() -> UInt8 {
    status &= ~(Status.outputFull | Status.outputIsMouse | Status.timeOut)
    updateLine()
    return output
  }

  private func writeData(_ value: UInt8) {
    status &= ~Status.wasCommand
    guard let command = pendingCommand else { return answerTimeOut() }
    pendingCommand = nil
    switch command {
    case 0x60:
      configuration = value
      updateLine()
    case 0xd1: writeOutputPort(value)
    case 0xd2: answer(value)
    // Without a second connector what is sent to the mouse comes back as the keyboard's.
    case 0xd3: answer(value)
    default: answerTimeOut()
    }
  }

  private func writeCommand(_ command: UInt8) {
    status |= Status.wasCommand
    pendingCommand = nil
    switch command {
    case 0x20: answer(configuration)
    case 0x60, 0xd1, 0xd2, 0xd3, 0xd4: pendingCommand = command
    case 0xa7: configuration |= Configuration.mouseDisabled
    case 0xa8: configuration &= ~Configuration.mouseDisabled
    // The mouse's clock line is stuck low: there is no connector.
    case 0xa9: answer(0x01)
    case 0xaa:
      status |= Status.selfTestPassed
      answer(0x55)
    case 0xab: answer(0x00)
    case 0xad: configuration |= Configuration.keyboardDisabled
    case 0xae: configuration &= ~Configuration.keyboardDisabled
    case 0xc0: answer(0x80)
    case 0xd0: answer(outputPort)
    case 0xdd: outputPort &= ~0x02
    case 0xdf: outputPort |= 0x02
    // Pulses the output port's lines 0 to 3 that are zero; line 0 is the reset.
    case 0xf0...0xff: if command & 1 == 0 { requestReset() }
    default: break
    }
  }

  private func writeOutputPort(_ value: UInt8) {
    outputPort = value
    if value & 1 == 0 { requestReset() }
  }

  private func answer(_ value: UInt8) {
    output = value
    status |= Status.outputFull
    status &= ~(Status.outputIsMouse | Status.timeOut)
    updateLine()
  }

  private func answerTimeOut() {
    answer(0xfe)
    status |= Status.timeOut
  }

  private func updateLine() {
    let isHigh = status & Status.outputFull != 0 && configuration & Configuration.interrupt != 0
    guard isHigh != isLineHigh else { return }
    isLineHigh = isHigh
    setLine(isHigh)
  }
}

private enum Status {
  static let outputFull: UInt8 = 0x01
  static let selfTestPassed: UInt8 = 0x04
  static let wasCommand: UInt8 = 0x08
  static let isUnlocked: UInt8 = 0x10
  static let outputIsMouse: UInt8 = 0x20
  static let timeOut: UInt8 = 0x40

  static let initial = wasCommand | isUnlocked
}

private enum Configuration {
  static let interrupt: UInt8 = 0x01
  static let mouseInterrupt: UInt8 = 0x02
  static let keyboardDisabled: UInt8 = 0x10
  static let mouseDisabled: UInt8 = 0x20

  static let initial = interrupt | mouseInterrupt
}
