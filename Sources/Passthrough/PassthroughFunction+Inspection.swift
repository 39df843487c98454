package import PCI

extension PassthroughFunction {
  package func peekConfig(offset: Int, length: Int) -> UInt32 {
    image.read(offset: offset, length: length)
  }

  package var barRegions: [FunctionRegion] {
    let bars = barLayout.bars.map { bar in
      FunctionRegion(
        index: bar.index, kind: bar.kind, isPrefetchable: bar.typeBits & 8 != 0 && bar.kind != .io,
        size: bar.size, address: barPlaces[bar.index])
    }
    guard let rom else { return bars }
    let address = barPlaces[BARPlan.romIndex]
    return bars + [
      FunctionRegion(
        index: BARPlan.romIndex, kind: .memory32, size: rom.bar.size, address: address)
    ]
  }
}
