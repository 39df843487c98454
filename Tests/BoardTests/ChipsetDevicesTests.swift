import HostKernel
import Hypervisor
import PCI
import TestSupport
import Testing

@testable import Board

@Suite struct ChipsetDevicesTests {
  private final class Wishes {
    var resets = 0
    var sleeps: [SleepRequest] = []
    var exits: [Int32] = []
    var distress: [GuestDistress] = []
  }

  private let accelerator = QtestAccelerator(events: ManualEventSources(), irqfd: true)
  private let events = ManualEventSources()
  private let clock = ManualClock()
  private let wishes = Wishes()
  private let board: Q35Board
  private let devices: ChipsetDevices

  init() throws {
    board = try Q35Board(ramSize: 64 << 20, accelerator: accelerator, on: LinuxKernel()) {}
    devices = ChipsetDevices(
      on: board, clock: clock.clock, events: events,
      requests: MachineRequests(
        reset: { [wishes] in wishes.resets += 1 },
        sleep: { [wishes] in wishes.sleeps.append($0) },
        exit: { [wishes] in wishes.exits.append($0) },
        distress: { [wishes] in wishes.distress.append($0) }))
    board.reset()
    board.applyFirmwareSettings()
  }

  private func read(_ port: UInt16, _ size: Int = 1) -> UInt32 {
    board.ports.read(port, size: size)
  }

  private func write(_ port: UInt16, _ value: UInt32, _ size: Int = 1) {
    board.ports.write(port, size: size, value: value)
  }

  private func addSerialPort(_ number: Int, _ backend: any CharacterBackend) {
    board.addSerialPort(number, backend, clock: clock.clock, events: events)
  }

  private func config(_ register: UInt32, _ value: UInt32, _ size: Int) {
    write(0xcf8, 0x8000_f800 | register, 4)
    write(0xcfc, value, size)
  }

  private func config(_ register: UInt32) -> UInt32 {
    write(0xcf8, 0x8000_f800 | register, 4)
    return read(0xcfc, 4)
  }

  private func pass(milliseconds: UInt32) {
    clock.now += UInt64(milliseconds) * 1_000_000
    events.advance(milliseconds: milliseconds)
  }

  // MARK: - Power management

  @Test func theRegistersAreWhereQEMUHasThem() {
    #expect(config(0x40) == 0x601)
    #expect(config(0x44) == 0x80)
    // As QEMU's after a reset: the timer's status is set, the rest of the block is open.
    let expected: [(UInt16, Int, UInt32)] = [
      (0x600, 4, 1), (0x604, 2, 0), (0x604, 4, 0xffff_0000), (0x608, 4, 0),
      (0x60c, 4, 0xffff_ffff), (0x620, 4, 0), (0x62c, 4, 0), (0x630, 4, 0), (0x634, 4, 0),
      (0x640, 4, 0xffff_ffff),
    ]
    for (port, size, value) in expected { #expect(read(port, size) == value) }
    write(0x628, .max, 4)
    #expect(read(0x628, 4) == .max)
    write(0x602, 0xffff, 2)
    #expect(read(0x600, 4) == 0xffff_0001)
    write(0x600, 1, 2)
    #expect(read(0x600, 2) == 0)
    board.reset()
    board.applyFirmwareSettings()
    #expect(read(0x628, 4) == 0)
  }

  @Test func theBlockFollowsItsRegisterAndItsEnable() {
    config(0x40, 0xb003, 4)
    #expect(config(0x40) == 0xb001)
    #expect(read(0x604, 2) == 0xffff)
    #expect(read(0xb004, 2) == 0)
    config(0x44, 0, 1)
    #expect(read(0xb004, 2) == 0xffff)
    config(0x44, 0x80, 1)
    #expect(read(0xb004, 2) == 0)
    board.reset()
    #expect(config(0x40) == 1)
    #expect(config(0x44) == 0)
    #expect(read(0xb004, 2) == 0xffff)
    #expect(read(0x604, 2) == 0xffff)
  }

  @Test func theCommandPortTurnsACPIOnAndOff() {
    write(0xb2, 2)
    #expect(read(0x604, 2) == 1)
    #expect(read(0xb2) == 2)
    write(0xb3, 0x5a)
    #expect(read(0xb3) == 0x5a)
    write(0xb2, 3)
    #expect(read(0x604, 2) == 0)
    write(0xb2, 0x12)
    #expect(read(0xb2, 2) == 0x5a12)
  }

  @Test(
    arguments: [
      (0x2000, .powerOff), (0x3c00, nil), (0x2400, nil), (0x2800, .suspendToDisk), (0x0000, nil),
      (0x1c01, nil),
    ] as [(UInt32, SleepRequest?)])
  func sleepIsAskedFor(value: UInt32, request: SleepRequest?) {
    write(0x604, value, 2)
    #expect(wishes.sleeps == (request.map { [$0] } ?? []))
    #expect(read(0x604, 2) == value & ~0x2000)
  }

  @Test func aByteOfTheControlLeavesTheOther() {
    write(0xb2, 2)
    write(0x605, 0x10)
    #expect(read(0x604, 2) == 0x1001)
    write(0x605, 0x20)
    #expect(wishes.sleeps == [.powerOff])
    #expect(read(0x604, 2) == 0x0001)
  }

  @Test(
    arguments: [
      (0, 0), (1_000_000_000, 3_579_545), (4_686_968_596, 0xff_ffff), (4_686_968_876, 0),
      (1 << 62, nil),
    ]
      as [(UInt64, UInt32?)])
  func theTimerCounts(nanoseconds: UInt64, count: UInt32?) {
    clock.now = nanoseconds
    let value = read(0x608, 4)
    #expect(value <= 0xff_ffff)
    if let count { #expect(value == count) }
    #expect(read(0x609) == value >> 8 & 0xff)
    write(0x608, 0, 4)
    #expect(read(0x608, 4) == value)
  }

  @Test func theTimerInterruptsWhenItsHighestBitChanges() {
    write(0x602, 0x0001, 2)
    #expect(accelerator.level(gsi: 9))
    write(0x600, 0x0001, 2)
    #expect(!accelerator.level(gsi: 9))
    pass(milliseconds: 2343)
    #expect(!accelerator.level(gsi: 9))
    pass(milliseconds: 2)
    #expect(accelerator.level(gsi: 9))
    #expect(read(0x600, 2) == 1)
    write(0x600, 0x0001, 2)
    #expect(!accelerator.level(gsi: 9))
    #expect(events.timerCount == 1)
    write(0x602, 0, 2)
    #expect(events.timerCount == 0)
  }

  @Test func thePowerButtonIsHeardByAGuestThatAsked() {
    devices.power.pressPowerButton()
    #expect(read(0x600, 2) & 0x100 == 0)
    write(0x602, 0x0100, 2)
    devices.power.pressPowerButton()
    #expect(read(0x600, 2) & 0x100 != 0)
    #expect(accelerator.level(gsi: 9))
    // Routed elsewhere it is high there.
    config(0x44, 0x81, 1)
    #expect(!accelerator.level(gsi: 9))
    #expect(accelerator.level(gsi: 10))
    write(0x600, 0x0100, 2)
    #expect(!accelerator.level(gsi: 10))
  }

  @Test func aGeneralEventInterruptsWhenItIsEnabled() {
    devices.power.raiseEvent(9)
    #expect(read(0x621) == 0x02)
    #expect(!accelerator.level(gsi: 9))
    write(0x629, 0x02)
    #expect(accelerator.level(gsi: 9))
    write(0x621, 0x02)
    #expect(!accelerator.level(gsi: 9))
    devices.power.raiseEvent(64)
    devices.power.raiseEvent(-1)
    #expect(read(0x620, 4) == 0)
  }

  // MARK: - Ports of one device each

  @Test(
    arguments: [(0x64, 0xfe), (0x92, 0x01), (0xcf9, 0x06)] as [(UInt16, UInt32)])
  func eachWayToAskForAResetIsThere(port: UInt16, value: UInt32) {
    // Port 0xcf9 is the board's own.
    write(port, value)
    #expect(wishes.resets == (port == 0xcf9 ? 0 : 1))
  }

  @Test func theClockAndThePOSTPortAreThere() {
    write(0x70, 0x0d)
    #expect(read(0x71) == 0x80)
    write(0x80, 0x42)
    #expect(read(0x80) == 0xff)
    #expect(read(0x81) == 0xff)
    devices.realTimeClock.setCPUCount(4)
    write(0x70, 0x5f)
    #expect(read(0x71) == 3)
    devices.realTimeClock.setCPUCount(0)
    #expect(read(0x71) == 0)
  }

  @Test func serialPortsAreAtTheirPlacesAndShareLines() {
    let backends = (0..<4).map { _ in RecordingBackend() }
    for (number, backend) in backends.enumerated() { addSerialPort(number, backend) }
    addSerialPort(4, NullBackend())
    addSerialPort(-1, NullBackend())
    for (number, port) in ([0x3f8, 0x2f8, 0x3e8, 0x2e8] as [UInt16]).enumerated() {
      write(port, UInt32(number) + 1)
      #expect(backends[number].output == [UInt8(number) + 1])
      #expect(read(port + 5) == 0x60)
    }
    write(0x3f9, 2)
    write(0x3e9, 2)
    #expect(accelerator.level(gsi: 4))
    #expect(!accelerator.level(gsi: 3))
    write(0x3f9, 0)
    #expect(accelerator.level(gsi: 4))
    board.reset()
    #expect(!accelerator.level(gsi: 4))
  }

  @Test(arguments: [3, 4, 8, 9] as [UInt32])
  func aRoutedPCIInterruptSharesTheLineOfADeviceOfTheBoard(gsi: UInt32) throws {
    addSerialPort(0, RecordingBackend())
    addSerialPort(1, RecordingBackend())
    let pin = try #require(PCISlot(slot: 4))
    func setDevice(_ isHigh: Bool) {
      switch gsi {
      case 3: write(0x2f9, isHigh ? 2 : 0)
      case 4: write(0x3f9, isHigh ? 2 : 0)
      case 8:
        // The interrupt at the end of an update, which is due after a second.
        write(0x70, 0x0b)
        write(0x71, isHigh ? 0x12 : 0x02)
        pass(milliseconds: 1100)
        write(0x70, 0x0c)
        if !isHigh { _ = read(0x71) }
      default:
        write(0x602, isHigh ? 0x0100 : 0, 2)
        devices.power.pressPowerButton()
      }
    }
    // PIRQE, where slot 4 arrives.
    config(0x68, gsi, 1)
    board.interrupts.setLevel(true, pin, pin: 0)
    #expect(accelerator.level(gsi: gsi))
    setDevice(true)
    board.interrupts.setLevel(false, pin, pin: 0)
    #expect(accelerator.level(gsi: gsi))
    board.interrupts.setLevel(true, pin, pin: 0)
    setDevice(false)
    #expect(accelerator.level(gsi: gsi))
    board.interrupts.setLevel(false, pin, pin: 0)
    #expect(!accelerator.level(gsi: gsi))
    // A pin that goes elsewhere leaves the device's interrupt behind.
    setDevice(true)
    board.interrupts.setLevel(true, pin, pin: 0)
    config(0x68, 0x80, 1)
    #expect(accelerator.level(gsi: gsi))
    #expect(accelerator.level(gsi: 20))
    setDevice(false)
    #expect(!accelerator.level(gsi: gsi))
  }

  @Test(
    arguments: [(0, 1), (1, 3), (0x10, 0x21), (0x7fff_ffff, -1), (0x8000_0000, 1)]
      as [(UInt32, Int32)])
  func debugExitEndsWithTwiceTheValueAndOne(value: UInt32, status: Int32) {
    #expect(devices.addDebugExit())
    write(0x501, value, 4)
    #expect(wishes.exits == [status])
    #expect(read(0x501, 2) == 0)
  }

  @Test(
    arguments: [
      (0, 2, true), (0xfffe, 2, true), (0xffff, 2, false), (.max, 1, false), (5, 0, false),
    ]
      as [(UInt32, UInt32, Bool)])
  func debugExitNeedsPortsThatExist(port: UInt32, size: UInt32, exists: Bool) {
    #expect(devices.addDebugExit(port: port, size: size) == exists)
  }

  @Test(
    arguments: [
      (1, .panicked), (2, .crashLoaded), (3, .panicked), (4, .shutdown), (6, .crashLoaded),
      (8, nil),
      (0, nil),
    ] as [(UInt32, GuestDistress?)])
  func aPanicIsTold(value: UInt32, distress: GuestDistress?) {
    devices.addPanicPort()
    #expect(read(0x505) == 7)
    write(0x505, value)
    #expect(wishes.distress == (distress.map { [$0] } ?? []))
  }

  @Test func theDebugConsoleTakesTheByteAtItsPort() {
    let backend = RecordingBackend()
    let other = RecordingBackend()
    devices.addDebugConsole(backend)
    devices.addDebugConsole(port: 0x402, readback: 0x1234, other)
    #expect(read(0xe9) == 0xe9)
    #expect(read(0xe9, 2) == 0xffe9)
    #expect(read(0x402) == 0x34)
    write(0xe9, 0x4241, 2)
    write(0xe9, 0x43)
    write(0x402, 0x44)
    #expect(backend.output == [0x41, 0x43])
    #expect(other.output == [0x44])
  }

  // MARK: - Anything

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func noAccessToAnyPortTraps(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for number in 0..<4 { addSerialPort(number, RecordingBackend()) }
    devices.addDebugExit()
    devices.addPanicPort()
    devices.addDebugConsole(RecordingBackend())
    let bases: [UInt16] = [
      0x60, 0x64, 0x70, 0x80, 0x92, 0xb2, 0xe9, 0x2e8, 0x2f8, 0x3e8, 0x3f8, 0x501, 0x505, 0x600,
      0x620, 0xcf8, 0xcfc, 0xfffe,
    ]
    for _ in 0..<20_000 {
      let base = bases.randomElement(using: &generator) ?? 0
      let port = base &+ UInt16.random(in: 0..<12, using: &generator)
      let size = [1, 2, 4].randomElement(using: &generator) ?? 1
      switch UInt8.random(in: 0..<8, using: &generator) {
      case 0: pass(milliseconds: UInt32.random(in: 0..<2000, using: &generator))
      case 1: devices.power.pressPowerButton()
      case 2, 3: _ = read(port, size)
      default: write(port, UInt32.random(in: 0 ... .max, using: &generator), size)
      }
      // The clock's two, the power timer's one, one for each serial port.
      #expect(events.timerCount <= 7)
      wishes.sleeps = []
      wishes.exits = []
      wishes.distress = []
    }
    board.reset()
    #expect(![1, 3, 4, 8, 9, 10, 11, 20, 21].contains { accelerator.level(gsi: $0) })
  }
}
