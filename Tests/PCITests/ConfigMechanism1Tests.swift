import PCI
import Testing

@Suite struct ConfigMechanism1Tests {
  @Test(
    arguments: [
      (0x8000_2004, 0x8000_2004), (0xffff_ffff, 0x80ff_fffc), (0x0000_2004, 0x0000_2004),
      (0x7f00_0003, 0),
    ] as [(UInt32, UInt32)])
  func `A dword write to 0xcf8 is latched without its reserved bits`(
    value: UInt32, latched: UInt32
  ) {
    var mechanism = ConfigMechanism1()
    #expect(mechanism.readAddress(offset: 0, length: 4) == 0)
    let isLatched = mechanism.writeAddress(offset: 0, length: 4, value: value)
    #expect(isLatched)
    #expect(mechanism.readAddress(offset: 0, length: 4) == latched)
    #expect(mechanism.address == latched)
  }

  @Test(
    arguments: [
      (0, 1), (0, 2), (0, 8), (0, 0), (1, 1), (1, 4), (2, 2), (3, 1), (.max, 4), (4, 4),
    ] as [(UInt64, Int)])
  func `Any other access does not reach the address`(offset: UInt64, length: Int) {
    var mechanism = ConfigMechanism1()
    mechanism.writeAddress(offset: 0, length: 4, value: 0x8000_2004)
    let isLatched = mechanism.writeAddress(offset: offset, length: length, value: .max)
    #expect(!isLatched)
    #expect(mechanism.readAddress(offset: offset, length: length) == nil)
    #expect(mechanism.address == 0x8000_2004)
  }

  @Test(arguments: [0, 1, 2, 3, 4, 5, 8, 1 << 63, .max] as [UInt64], [-1, 0, 1, 2, 3, 4, 8])
  func `The window takes 1, 2 or 4 bytes inside four ports`(offset: UInt64, length: Int) {
    var mechanism = ConfigMechanism1()
    mechanism.writeAddress(offset: 0, length: 4, value: 0x8012_a5e8)
    let isInside =
      offset < 4 && [1, 2, 4].contains(length) && offset + UInt64(length) <= 4
    let target = ConfigMechanism1.Target(
      bus: 0x12, devfn: 0xa5, offset: 0xe8 + Int(truncatingIfNeeded: offset))
    #expect(mechanism.target(offset: offset, length: length) == (isInside ? target : nil))
  }

  @Test func `A disabled window leads nowhere`() {
    var mechanism = ConfigMechanism1()
    #expect(mechanism.target(offset: 0, length: 4) == nil)
    mechanism.writeAddress(offset: 0, length: 4, value: 0x7fff_ffff)
    #expect(mechanism.target(offset: 0, length: 4) == nil)
  }
}
