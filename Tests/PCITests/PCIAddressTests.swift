import PCI
import TestSupport
import Testing

@Suite struct PCIAddressTests {
  @Test(arguments: [
    ("0000:81:00.0", "0000:81:00.0"), ("81:00.0", "0000:81:00.0"), ("1:2.3", "0000:01:02.3"),
    ("ffff:ff:1f.7", "ffff:ff:1f.7"), ("ABCD:EF:1A.0", "abcd:ef:1a.0"),
    ("0:0:0.0", "0000:00:00.0"), ("00001:2.3", "0000:01:02.3"), ("0001:001:1.0", "0001:01:01.0"),
    ("00000:001:002.03", "0000:01:02.3"),
  ])
  func `QEMU's form is read and sysfs's form is written`(text: String, canonical: String) throws {
    let address = try #require(PCIAddress(text))
    #expect(address.description == canonical)
    #expect(PCIAddress(canonical) == address)
  }

  @Test(arguments: [
    "", "zz", "81", "81:00", "81.0", "81:00.", ":00.0", "81:.0", "0:81:00.0.0", "0:0:81:00.0",
    "81:00.8", "81:20.0", "100:00.0", "10000:81:00.0", "+1:0.0", "-1:0.0", "1:+2.0", "1:0.-0",
    " 1:0.0", "1:0.0 ", "0x81:0.0", "81:0g.0", "81:00.0\0",
    "0x1:0x2.0x3", ":01:00.0", "1:2:3:4.5", "1::2.3", ".", ":", ":.", "1.2:3", "１:2.3",
  ])
  func `Anything else is refused`(text: String) {
    #expect(PCIAddress(text) == nil)
  }

  @Test func `Every address reads back from its description`() {
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<2000 {
      let address = PCIAddress(
        domain: .random(in: 0...0xffff, using: &generator),
        bus: .random(in: 0...0xff, using: &generator),
        devfn: .random(in: 0...0xff, using: &generator))
      #expect(PCIAddress(address.description) == address)
      #expect(PCIAddress(sysfsName: address.description) == address)
    }
  }

  @Test(arguments: ["0000:81:00.0", "ffff:ff:1f.7", "ABCD:EF:1A.0"])
  func `The full form is read as sysfs names it`(text: String) throws {
    let address = try #require(PCIAddress(sysfsName: text))
    #expect(address == PCIAddress(text))
  }

  @Test(arguments: [
    "", "81:00.0", "0000:81:0.0", "000:081:00.0", "0000:081:0.0", "00000:1:00.0", "0000:81:00.00",
    "0000:81:20.0", "0000:81:00.8", "0000:81:00.0 ", "+000:81:00.0",
  ])
  func `A form other than that of sysfs is refused where it is asked for`(text: String) {
    #expect(PCIAddress(sysfsName: text) == nil)
  }

  @Test func `A device over 31 or a function over 7 is refused`() {
    #expect(PCIAddress(bus: 0, device: 32, function: 0) == nil)
    #expect(PCIAddress(bus: 0, device: 0, function: 8) == nil)
    #expect(PCIAddress(bus: 0, device: 31, function: 7)?.devfn == 0xff)
  }

  @Test func `The packed number holds the device above the function`() {
    for devfn in UInt8.min...UInt8.max {
      let address = PCIAddress(domain: 3, bus: 2, devfn: devfn)
      #expect(address.devfn == devfn)
      #expect(
        PCIAddress(domain: 3, bus: 2, device: devfn / 8, function: devfn % 8) == address)
    }
  }

  @Test func `Order is by domain, bus, device and function`() {
    let texts = ["0:0:0.1", "0:0:1.0", "0:1:0.0", "0:1:1f.7", "1:0:0.0"]
    let addresses = texts.compactMap { PCIAddress($0) }
    #expect(addresses.count == texts.count)
    #expect(addresses.reversed().sorted() == addresses)
    #expect(Set(addresses + addresses).count == texts.count)
  }
}
