import Board
import HostKernel
import TestSupport
import Testing

@Suite struct SerialPortTests {
  private final class Line {
    var isHigh = false
    var changes = 0
  }

  private let backend = RecordingBackend()
  private let events = ManualEventSources()
  private let clock = ManualClock()
  private let line = Line()
  private let port: SerialPort

  init() {
    port = SerialPort(backend, clock: clock.clock, events: events) { [line] level in
      line.isHigh = level
      line.changes += 1
    }
  }

  private func read(_ register: UInt64) -> UInt64 { port.read(offset: register, size: 1) }

  private func write(_ register: UInt64, _ value: UInt64) {
    port.write(offset: register, size: 1, value: value)
  }

  private func pass(milliseconds: UInt32) {
    clock.now += UInt64(milliseconds) * 1_000_000
    events.advance(milliseconds: milliseconds)
  }

  // MARK: - Registers

  @Test func theRegistersAreAsAfterPowerOn() {
    let expected: [UInt64] = [0, 0, 1, 0, 8, 0x60, 0xb0, 0]
    for (register, value) in expected.enumerated() { #expect(read(UInt64(register)) == value) }
    write(3, 0x80)
    #expect(read(0) == 12)
    #expect(read(1) == 0)
  }

  @Test(
    arguments: [
      (1, 0xff, 0x0f), (3, 0x5b, 0x5b), (4, 0xff, 0x1f), (5, 0x00, 0x60), (6, 0x00, 0xb0),
      (7, 0xa5, 0xa5),
    ] as [(UInt64, UInt64, UInt64)])
  func aRegisterKeepsItsBits(register: UInt64, value: UInt64, kept: UInt64) {
    write(register, value)
    #expect(read(register) == kept)
  }

  @Test func theDivisorIsBehindItsLatch() {
    write(3, 0x83)
    write(0, 0x34)
    write(1, 0x12)
    #expect(read(0) == 0x34)
    #expect(read(1) == 0x12)
    write(3, 0x03)
    #expect(read(1) == 0)
    #expect(backend.output.isEmpty)
  }

  @Test func aWideAccessIsOneToEachRegister() {
    write(7, 0x5a)
    #expect(port.read(offset: 6, size: 2) == 0x5ab0)
    port.write(offset: 3, size: 2, value: 0x0a03)
    #expect(read(3) == 3)
    #expect(read(4) == 0x0a)
    #expect(port.read(offset: 4, size: 4) == 0x5ab0_600a)
  }

  @Test func thereIsNothingBeyondTheEighthRegister() {
    #expect(port.read(offset: 7, size: 2) == 0xff00)
    #expect(port.read(offset: 6, size: 4) == 0xffff_00b0)
    port.write(offset: 7, size: 2, value: 0x4142)
    #expect(read(7) == 0x42)
    #expect(backend.output.isEmpty)
  }

  @Test(
    arguments: [(0x10, 0x00), (0x11, 0x20), (0x12, 0x10), (0x14, 0x40), (0x18, 0x80), (0x1a, 0x90)]
      as [(UInt64, UInt64)])
  func loopbackWiresTheModemOutputsToTheInputs(control: UInt64, status: UInt64) {
    write(4, control)
    #expect(read(6) == status)
    write(4, 0)
    #expect(read(6) == 0xb0)
  }

  @Test func theQueueShowsInTheIdentification() {
    write(2, 0x01)
    #expect(read(2) == 0xc1)
    write(2, 0x00)
    #expect(read(2) == 0x01)
  }

  // MARK: - Output

  @Test(arguments: [0x00, 0x01] as [UInt64])
  func bytesGoOutInOrder(control: UInt64) {
    write(2, control)
    for byte in "hello".utf8 {
      write(0, UInt64(byte))
      #expect(read(5) == 0x60)
    }
    #expect(backend.output == Array("hello".utf8))
  }

  @Test func theTransmitterWaitsForRoomAndLosesNothing() {
    write(2, 0x01)
    write(1, 0x02)
    _ = read(2)
    backend.room = 2
    for byte in UInt64(1)...18 { write(0, byte) }
    #expect(backend.output == [1, 2])
    #expect(read(5) == 0)
    #expect(!line.isHigh)
    backend.giveRoom(3)
    #expect(backend.output == [1, 2, 3, 4, 5])
    #expect(read(5) == 0)
    backend.giveRoom(12)
    #expect(backend.output.count == 17)
    // The last byte has left the queue for the shift register.
    #expect(read(5) == 0x20)
    #expect(line.isHigh)
    backend.giveRoom(1)
    #expect(backend.output == Array(1...18))
    #expect(read(5) == 0x60)
  }

  @Test func aFullQueueDropsTheOldest() {
    write(2, 0x01)
    backend.room = 0
    for byte in UInt64(1)...20 { write(0, byte) }
    backend.giveRoom(.max)
    #expect(backend.output == [1] + Array(5...20))
  }

  @Test func clearingTheQueueForgetsWhatIsUnsent() {
    write(2, 0x01)
    backend.room = 0
    for byte in UInt64(1)...5 { write(0, byte) }
    write(2, 0x05)
    #expect(read(5) == 0x20)
    backend.giveRoom(.max)
    #expect(backend.output == [1])
    #expect(read(5) == 0x60)
  }

  @Test func theEmptyTransmitterInterruptsOnceForEachByte() {
    write(1, 0x02)
    #expect(line.isHigh)
    #expect(read(2) == 0x02)
    #expect(!line.isHigh)
    #expect(read(2) == 0x01)
    write(0, 0x41)
    #expect(line.isHigh)
    #expect(read(2) == 0x02)
    // Turning it off and on again asks anew.
    write(1, 0x00)
    write(1, 0x02)
    #expect(line.isHigh)
  }

  // MARK: - Input

  @Test func withoutAQueueThereIsRoomForOne() {
    #expect(backend.send([1, 2]) == 1)
    #expect(read(5) == 0x61)
    #expect(read(0) == 1)
    #expect(read(5) == 0x60)
    // The byte stays in its register, the queue's end does not.
    #expect(read(0) == 1)
    write(2, 0x01)
    #expect(read(0) == 0)
    write(2, 0x00)
    #expect(backend.resumes > 0)
    #expect(backend.send([2]) == 1)
  }

  @Test(arguments: [(0x01, 1), (0x41, 4), (0x81, 8), (0xc1, 14)] as [(UInt64, Int)])
  func theQueueInterruptsAtItsTriggerLevel(control: UInt64, level: Int) {
    write(2, control)
    write(1, 0x01)
    for index in 1..<16 {
      #expect(backend.send([UInt8(index)]) == 1)
      #expect(line.isHigh == (index >= level))
      #expect(read(2) == (index >= level ? 0xc4 : 0xc1))
    }
    #expect(backend.send([16, 17]) == 1)
    for index in UInt64(1)...16 { #expect(read(0) == index) }
    #expect(!line.isHigh)
    #expect(read(0) == 0)
  }

  @Test func aFewBytesInterruptAfterFourCharacters() {
    write(2, 0xc1)
    write(1, 0x01)
    write(3, 0x83)
    // 300 baud: a character of 10 bits takes 33 ms.
    write(0, 0x80)
    write(1, 0x01)
    write(3, 0x03)
    backend.send([1, 2])
    pass(milliseconds: 100)
    #expect(!line.isHigh)
    #expect(read(0) == 1)
    pass(milliseconds: 100)
    #expect(!line.isHigh)
    pass(milliseconds: 40)
    #expect(line.isHigh)
    #expect(read(2) == 0xcc)
    #expect(read(0) == 2)
    #expect(!line.isHigh)
    pass(milliseconds: 1000)
    #expect(!line.isHigh)
    #expect(events.timerCount == 0)
  }

  @Test func anOverrunKeepsTheQueueAndIsToldOnce() {
    write(2, 0x01)
    write(1, 0x04)
    write(4, 0x10)
    for byte in UInt64(1)...17 { write(0, byte) }
    #expect(line.isHigh)
    #expect(read(2) == 0xc6)
    #expect(read(5) == 0x63)
    #expect(!line.isHigh)
    #expect(read(5) == 0x61)
    for byte in UInt64(1)...16 { #expect(read(0) == byte) }
    #expect(backend.output.isEmpty)
  }

  @Test func aBreakIsAZeroWithItsFlag() {
    write(2, 0x01)
    write(1, 0x05)
    backend.sendBreak()
    #expect(read(2) == 0xc6)
    #expect(read(5) == 0x71)
    #expect(read(2) == 0xc4)
    #expect(read(0) == 0)
    #expect(read(5) == 0x60)
  }

  @Test func loopbackHearsItselfAndNobodyElse() {
    write(4, 0x10)
    write(0, 0x5a)
    #expect(read(5) == 0x61)
    #expect(backend.send([1]) == 0)
    #expect(read(0) == 0x5a)
    #expect(backend.output.isEmpty)
    write(4, 0)
    #expect(backend.send([1]) == 1)
  }

  @Test func clearingTheQueueForgetsInput() {
    write(2, 0x01)
    write(1, 0x01)
    backend.send([1, 2, 3])
    write(2, 0x03)
    #expect(!line.isHigh)
    #expect(read(5) == 0x60)
    #expect(read(0) == 0)
  }

  @Test func aResetLowersTheLine() {
    write(1, 0x02)
    #expect(line.isHigh)
    port.reset()
    #expect(!line.isHigh)
    #expect(read(1) == 0)
  }

  // MARK: - Anything

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func noSequenceOfAccessesTrapsOrLosesTheInvariants(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<20_000 {
      let offset = UInt64.random(in: 0...9, using: &generator)
      let size = [1, 1, 1, 2, 4, 8, 3, 0].randomElement(using: &generator) ?? 1
      switch UInt8.random(in: 0..<12, using: &generator) {
      case 0: backend.room = Int.random(in: 0..<4, using: &generator)
      case 1: backend.giveRoom(Int.random(in: 0..<40, using: &generator))
      case 2: backend.send([1, 2, 3])
      case 3: backend.sendBreak()
      case 4: pass(milliseconds: UInt32.random(in: 0..<40, using: &generator))
      case 5...7: _ = port.read(offset: offset, size: size)
      default:
        port.write(
          offset: offset, size: size, value: UInt64.random(in: 0 ... .max, using: &generator))
      }
      #expect(events.timerCount <= 1)
      backend.output.removeAll()
      // Looking has side effects, so this is part of the sequence.
      let identification = read(2)
      if identification & 0xf == 1 { #expect(!line.isHigh) }
    }
  }

  @Test func bytesInEqualBytesOutWhateverTheRoom() {
    var generator = SeededGenerator(seed: 9)
    write(2, 0x01)
    var sent: [UInt8] = []
    for step in 0..<5000 {
      if Bool.random(using: &generator) {
        backend.giveRoom(Int.random(in: 0..<9, using: &generator))
      }
      // A program that looks first.
      guard read(5) & 0x20 != 0 else { continue }
      let byte = UInt8(truncatingIfNeeded: step)
      sent.append(byte)
      write(0, UInt64(byte))
    }
    backend.giveRoom(.max)
    #expect(backend.output == sent)
  }
}
