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

/// The devices of a PC at fixed ports: clock, keyboard controller, power management, serial ports and
/// what the user adds. They are reset together, after the functions of the PCI bus.
///
/// Used only while the machine lock is held.
package final class ChipsetDevices {
  /// QEMU's places for serial ports: first port and interrupt of each.
  package static let serialPorts: [(port: UInt16, interrupt: UInt32)] = [
    (0x3f8, 4), (0x2f8, 3), (0x3e8, 4), (0x2e8, 3),
  ]

  private let ports: PortSpace
  private let clock: BoardClock
  private let events: any EventSources
  private let requests: MachineRequests
  private let lines: InterruptLines

  package let realTimeClock: RealTimeClock
  package let power: PowerManagement
  private var resets: [() -> Void] = []

  /// Puts the devices that every board has at their ports.
  package init(
    on board: Q35Board, clock: BoardClock, events: any EventSources, requests: MachineRequests
  ) {
    ports = board.ports
    lines = InterruptLines(board.accelerator)
    self.clock = clock
    self.events = events
    self.requests = requests
    realTimeClock = RealTimeClock(
      memory: board.ramLayout, clock: clock, events: events, setLine: lines.connect(8))
    let interrupt = SystemControlInterrupt(lines)
    power = PowerManagement(
      clock: clock, events: events, setInterrupt: { interrupt.set($0) },
      requestSleep: requests.sleep)
    placeClock()
    placeKeyboardController()
    placePower(interrupt, of: board)
    ports.add("ioport80", 0x80...0x80, OpenBus())
  }

  /// Puts every device into the state after power-on.
  package func reset() {
    for reset in resets { reset() }
  }

  /// Adds the serial port number 0 to 3; false when there is no such place.
  @discardableResult
  package func addSerialPort(_ number: Int, _ backend: any CharacterBackend) -> Bool {
    guard Self.serialPorts.indices.contains(number) else { return false }
    let (port, interrupt) = Self.serialPorts[number]
    let serial = SerialPort(
      backend, clock: clock, events: events, setLine: lines.connect(interrupt))
    ports.add("serial", port...port + 7, serial)
    resets.append { serial.reset() }
    return true
  }

  /// Adds `isa-debug-exit` at 1 to 8 ports; false when they are not there.
  @discardableResult
  package func addDebugExit(port: UInt32 = 0x501, size: UInt32 = 2) -> Bool {
    guard let range = Self.range(port, size) else { return false }
    ports.add("isa-debug-exit", range, DebugExitPort(requestExit: requests.exit))
    return true
  }

  /// Adds `pvpanic`; `events` are the bits that a read tells.
  package func addPanicPort(port: UInt16 = 0x505, events: UInt8 = 7) {
    ports.add("pvpanic", port...port, PanicPort(supported: events, tell: requests.distress))
  }

  /// Adds `isa-debugcon`; false when the port is not there.
  @discardableResult
  package func addDebugConsole(
    port: UInt32 = 0xe9, readback: UInt32 = 0xe9, _ backend: any CharacterBackend
  ) -> Bool {
    guard let range = Self.range(port, 1) else { return false }
    let device = DebugConsolePort(backend, readback: UInt8(truncatingIfNeeded: readback))
    ports.add("isa-debugcon", range, device)
    return true
  }

  /// Adds port 0x61 over a timer in user space.
  package func addSystemControlPortB(_ timer: any TimerChannel2) {
    let port = SystemControlPortB(timer: timer, clock: clock)
    ports.add("pcspk", 0x61...0x61, port)
    resets.append { port.reset() }
  }

  private static func range(_ port: UInt32, _ size: UInt32) -> ClosedRange<UInt16>? {
    let (end, isOver) = port.addingReportingOverflow(size)
    guard size > 0, !isOver, end <= 0x1_0000 else { return nil }
    return UInt16(truncatingIfNeeded: port)...UInt16(truncatingIfNeeded: end - 1)
  }

  private func placeClock() {
    let chip = realTimeClock
    ports.add("rtc", 0x70...0x71, chip)
    resets.append { chip.reset() }
  }

  private func placeKeyboardController() {
    let controller = KeyboardController(
      setLine: lines.connect(1), requestReset: requests.reset)
    ports.add("i8042-data", 0x60...0x60, controller.dataPort)
    ports.add("i8042-cmd", 0x64...0x64, controller.commandPort)
    let portA = SystemControlPortA(requestReset: requests.reset)
    ports.add("port92", 0x92...0x92, portA)
    resets.append {
      controller.reset()
      portA.reset()
    }
  }

  private func placePower(_ interrupt: SystemControlInterrupt, of board: Q35Board) {
    let power = power
    ports.add("apm-io", 0xb2...0xb3, power.commandPorts)
    let space = ports.space
    let region = space.add(
      MemoryRegion(
        name: "ich9-pm", base: 0, size: UInt64(PowerManagementPorts.count), kind: .io(power),
        isEnabled: false))
    board.onPowerManagement { place in
      space.update {
        if let base = place.base { space.move(region, to: UInt64(base)) }
        space.setEnabled(region, place.base != nil)
      }
      interrupt.move(to: place.systemControlInterrupt)
    }
    resets.append { power.reset() }
  }
}

/// The line of the power management, which the guest can route elsewhere.
private final class SystemControlInterrupt {
  private let lines: InterruptLines
  private var ends: [UInt32: (Bool) -> Void] = [:]
  private var gsi = PowerManagementPorts.interrupt
  private var isHigh = false

  init(_ lines: InterruptLines) { self.lines = lines }

  func set(_ level: Bool) {
    isHigh = level
    end(gsi)(level)
  }

  func move(to gsi: UInt32) {
    guard gsi != self.gsi else { return }
    end(self.gsi)(false)
    self.gsi = gsi
    end(gsi)(isHigh)
  }

  private func end(_ gsi: UInt32) -> (Bool) -> Void {
    if let end = ends[gsi] { return end }
    let end = lines.connect(gsi)
    ends[gsi] = end
    return end
  }
}
