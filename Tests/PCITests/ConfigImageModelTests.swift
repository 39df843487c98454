import PCI
import TestSupport
import Testing

/// Config space bit by bit, as simply as it can be said.
private struct BitModel {
  var value: [Bool]
  var isEmulated: [Bool]
  var isWritable: [Bool]
  var clearsOnWrite: [Bool]

  init(bytes: [UInt8]) {
    value = Self.bits(of: bytes)
    isEmulated = [Bool](repeating: false, count: value.count)
    isWritable = isEmulated
    clearsOnWrite = isEmulated
  }

  /// All bits, the lowest of each byte first.
  static func bits(of bytes: [UInt8]) -> [Bool] {
    (0..<bytes.count * 8).map { bytes[$0 / 8] >> UInt8($0 % 8) & 1 == 1 }
  }

  /// The bits of an access: number in the access, and number in the space if it is inside.
  private func bits(_ offset: Int, _ length: Int) -> [(bit: Int, place: Int?)] {
    guard length > 0 else { return [] }
    return (0..<min(length, 4) * 8).map { bit in
      let (byte, overflow) = offset.addingReportingOverflow(bit / 8)
      let isInside = !overflow && byte >= 0 && byte < value.count / 8
      return (bit, isInside ? byte * 8 + bit % 8 : nil)
    }
  }

  func read(_ offset: Int, _ length: Int, host: UInt32) -> UInt32 {
    var result: UInt32 = 0
    for (bit, place) in bits(offset, length) {
      let isSet =
        if let place {
          isEmulated[place] ? value[place] : host >> UInt32(bit) & 1 == 1
        } else { true }
      if isSet { result |= 1 << UInt32(bit) }
    }
    return result
  }

  func isAllEmulated(_ offset: Int, _ length: Int) -> Bool {
    bits(offset, length).allSatisfy { $0.place.map { isEmulated[$0] } ?? true }
  }

  mutating func write(_ offset: Int, _ length: Int, _ new: UInt32) {
    for case (let bit, let place?) in bits(offset, length) {
      let isSet = new >> UInt32(bit) & 1 == 1
      if isWritable[place] { value[place] = isSet }
      if clearsOnWrite[place], isSet { value[place] = false }
    }
  }

  /// Applies a change to each bit that a mask at an offset has.
  mutating func forEach(
    _ offset: Int, mask: UInt32, _ body: (inout BitModel, _ place: Int) -> Void
  ) {
    for case (let bit, let place?) in bits(offset, 4) where mask >> UInt32(bit) & 1 == 1 {
      body(&self, place)
    }
  }
}

@Suite struct ConfigImageModelTests {
  /// Mostly near or over an edge, now and then absurd.
  private func anOffset(_ size: Int, _ generator: inout SeededGenerator) -> Int {
    switch Int.random(in: 0..<20, using: &generator) {
    case 0: [Int.min, -1000, .max - 1, .max].randomElement(using: &generator) ?? 0
    case 1...4: Int.random(in: -5...5, using: &generator)
    case 5...8: size + Int.random(in: -5...5, using: &generator)
    default: Int.random(in: 0..<size, using: &generator)
    }
  }

  @Test(arguments: [256, 4096], 1...12 as ClosedRange<UInt64>)
  func `Reads and writes under random masks match a bit-by-bit model`(size: Int, seed: UInt64)
    throws
  {
    var generator = SeededGenerator(seed: seed)
    let fixture = ConfigSpaceFixture(size: size, random: &generator)
    var image = try #require(fixture.image)
    var model = BitModel(bytes: fixture.bytes)
    for _ in 0..<size / 4 {
      let offset = anOffset(size, &generator)
      let mask = UInt32.random(in: 0...(.max), using: &generator)
      switch Int.random(in: 0..<5, using: &generator) {
      case 0:
        image.emulate(offset, mask: mask)
        model.forEach(offset, mask: mask) { $0.isEmulated[$1] = true }
      case 1:
        image.makeWritable(offset, mask: mask)
        model.forEach(offset, mask: mask) { $0.isWritable[$1] = true }
      case 2:
        image.makeClearOnWrite(offset, mask: mask)
        model.forEach(offset, mask: mask) { $0.clearsOnWrite[$1] = true }
      case 3:
        image.makeReadOnly(offset, mask: mask)
        model.forEach(offset, mask: mask) {
          $0.isWritable[$1] = false
          $0.clearsOnWrite[$1] = false
        }
      default:
        image.emulate(offset, count: 2)
        model.forEach(offset, mask: 0xffff) { $0.isEmulated[$1] = true }
      }
    }
    for _ in 0..<400 {
      let offset = anOffset(size, &generator)
      let length = Int.random(in: -1...6, using: &generator)
      let value = UInt32.random(in: 0...(.max), using: &generator)
      if Bool.random(using: &generator) {
        image.write(offset: offset, length: length, value: value)
        model.write(offset, length, value)
      }
      #expect(
        image.mergedRead(offset: offset, length: length, host: value)
          == model.read(offset, length, host: value), "offset \(offset), length \(length)")
      #expect(
        image.isFullyEmulated(offset: offset, length: length)
          == model.isAllEmulated(offset, length), "offset \(offset), length \(length)")
    }
    #expect(BitModel.bits(of: image.values) == model.value)
  }
}
