/// Which BARs of a function move when its config space has changed, and where to.
///
/// Pure: made from the copy of config space alone, so that several moves, also those that change two
/// BARs' places, can be made at once.
package struct BARPlan: Equatable, Sendable {
  /// The index of the expansion ROM, after those of the BARs.
  package static let romIndex = 6

  /// The guest addresses of the BARs and of the ROM by index; nil where decoding is off, there is no
  /// BAR, or its value is no place.
  package struct Places: Equatable, Sendable {
    private var addresses = InlineArray<7, UInt64?>(repeating: nil)

    package init() {}

    package subscript(index: Int) -> UInt64? {
      get { (0..<7).contains(index) ? addresses[index] : nil }
      set { if (0..<7).contains(index) { addresses[index] = newValue } }
    }

    package static func == (left: Places, right: Places) -> Bool {
      (0..<7).allSatisfy { left.addresses[$0] == right.addresses[$0] }
    }
  }

  /// A BAR that appears, moves, or with nil goes away.
  package struct Move: Equatable, Sendable {
    package let index: Int
    package let address: UInt64?

    package init(index: Int, address: UInt64?) {
      self.index = index
      self.address = address
    }
  }

  /// In the order of the indexes, the ROM last.
  package let moves: [Move]
  /// Where everything is after the moves.
  package let places: Places

  /// Compares where the BARs are with where the copy wants them. Nothing is anywhere while the function
  /// has no power or is not in D0.
  package static func make(
    from current: Places, image: ConfigImage, layout: BARLayout, rom: ExpansionROMBAR?,
    isPowered: Bool
  ) -> BARPlan {
    var wanted = Places()
    if isPowered {
      for bar in layout.bars { wanted[bar.index] = bar.mappedAddress(in: image) }
      wanted[romIndex] = rom?.mappedAddress(in: image)
    }
    var moves: [Move] = []
    for index in 0...romIndex where wanted[index] != current[index] {
      moves.append(Move(index: index, address: wanted[index]))
    }
    return BARPlan(moves: moves, places: wanted)
  }
}
