package import HostKernel
internal import Hypervisor

/// What the guest asks of the machine through a port. Each is called from inside the guest's access and
/// must only note the wish.
package struct MachineRequests {
  package var reset: () -> Void
  package var sleep: (SleepRequest) -> Void
  /// The program is to end with this status.
  package var exit: (Int32) -> Void
  package var distress: (GuestDistress) -> Void

  package init(
    reset: @escaping () -> Void, sleep: @escaping (SleepRequest) -> Void,
    exit: @escaping (Int32) -> Void, distress: @escaping (GuestDistress) -> Void
  ) {
    self.reset = reset
    self.sleep = sleep
    self.exit = exit
    self.distress = distress
  }
}

/// The devices of a PC at fixed ports: clock, keyboard controller, power management, and what the user
/// adds. They are reset with the board, after its functions.
///
/// Used only while the machine lock is held.
package final class ChipsetDevices {
  private unowned let board: Q35Board
  private let clock: BoardClock
  private let requests: MachineRequests

  package let realTimeClock: RealTimeClock
  package let power: PowerManagement

  /// Puts the devices that every board has at their ports. The board must be there for as long as this
  /// value.
  package init(
    on board: Q35Board, clock: BoardClock, events: any EventSources, requests: MachineRequests
  ) {
    self.board = board
    self.clock = clock
    self.requests = requests
    realTimeClock = RealTimeClock(
      memory: board.ramLayout, clock: clock, events: events, setLine: board.lines.connect(8))
    let interrupt = SystemControlInterrupt(board.lines)
    power = PowerManagement(
      clock: clock, events: events, setInterrupt: { interrupt.set($0) },
      requestSleep: requests.sleep)
    placeClock()
    placeKeyboardController()
    placePower(interrupt)
    board.ports.add("ioport80", 0x80...0x80, OpenBus())
  }

  /// Adds `isa-debug-exit` at 1 to 8 ports; false when they are not there.
  @discardableResult
  package func addDebugExit(port: UInt32 = 0x501, size: UInt32 = 2) -> Bool {
    guard let range = Self.range(port, size) else { return false }
    board.ports.add("isa-debug-exit", range, DebugExitPort(requestExit: requests.exit))
    return true
  }

  /// Adds `pvpanic`; `events` are the bits that a read tells.
  package func addPanicPort(port: UInt16 = 0x505, events: UInt8 = 7) {
    board.ports.add("pvpanic", port...port, PanicPort(supported: events, tell: requests.distress))
  }

  /// Adds `isa-debugcon`; the port shows the lowest byte of `readback`.
  package func addDebugConsole(
    port: UInt16 = 0xe9, readback: UInt32 = 0xe9, _ backend: any CharacterBackend
  ) {
    let device = DebugConsolePort(backend, readback: UInt8(truncatingIfNeeded: readback))
    board.ports.add("isa-debugcon", port...port, device)
  }

  /// Adds port 0x61 over a timer in user space.
  package func addSystemControlPortB(_ timer: any TimerChannel2) {
    let port = SystemControlPortB(timer: timer, clock: clock)
    board.ports.add("pcspk", 0x61...0x61, port)
    board.onReset { port.reset() }
  }

  private static func range(_ port: UInt32, _ size: UInt32) -> ClosedRange<UInt16>? {
    let (end, isOver) = port.addingReportingOverflow(size)
    guard size > 0, !isOver, end <= 0x1_0000 else { return nil }
    return UInt16(truncatingIfNeeded: port)...UInt16(truncatingIfNeeded: end - 1)
  }

  private func placeClock() {
    let chip = realTimeClock
    board.ports.add("rtc", 0x70...0x71, chip)
    board.onReset { chip.reset() }
  }

  private func placeKeyboardController() {
    let controller = KeyboardController(
      setLine: board.lines.connect(1), requestReset: requests.reset)
    board.ports.add("i8042-data", 0x60...0x60, controller.dataPort)
    board.ports.add("i8042-cmd", 0x64...0x64, controller.commandPort)
    let portA = SystemControlPortA(requestReset: requests.reset)
    board.ports.add("port92", 0x92...0x92, portA)
    board.onReset {
      controller.reset()
      portA.reset()
    }
  }

  private func placePower(_ interrupt: SystemControlInterrupt) {
    let power = power
    board.ports.add("apm-io", 0xb2...0xb3, power.commandPorts)
    let space = board.ports.space
    let region = space.add(
      MemoryRegion(
        name: "ich9-pm", base: 0, size: 0x80, kind: .io(power), isEnabled: false))
    board.onPowerManagement { place in
      space.update {
        if let base = place.base { space.move(region, to: UInt64(base)) }
        space.setEnabled(region, place.base != nil)
      }
      interrupt.move(to: place.systemControlInterrupt)
    }
    board.onReset { power.reset() }
  }
}

/// The line of the power management, which the guest can route elsewhere.
private final class SystemControlInterrupt {
  private let setLine: (_ gsi: UInt32, _ level: Bool) -> Void
  private var gsi: UInt32 = 9
  private var isHigh = false

  init(_ lines: InterruptLines) { setLine = lines.connectRoutable() }

  func set(_ level: Bool) {
    isHigh = level
    setLine(gsi, level)
  }

  func move(to gsi: UInt32) {
    guard gsi != self.gsi else { return }
    setLine(self.gsi, false)
    self.gsi = gsi
    setLine(gsi, isHigh)
  }
}
