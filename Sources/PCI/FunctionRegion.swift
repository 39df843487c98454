/// A BAR or the expansion ROM of a function as its bus has it.
package struct FunctionRegion: Equatable, Sendable {
  /// 0 to 5, 6 for the ROM.
  package let index: Int
  package let kind: BARDescription.Kind
  package let isPrefetchable: Bool
  /// Bytes.
  package let size: UInt64
  /// Where the guest finds it; nil while that is nowhere.
  package let address: UInt64?

  package init(
    index: Int, kind: BARDescription.Kind, isPrefetchable: Bool = false, size: UInt64,
    address: UInt64?
  ) {
    self.index = index
    self.kind = kind
    self.isPrefetchable = isPrefetchable
    self.size = size
    self.address = address
  }
}
