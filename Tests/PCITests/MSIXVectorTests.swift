import PCI
import TestSupport
import Testing

@Suite struct MSIXVectorTests {
  @Test func aFreshVectorIsMaskedAndKeepsWhatWaits() {
    var vector = MSIXVector()
    #expect(vector.read(offset: 12, size: 4) == 1)
    vector.write(offset: 0, size: 8, value: 0x1_fee0_1003)
    vector.write(offset: 8, size: 4, value: 0x4041)
    #expect(vector.message == (0x1_fee0_1000, 0x4041))
    let isSent = vector.signal(isFunctionMasked: false)
    #expect(!isSent && vector.isPending)
    vector.write(offset: 12, size: 4, value: 0)
    let isHeld = vector.release(isFunctionMasked: true)
    #expect(!isHeld && vector.isPending)
    let isReleased = vector.release(isFunctionMasked: false)
    #expect(isReleased && !vector.isPending)
    let isRepeated = vector.release(isFunctionMasked: false)
    #expect(!isRepeated)
    let isSentAtOnce = vector.signal(isFunctionMasked: false)
    #expect(isSentAtOnce && !vector.isPending)
  }

  @Test(arguments: [0, 1, 3, 5, 9, 14, 15, 16, 17, 0x7ff, .max - 1, .max] as [UInt64])
  func accessesAnywhereKeepTheTableWhole(offset: UInt64) {
    for size in [1, 2, 4, 8, 0, -1, 16] {
      var vector = MSIXVector()
      vector.write(offset: offset, size: size, value: .max)
      let inside = (0..<UInt64(min(max(size, 0), 8))).filter { index in
        let (place, isBeyond) = offset.addingReportingOverflow(index)
        return !isBeyond && place < 16
      }
      let value = vector.read(offset: offset, size: size)
      for index in inside { #expect(value >> (8 * index) & 0xff == 0xff) }
    }
  }
}
