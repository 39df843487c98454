/// Gives equal byte strings equal numbers, from 0 up in the order of their first appearance. Every text is
/// kept once and compared byte by byte, so two numbers are equal only when the texts are.
package struct LineTable {
  private var arena: [UInt8] = []
  /// Where text n ends in the arena; it starts where text n - 1 ends.
  private var ends: [Int] = []
  private var hashes: [UInt64] = []
  /// Open addressing with linear probing; -1 is a free slot; the count is a power of two.
  private var slots: [Int32] = [Int32](repeating: -1, count: 1024)
  private let seed = UInt64.random(in: .min ... .max)

  package init() {}

  /// How many different texts there are.
  package var count: Int { ends.count }

  /// The number of `text`, a new one when it was not seen before.
  package mutating func number(of text: [UInt8]) -> Int32 {
    number(of: text.span)
  }

  /// The number of `text`, a new one when it was not seen before.
  package mutating func number(of text: Span<UInt8>) -> Int32 {
    let hash = hash(text)
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] >= 0 {
      let number = Int(slots[slot])
      if hashes[number] == hash, holds(text, at: number) { return slots[slot] }
      slot = (slot + 1) & mask
    }
    let number = Int32(truncatingIfNeeded: ends.count)
    slots[slot] = number
    hashes.append(hash)
    arena.append(addingCapacity: text.count) { output in
      for index in text.indices { output.append(text[index]) }
    }
    ends.append(arena.count)
    if ends.count * 2 > slots.count { grow() }
    return number
  }

  /// The bytes of text `number`.
  package func bytes(of number: Int32) -> ArraySlice<UInt8> {
    arena[range(of: Int(number))]
  }

  private func range(of number: Int) -> Range<Int> {
    (number == 0 ? 0 : ends[number - 1])..<ends[number]
  }

  private func holds(_ text: Span<UInt8>, at number: Int) -> Bool {
    let range = range(of: number)
    guard range.count == text.count else { return false }
    let stored = arena.span.extracting(range)
    for index in text.indices where stored[index] != text[index] {
      return false
    }
    return true
  }

  /// Mixes eight bytes at a time; the seed differs from run to run.
  private func hash(_ text: Span<UInt8>) -> UInt64 {
    let bytes = unsafe text.bytes
    var hash = seed ^ UInt64(truncatingIfNeeded: text.count)
    var offset = 0
    while offset + 8 <= bytes.byteCount {
      // Inside the span by the condition above.
      let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
      hash = Self.mix(hash ^ word)
      offset += 8
    }
    var rest: UInt64 = 0
    while offset < text.count {
      rest = rest << 8 | UInt64(text[offset])
      offset += 1
    }
    return Self.mix(hash ^ rest)
  }

  /// Both halves of the product with an odd constant, folded.
  @inline(__always)
  private static func mix(_ value: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
    return product.high ^ product.low
  }

  private mutating func grow() {
    let count = slots.count * 4
    slots = [Int32](repeating: -1, count: count)
    for (number, hash) in hashes.enumerated() {
      var slot = Int(truncatingIfNeeded: hash) & (count - 1)
      while slots[slot] >= 0 {
        slot = (slot + 1) & (count - 1)
      }
      slots[slot] = Int32(truncatingIfNeeded: number)
    }
  }
}
