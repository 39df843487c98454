import CommandLine
import Testing

@Suite struct AddressTests {
  @Test(arguments: [
    ("0000:81:00.0", "0000:81:00.0"), ("81:00.0", "0000:81:00.0"), ("0:1:2.3", "0000:01:02.3"),
    ("00001:2.3", "0000:01:02.3"), ("0001:001:1.0", "0001:01:01.0"), ("AB:0C.7", "0000:ab:0c.7"),
    ("ffff:ff:1f.7", "ffff:ff:1f.7"),
  ])
  func hostAddressesAreReadAsQEMUReadsThem(text: String, full: String) throws {
    let address = try #require(HostPCIAddress(text))
    #expect(address.description == full)
    #expect(HostPCIAddress(full) == address)
  }

  @Test(arguments: [
    "", "zz", "1:2", "01:00", "10000:01:00.0", "100:00.0", "01:20.0", "01:00.8", "01:00.0j",
    "0x1:0x2.0x3", "1:2.3.4", "-1:2.3", "+1:2.3", " 1:2.3", "1:2.3 ", ":01:00.0", "1:2:3:4.5",
    "1:2.", "1:.3", "1::2.3", ".", ":", ":.", "1.2:3", "１:2.3",
  ])
  func malformedHostAddressesAreRefused(text: String) {
    #expect(HostPCIAddress(text) == nil)
  }

  @Test func everyHostAddressReadsBackFromItsDescription() {
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<2000 {
      let address = HostPCIAddress(
        domain: .random(in: 0...0xffff, using: &generator),
        bus: .random(in: 0...0xff, using: &generator), slot: .random(in: 0...31, using: &generator),
        function: .random(in: 0...7, using: &generator))
      #expect(address.flatMap { HostPCIAddress($0.description) } == address)
    }
  }

  @Test(
    arguments: [
      ("4", "04.0", 0x20), ("04", "04.0", 0x20), ("4.1", "04.1", 0x21), ("1f.7", "1f.7", 0xff),
      ("0x4.0x1", "04.1", 0x21), ("0", "00.0", 0),
    ] as [(String, String, UInt8)])
  func guestAddressesAreReadAsQEMUReadsThem(text: String, full: String, devfn: UInt8) throws {
    let address = try #require(GuestPCIAddress(text))
    #expect(address.description == full)
    #expect(address.devfn == devfn)
    #expect(GuestPCIAddress(full) == address)
  }

  @Test(arguments: ["", "20", "4.8", "zz", "-1", "4.", ".1", "4.1.2", "04.08", "auto", " 4", "0x"])
  func malformedGuestAddressesAreRefused(text: String) {
    #expect(GuestPCIAddress(text) == nil)
  }

  @Test func slotAndFunctionHaveTheirLimits() {
    #expect(GuestPCIAddress(slot: 32) == nil)
    #expect(GuestPCIAddress(slot: 0, function: 8) == nil)
    #expect(HostPCIAddress(bus: 0, slot: 32, function: 0) == nil)
    #expect(HostPCIAddress(bus: 0, slot: 0, function: 8) == nil)
  }
}
