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
    #expect(mechanism.readAddress(port: 0xcf8, length: 4) == 0)
    let isLatched = mechanism.writeAddress(port: 0xcf8, length: 4, value: value)
    #expect(isLatched)
    #expect(mechanism.readAddress(port: 0xcf8, length: 4) == latched)
    #expect(mechanism.address == latched)
  }

  @Test(
    arguments: [
      (0xcf8, 1), (0xcf8, 2), (0xcf8, 8), (0xcf8, 0), (0xcf9, 1), (0xcf9, 4), (0xcfa, 2),
      (0xcfb, 1), (0xcf7, 4), (0xcfc, 4),
    ] as [(UInt16, Int)])
  func `Any other access does not reach the address`(port: UInt16, length: Int) {
    var mechanism = ConfigMechanism1()
    mechanism.writeAddress(port: 0xcf8, length: 4, value: 0x8000_2004)
    let isLatched = mechanism.writeAddress(port: port, length: length, value: .max)
    #expect(!isLatched)
    #expect(mechanism.readAddress(port: port, length: length) == nil)
    #expect(mechanism.address == 0x8000_2004)
  }

  @Test(arguments: 0xcf0...0xd08 as ClosedRange<UInt16>, [-1, 0, 1, 2, 3, 4, 8])
  func `The window takes 1, 2 or 4 bytes inside four ports`(port: UInt16, length: Int) {
    var mechanism = ConfigMechanism1()
    mechanism.writeAddress(port: 0xcf8, length: 4, value: 0x8012_a5e8)
    let isInside =
      (0xcfc...0xcff).contains(port) && [1, 2, 4].contains(length) && Int(port) + length <= 0xd00
    let target = ConfigMechanism1.Target(
      bus: 0x12, devfn: 0xa5, offset: 0xe8 + Int(port) - 0xcfc)
    #expect(mechanism.target(port: port, length: length) == (isInside ? target : nil))
  }

  @Test func `A disabled window leads nowhere`() {
    var mechanism = ConfigMechanism1()
    #expect(mechanism.target(port: 0xcfc, length: 4) == nil)
    mechanism.writeAddress(port: 0xcf8, length: 4, value: 0x7fff_ffff)
    #expect(mechanism.target(port: 0xcfc, length: 4) == nil)
  }
}
