package import HostKernel
internal import Hypervisor

/// A 16550A serial port: eight byte registers, two queues of 16 bytes, one interrupt (National
/// Semiconductor PC16550D, section 8).
///
/// As QEMU's, it sends at once, whatever the speed, so that the transmitter is full only while the
/// backend is. The interrupt does not depend on modem control `OUT2`. Used only while the machine lock
/// is held.
package final class SerialPort: MemoryHandler, CharacterReceiver {
  private let backend: any CharacterBackend
  private let clock: BoardClock
  private let events: any EventSources
  private let setLine: (Bool) -> Void

  private var interruptEnable: UInt8 = 0
  private var interruptIdentification: UInt8 = 0
  private var fifoControl: UInt8 = 0
  private var lineControl: UInt8 = 0
  private var modemControl: UInt8 = 0
  private var lineStatus: UInt8 = 0
  private var modemStatus: UInt8 = 0
  private var scratch: UInt8 = 0
  private var divisor: UInt16 = 0

  /// The last byte received without the queue; it can be read again.
  private var receiveBuffer: UInt8 = 0
  private var received = SerialFIFO()
  private var unsent = SerialFIFO()
  /// The byte that has left the queue and that the backend had no room for.
  private var shiftRegister: UInt8?
  private var isTransmitterInterruptPending = false
  private var isTimeoutPending = false
  /// When received bytes have waited too long, in nanoseconds of the monotonic clock.
  private var timeoutDeadline: UInt64 = 0
  private var timeoutTimer: WatchToken?
  private var isLineHigh = false

  /// Makes a port and becomes the receiver of `backend`, which stays the caller's to close.
  package init(
    _ backend: any CharacterBackend, clock: BoardClock, events: any EventSources,
    setLine: @escaping (Bool) -> Void
  ) {
    self.backend = backend
    self.clock = clock
    self.events = events
    self.setLine = setLine
    reset()
    backend.attach(self)
  }

  deinit {
    if let timeoutTimer { events.cancel(timeoutTimer) }
  }

  /// Puts the port into the state after power-on; bytes on their way in or out are lost.
  package func reset() {
    interruptEnable = 0
    fifoControl = 0
    lineControl = 0
    modemControl = ModemControl.out2
    lineStatus = LineStatus.transmitterEmpty | LineStatus.holdingEmpty
    modemStatus = ModemStatus.carrier | ModemStatus.dataSetReady | ModemStatus.clearToSend
    scratch = 0
    divisor = 12
    receiveBuffer = 0
    received.removeAll()
    unsent.removeAll()
    shiftRegister = nil
    isTransmitterInterruptPending = false
    isTimeoutPending = false
    updateInterrupt()
    backend.resumeInput()
  }

  // MARK: - Registers

  /// A wider access is one to each byte's register; there is nothing beyond the eighth.
  package func read(offset: UInt64, size: Int) -> UInt64 {
    if size == 1 { return UInt64(readRegister(offset)) }
    return PortBytes.read(offset, size) { self.readRegister($0) }
  }

  package func write(offset: UInt64, size: Int, value: UInt64) {
    if size == 1 {
      writeRegister(offset, UInt8(truncatingIfNeeded: value))
    } else {
      PortBytes.write(offset, size, value) { self.writeRegister($0, $1) }
    }
  }

  private var isDivisorLatched: Bool { lineControl & 0x80 != 0 }

  private var isFIFOEnabled: Bool { fifoControl & 1 != 0 }

  private var isLoopedBack: Bool { modemControl & ModemControl.loop != 0 }

  private func readRegister(_ offset: UInt64) -> UInt8 {
    switch offset {
    case 0: return isDivisorLatched ? UInt8(truncatingIfNeeded: divisor) : readReceiveBuffer()
    case 1: return isDivisorLatched ? UInt8(truncatingIfNeeded: divisor >> 8) : interruptEnable
    case 2:
      let value = interruptIdentification
      if value & 0xf == InterruptCause.transmitterEmpty.rawValue {
        isTransmitterInterruptPending = false
        updateInterrupt()
      }
      return value
    case 3: return lineControl
    case 4: return modemControl
    case 5:
      let value = lineStatus
      let transient = LineStatus.breakReceived | LineStatus.overrun
      if value & transient != 0 {
        lineStatus &= ~transient
        updateInterrupt()
      }
      return value
    case 6: return isLoopedBack ? loopedModemStatus : modemStatus
    case 7: return scratch
    default: return 0xff
    }
  }

  private func writeRegister(_ offset: UInt64, _ value: UInt8) {
    switch offset {
    case 0 where isDivisorLatched: divisor = divisor & 0xff00 | UInt16(value)
    case 0: writeTransmitter(value)
    case 1 where isDivisorLatched: divisor = divisor & 0xff | UInt16(value) << 8
    case 1: writeInterruptEnable(value)
    case 2: writeFIFOControl(value)
    case 3: lineControl = value
    case 4:
      modemControl = value & 0x1f
      if !isLoopedBack { backend.resumeInput() }
    case 7: scratch = value
    default: break
    }
  }

  /// Turning the transmitter's interrupt on raises it when the transmitter is empty, even when a read
  /// of the identification has acknowledged it before.
  private func writeInterruptEnable(_ value: UInt8) {
    let changed = (interruptEnable ^ value) & 0xf
    guard changed != 0 else { return }
    interruptEnable = value & 0xf
    if changed & value & InterruptEnable.transmitterEmpty != 0,
      lineStatus & LineStatus.holdingEmpty != 0
    {
      isTransmitterInterruptPending = true
    }
    updateInterrupt()
  }

  private func writeFIFOControl(_ value: UInt8) {
    let switched = (value ^ fifoControl) & 1 != 0
    if switched || value & 2 != 0 {
      lineStatus &= ~(LineStatus.dataReady | LineStatus.breakReceived)
      isTimeoutPending = false
      received.removeAll()
      backend.resumeInput()
    }
    if switched || value & 4 != 0 {
      lineStatus |= LineStatus.holdingEmpty
      isTransmitterInterruptPending = true
      unsent.removeAll()
    }
    fifoControl = value & 0xc9
    updateInterrupt()
  }

  /// The modem inputs while the outputs are wired to them.
  private var loopedModemStatus: UInt8 {
    (modemControl & 0x0c) << 4 | (modemControl & 0x02) << 3 | (modemControl & 0x01) << 5
  }

  // MARK: - Transmitter

  private func writeTransmitter(_ byte: UInt8) {
    // What a program writes without looking pushes the oldest byte out.
    if isFIFOEnabled ? unsent.isFull : !unsent.isEmpty { _ = unsent.removeFirst() }
    unsent.append(byte)
    isTransmitterInterruptPending = false
    lineStatus &= ~(LineStatus.holdingEmpty | LineStatus.transmitterEmpty)
    if shiftRegister == nil { transmit() }
    updateInterrupt()
  }

  /// Sends what is queued until the backend has no more room. The caller updates the interrupt.
  private func transmit() {
    while let byte = shiftRegister ?? unsent.removeFirst() {
      if unsent.isEmpty, lineStatus & LineStatus.holdingEmpty == 0 {
        lineStatus |= LineStatus.holdingEmpty
        isTransmitterInterruptPending = true
      }
      if isLoopedBack {
        store(byte)
      } else if !backend.write(byte) {
        shiftRegister = byte
        return
      }
      shiftRegister = nil
    }
    lineStatus |= LineStatus.transmitterEmpty
  }

  package func outputHasRoom() {
    guard shiftRegister != nil else { return }
    transmit()
    updateInterrupt()
  }

  // MARK: - Receiver

  /// Above the trigger level one byte at a time, so that a program that is slow is heard at all.
  package var inputRoom: Int {
    if isLoopedBack { return 0 }
    guard isFIFOEnabled else { return lineStatus & LineStatus.dataReady == 0 ? 1 : 0 }
    if received.isFull { return 0 }
    return max(1, triggerLevel - received.count)
  }

  package func receive(_ byte: UInt8) {
    store(byte)
    updateInterrupt()
  }

  package func receiveBreak() {
    guard !isLoopedBack else { return }
    store(0)
    lineStatus |= LineStatus.breakReceived
    updateInterrupt()
  }

  private func store(_ byte: UInt8) {
    if isFIFOEnabled ? received.isFull : lineStatus & LineStatus.dataReady != 0 {
      lineStatus |= LineStatus.overrun
      // The queue keeps what it has; the single register takes the new byte.
      if isFIFOEnabled { return }
    }
    lineStatus |= LineStatus.dataReady
    if isFIFOEnabled {
      received.append(byte)
      startTimeout()
    } else {
      receiveBuffer = byte
    }
  }

  private func readReceiveBuffer() -> UInt8 {
    let byte = isFIFOEnabled ? received.removeFirst() ?? 0 : receiveBuffer
    isTimeoutPending = false
    if received.isEmpty {
      lineStatus &= ~(LineStatus.dataReady | LineStatus.breakReceived)
    } else {
      startTimeout()
    }
    updateInterrupt()
    if !isLoopedBack { backend.resumeInput() }
    return byte
  }

  private var triggerLevel: Int {
    switch fifoControl >> 6 {
    case 0: 1
    case 1: 4
    case 2: 8
    default: 14
    }
  }

  /// The time of four characters at the programmed speed, in nanoseconds, at most 28 s.
  private var timeout: UInt64 {
    let stopBits: UInt64 = lineControl & 4 != 0 ? 2 : 1
    let bits = 1 + 5 + UInt64(lineControl & 3) + stopBits + (lineControl & 8 != 0 ? 1 : 0)
    return 4 * bits * UInt64(max(1, divisor)) * (1_000_000_000 / 115_200)
  }

  /// Starts the time anew. A timer that runs is left alone: when it ends it looks at the deadline.
  private func startTimeout() {
    timeoutDeadline = clock.monotonic() &+ timeout
    if timeoutTimer == nil { setTimer(timeout) }
  }

  private func setTimer(_ nanoseconds: UInt64) {
    let milliseconds = UInt32(clamping: nanoseconds / 1_000_000 + 1)
    timeoutTimer = events.timer(milliseconds: milliseconds) { [unowned self] in
      timeoutTimer = nil
      checkTimeout()
    }
  }

  private func checkTimeout() {
    guard isFIFOEnabled, !received.isEmpty else { return }
    let now = clock.monotonic()
    if now < timeoutDeadline {
      setTimer(timeoutDeadline - now)
    } else {
      isTimeoutPending = true
      updateInterrupt()
    }
  }

  // MARK: - Interrupt

  private var cause: InterruptCause {
    let isDataEnabled = interruptEnable & InterruptEnable.dataReady != 0
    if interruptEnable & InterruptEnable.lineStatus != 0, lineStatus & LineStatus.anyError != 0 {
      return .lineStatus
    }
    if isDataEnabled, isTimeoutPending { return .timeout }
    if isDataEnabled, lineStatus & LineStatus.dataReady != 0,
      !isFIFOEnabled || received.count >= triggerLevel
    {
      return .dataReady
    }
    if interruptEnable & InterruptEnable.transmitterEmpty != 0, isTransmitterInterruptPending {
      return .transmitterEmpty
    }
    return .none
  }

  private func updateInterrupt() {
    let cause = cause
    interruptIdentification = cause.rawValue | (isFIFOEnabled ? 0xc0 : 0)
    let isHigh = cause != .none
    guard isHigh != isLineHigh else { return }
    isLineHigh = isHigh
    setLine(isHigh)
  }
}

/// Bits 3 to 0 of the interrupt identification.
private enum InterruptCause: UInt8 {
  case none = 0x1
  case transmitterEmpty = 0x2
  case dataReady = 0x4
  case lineStatus = 0x6
  case timeout = 0xc
}

private enum InterruptEnable {
  static let dataReady: UInt8 = 0x01
  static let transmitterEmpty: UInt8 = 0x02
  static let lineStatus: UInt8 = 0x04
}

private enum LineStatus {
  static let dataReady: UInt8 = 0x01
  static let overrun: UInt8 = 0x02
  static let breakReceived: UInt8 = 0x10
  static let anyError: UInt8 = 0x1e
  static let holdingEmpty: UInt8 = 0x20
  static let transmitterEmpty: UInt8 = 0x40
}

private enum ModemControl {
  static let out2: UInt8 = 0x08
  static let loop: UInt8 = 0x10
}

private enum ModemStatus {
  static let clearToSend: UInt8 = 0x10
  static let dataSetReady: UInt8 = 0x20
  static let carrier: UInt8 = 0x80
}
