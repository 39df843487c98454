import Hypervisor
import Testing

@testable import Board

@Suite struct KeyboardControllerTests {
  private final class Effects {
    var resets = 0
    var isHigh = false
  }

  private let effects = Effects()
  private let controller: KeyboardController
  private let data: any MemoryHandler
  private let command: any MemoryHandler

  init() {
    controller = KeyboardController(
      setLine: { [effects] in effects.isHigh = $0 },
      requestReset: { [effects] in effects.resets += 1 })
    data = controller.dataPort
    command = controller.commandPort
  }

  private var status: UInt64 { command.read(offset: 0, size: 1) }

  private func send(_ value: UInt64) { command.write(offset: 0, size: 1, value: value) }

  private func put(_ value: UInt64) { data.write(offset: 0, size: 1, value: value) }

  private func get() -> UInt64 { data.read(offset: 0, size: 1) }

  @Test(
    arguments: [
      (0x20, 0x03), (0xaa, 0x55), (0xab, 0x00), (0xa9, 0x01), (0xc0, 0x80), (0xd0, 0xcf),
    ] as [(UInt64, UInt64)])
  func aCommandIsAnswered(code: UInt64, answer: UInt64) {
    send(code)
    #expect(status & 0x29 == 0x09)
    #expect(get() == answer)
    #expect(status & 0x01 == 0)
  }

  @Test func theStatusSaysWhatWasLastAndWhetherTheTestPassed() {
    #expect(status == 0x18)
    put(0xf4)
    #expect(status & 0x08 == 0)
    send(0xaa)
    #expect(status & 0x0c == 0x0c)
    controller.reset()
    #expect(status == 0x18)
  }

  @Test func theConfigurationIsKept() {
    send(0x60)
    put(0x44)
    send(0xad)
    send(0xa7)
    send(0x20)
    #expect(get() == 0x74)
    send(0xae)
    send(0xa8)
    send(0x20)
    #expect(get() == 0x44)
  }

  @Test func anythingForAKeyboardTimesOutAtOnce() {
    #expect(!effects.isHigh)
    put(0xf2)
    #expect(effects.isHigh)
    #expect(status & 0x41 == 0x41)
    #expect(get() == 0xfe)
    #expect(status & 0x41 == 0)
    #expect(!effects.isHigh)
  }

  @Test func theLineIsQuietWhileTheConfigurationSaysSo() {
    send(0x60)
    put(0x00)
    put(0xf2)
    #expect(!effects.isHigh)
    send(0x60)
    put(0x01)
    #expect(effects.isHigh)
  }

  @Test func thereIsNoMouse() {
    // What Linux tries: a byte looped through the second port, which must not come back as the mouse's.
    send(0xd3)
    put(0x5a)
    #expect(status & 0x21 == 0x01)
    #expect(get() == 0x5a)
    send(0xd4)
    put(0xf4)
    #expect(status & 0x21 == 0x01)
    #expect(get() == 0xfe)
  }

  @Test(
    arguments: [
      (0xfe, nil, 1), (0xf0, nil, 1), (0xff, nil, 0), (0xd1, 0xce, 1), (0xd1, 0xcf, 0),
      (0xd1, 0x02, 1),
    ] as [(UInt64, UInt64?, Int)])
  func theResetLineIsPulsed(code: UInt64, value: UInt64?, resets: Int) {
    send(code)
    if let value { put(value) }
    #expect(effects.resets == resets)
  }

  @Test func theAddressLineShowsInTheOutputPort() {
    send(0xdd)
    send(0xd0)
    #expect(get() == 0xcd)
    send(0xdf)
    send(0xd0)
    #expect(get() == 0xcf)
  }

  @Test func portAResetsWhenItsBitIsSet() {
    let port = SystemControlPortA { [effects] in effects.resets += 1 }
    port.write(offset: 0, size: 1, value: 0x02)
    #expect(port.read(offset: 0, size: 1) == 0x02)
    #expect(effects.resets == 0)
    port.write(offset: 0, size: 1, value: 0x03)
    #expect(effects.resets == 1)
    port.write(offset: 0, size: 1, value: 0x03)
    #expect(effects.resets == 1)
    port.reset()
    #expect(port.read(offset: 0, size: 1) == 0x02)
  }

  @Test func portBIsTheTimersSecondChannel() {
    final class Timer: TimerChannel2 {
      var gate = false
      var output = true
    }
    let timer = Timer()
    let clock = ManualClock()
    let port = SystemControlPortB(timer: timer, clock: clock.clock)
    #expect(port.read(offset: 0, size: 1) == 0x20)
    port.write(offset: 0, size: 1, value: 0xff)
    #expect(timer.gate)
    timer.output = false
    #expect(port.read(offset: 0, size: 1) == 0x03)
    clock.now = 1 << 14
    #expect(port.read(offset: 0, size: 1) == 0x13)
    port.reset()
    #expect(!timer.gate)
  }
}
