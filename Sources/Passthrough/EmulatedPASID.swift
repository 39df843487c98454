internal import PCI

/// The PASID capability in a function's copy of config space, and what putting it there has covered.
struct EmulatedPASID {
  /// Offset of the header.
  let offset: Int
  let covered: ConfigPatch

  /// Header, capabilities and control.
  var bytes: Range<Int> { offset..<offset + PASIDCapability.length }
}
