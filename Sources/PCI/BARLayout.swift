/// The base address registers of a function.
package struct BARLayout: Equatable, Sendable {
  /// In the order of their indexes; the upper half of a 64-bit BAR is not one.
  package let bars: [BARDescription]
  /// Indexes of regions whose size or register no BAR can have, and that the guest does not get.
  package let unusable: [Int]

  /// Decodes the sizes of VFIO regions 0 to 5 and the six registers as read from the device. A size
  /// of 0 means that there is no BAR; what is missing from either list counts as 0.
  package init(sizes: [UInt64], dwords: [UInt32]) {
    var bars: [BARDescription] = []
    var unusable: [Int] = []
    var index = 0
    while index < min(6, sizes.count) {
      let dword = index < dwords.count ? dwords[index] : 0
      if sizes[index] == 0 {
        index += 1
      } else if let bar = BARDescription(index: index, dword: dword, size: sizes[index]) {
        bars.append(bar)
        index += bar.registerCount
      } else {
        unusable.append(index)
        index += 1
      }
    }
    self.bars = bars
    self.unusable = unusable
  }

  /// The BAR at an index, if there is one.
  package subscript(index: Int) -> BARDescription? { bars.first { $0.index == index } }

  /// Makes all six registers ours and zero, and puts the BARs in.
  package func install(in image: inout ConfigImage) {
    for index in 0..<6 {
      image.apply(ConfigEdit(offset: PCIRegister.bar(index), value: 0, mask: .max))
    }
    for bar in bars { bar.install(in: &image) }
  }
}
