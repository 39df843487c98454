import Hypervisor
import TestSupport
import Testing

@Suite struct IOAPICTests {
  private typealias Effect = IOAPIC.Effect

  private func set(
    _ ioapic: inout IOAPIC, _ pin: Int, low: UInt32, high: UInt32 = 0
  ) -> [IOAPIC.Effect] {
    _ = ioapic.write(offset: 0, value: UInt32(0x11 + 2 * pin))
    let first = ioapic.write(offset: 0x10, value: high)
    _ = ioapic.write(offset: 0, value: UInt32(0x10 + 2 * pin))
    return first + ioapic.write(offset: 0x10, value: low)
  }

  private func entry(_ ioapic: inout IOAPIC, _ pin: Int) -> UInt32 {
    _ = ioapic.write(offset: 0, value: UInt32(0x10 + 2 * pin))
    return ioapic.read(offset: 0x10)
  }

  @Test func itsRegistersTellItsKind() {
    var ioapic = IOAPIC()
    _ = ioapic.write(offset: 0, value: 1)
    #expect(ioapic.read(offset: 0x10) == 0x0017_0020 && ioapic.read(offset: 0) == 1)
    _ = ioapic.write(offset: 0, value: 0)
    _ = ioapic.write(offset: 0x10, value: 0xf5ff_ffff)
    #expect(ioapic.read(offset: 0x10) == 0x0500_0000)
    for pin in 0..<24 { #expect(entry(&ioapic, pin) == 0x1_0000) }
    _ = ioapic.write(offset: 0, value: 0x40)
    #expect(ioapic.read(offset: 0x10) == 0)
  }

  @Test func anEdgeIsSentOnceWithVectorAndDestination() {
    var ioapic = IOAPIC()
    let message = MSIMessage(address: 0xfee0_3004, data: 0x131)
    #expect(
      set(&ioapic, 4, low: 0x931, high: 3 << 24).filter { $0 != .route(pin: 4, nil) }
        == [.route(pin: 4, message)])
    #expect(ioapic.set(4, level: true) == [.send(message)])
    #expect(ioapic.set(4, level: true) == [])
    #expect(ioapic.set(4, level: false) == [])
    #expect(ioapic.set(4, level: true) == [.send(message)])
    #expect(ioapic.endOfInterrupt(vector: 0x31) == [])
  }

  @Test func anEdgeWhileMaskedIsLost() {
    var ioapic = IOAPIC()
    #expect(set(&ioapic, 4, low: 0x1_0031).contains(.route(pin: 4, nil)))
    #expect(ioapic.set(4, level: true) == [])
    #expect(set(&ioapic, 4, low: 0x31).filter { if case .send = $0 { true } else { false } } == [])
  }

  @Test func aLevelIsSentAgainAfterItsEndForAsLongAsItIsHigh() {
    var ioapic = IOAPIC()
    _ = set(&ioapic, 20, low: 0x8031)
    let message = MSIMessage(address: 0xfee0_0000, data: 0xc031)
    #expect(ioapic.set(20, level: true) == [.send(message)])
    #expect(entry(&ioapic, 20) == 0xc031)
    #expect(ioapic.set(20, level: false) == [] && ioapic.set(20, level: true) == [])
    #expect(
      ioapic.endOfInterrupt(vector: 0x31) == [.resample(pin: 20), .send(message)])
    #expect(ioapic.set(20, level: false) == [])
    #expect(ioapic.endOfInterrupt(vector: 0x31) == [.resample(pin: 20)])
    #expect(entry(&ioapic, 20) == 0x8031)
    #expect(ioapic.endOfInterrupt(vector: 0x32) == [])
  }

  @Test func aLevelThatCameWhileMaskedIsSentWhenItMay() {
    var ioapic = IOAPIC()
    _ = set(&ioapic, 20, low: 0x1_8031)
    #expect(ioapic.set(20, level: true) == [])
    let message = MSIMessage(address: 0xfee0_0000, data: 0xc031)
    #expect(
      set(&ioapic, 20, low: 0x8031).suffix(3)
        == [.route(pin: 20, message), .resample(pin: 20), .send(message)])
  }

  @Test func theEndRegisterEndsToo() {
    var ioapic = IOAPIC()
    _ = set(&ioapic, 20, low: 0x8031)
    _ = ioapic.set(20, level: true)
    _ = ioapic.set(20, level: false)
    #expect(ioapic.write(offset: 0x40, value: 0x31) == [.resample(pin: 20)])
  }

  @Test func whateverAGuestWritesPinsStayWithinBounds() {
    var generator = SeededGenerator(seed: 11)
    var ioapic = IOAPIC()
    for _ in 0..<20_000 {
      let effects: [IOAPIC.Effect]
      switch Int.random(in: 0..<4, using: &generator) {
      case 0:
        effects = ioapic.set(
          .random(in: -1...30, using: &generator), level: .random(using: &generator))
      case 1:
        effects = ioapic.endOfInterrupt(vector: .random(in: 0...255, using: &generator))
      default:
        effects = ioapic.write(
          offset: [0, 0x10, 0x10, 0x40, 0x44].randomElement(using: &generator)!,
          value: .random(in: 0...(.max), using: &generator) & 0x81_ffff)
      }
      #expect(effects.count <= 2 * 24)
      for case .send(let message) in effects {
        #expect(message.address >> 20 == 0xfee && message.data >> 16 == 0)
      }
      _ = ioapic.read(offset: 0x10)
    }
  }
}
