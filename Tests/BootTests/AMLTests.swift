import Testing

@testable import Boot

@Suite struct AMLTests {
  @Test(
    arguments: [
      (0, [0x00]), (1, [0x01]), (2, [0x0a, 2]), (0xff, [0x0a, 0xff]), (0x100, [0x0b, 0, 1]),
      (0x1_0000, [0x0c, 0, 0, 1, 0]), (1 << 32, [0x0e, 0, 0, 0, 0, 1, 0, 0, 0]),
    ] as [(UInt64, [UInt8])])
  func integersTakeTheirShortestForm(value: UInt64, bytes: [UInt8]) {
    #expect(AML.integer(value).bytes == bytes)
  }

  @Test func identifiersAreCompressed() {
    #expect(AML.eisaID("PNP0A03").bytes == [0x0c, 0x41, 0xd0, 0x0a, 0x03])
    #expect(AML.eisaID("PNP0C0F").bytes == [0x0c, 0x41, 0xd0, 0x0c, 0x0f])
  }

  @Test(arguments: [
    ("PCI0", "PCI0"), ("\\_S5", "\\_S5_"), ("\\_SB.PCI0", "\\\u{2e}_SB_PCI0"),
    ("^A", "^A___"), ("A.B.C", "\u{2f}\u{3}A___B___C___"), ("\\", "\\\0"),
  ])
  func pathsAreSegmentsOfFourCharacters(path: String, bytes: String) {
    #expect(AML.path(path).bytes == [UInt8](bytes.utf8))
  }

  @Test(arguments: [0, 50, 55, 56, 60, 70, 4000, 4080, 4090, 5000, 0xf_fff0, 0x10_0010])
  func aLengthCountsItsOwnBytes(count: Int) throws {
    let bytes = AML.scope("ABCD", [AML([UInt8](repeating: 0xa3, count: count))]).bytes
    let more = Int(bytes[1] >> 6)
    var length = Int(bytes[1]) & (more == 0 ? 0x3f : 0xf)
    for index in 0..<more { length |= Int(bytes[2 + index]) << (4 + 8 * index) }
    #expect(length == bytes.count - 1)
  }
}
