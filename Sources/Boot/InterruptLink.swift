/// The device by which a guest that uses the 8259 routes one of the lines PIRQA to PIRQH, in the
/// bridge's register for it (ICH9 datasheet, 13.1.16): bit 7 set is not routed. Guests that use APICs
/// do not find it.
struct InterruptLink {
  /// `A` to `H`.
  private let letter: Character

  /// The link of a line by its I/O APIC input, 16 (PIRQA) to 23 (PIRQH); nil for another input.
  init?(input: UInt32) {
    guard (16...23).contains(input) else { return nil }
    letter = Array("ABCDEFGH")[Int(input - 16)]
  }

  /// The device's name in the system bus's scope.
  var name: String { "\\_SB.LNK\(letter)" }

  static var allDevices: [AML] {
    (16...23).compactMap { InterruptLink(input: $0)?.device(number: UInt64($0 - 15)) }
  }

  private func device(number: UInt64) -> AML {
    let register = AML.path("\\_SB.PCI0.ISA.PRQ\(letter)")
    var possible = ResourceTemplate()
    possible.addSharedInterrupts([5, 10, 11])
    var current = ResourceTemplate()
    current.addSharedInterrupts([0])
    return .device(
      "LNK\(letter)",
      [
        .name("_HID", .eisaID("PNP0C0F")), .name("_UID", .integer(number)),
        .name("_PRS", possible.buffer), .name("BUF0", current.buffer),
        .dwordField(.path("BUF0"), 5, "IRQ0"),
        .method(
          "_STA", arguments: 0,
          [
            .if(.path("PICF"), [.return(.integer(0))]),
            .if(.and(register, .integer(0x80)), [.return(.integer(0x9))]),
            .return(.integer(0xb)),
          ]),
        .method("_DIS", arguments: 0, [.or(register, .integer(0x80), register)]),
        .method(
          "_CRS", arguments: 0, isSerialized: true,
          [
            .if(.and(register, .integer(0x80)), [.store(.integer(0), .path("IRQ0"))]),
            .else([.and(register, .integer(0xf), .path("IRQ0"))]),
            .return(.path("BUF0")),
          ]),
        .method(
          "_SRS", arguments: 1, isSerialized: true,
          [.dwordField(.argument(0), 5, "IRQ1"), .store(.path("IRQ1"), register)]),
      ])
  }
}
