import CommandLine
import Testing

@Suite struct AddressTests {
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
  }
}
