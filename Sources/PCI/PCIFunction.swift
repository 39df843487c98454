/// A PCI function as its bus sees it. Called with the machine lock held.
package protocol PCIFunction: AnyObject {
  /// Reads 1, 2 or 4 bytes of configuration space at a byte offset below 4096.
  func readConfig(offset: Int, length: Int) -> UInt32

  /// Writes 1, 2 or 4 bytes of configuration space at a byte offset below 4096.
  func writeConfig(offset: Int, length: Int, value: UInt32)

  /// Reads 1, 2 or 4 bytes of configuration space for a person's eyes: nobody else hears of it, and what
  /// only the device knows may be old.
  func peekConfig(offset: Int, length: Int) -> UInt32

  /// The BARs in the order of their indexes, the expansion ROM last.
  var barRegions: [FunctionRegion] { get }

  /// Puts the function into the state after power-on.
  func reset()

  /// Offset of the PCI Express capability as the guest finds it, nil for a conventional function. The port
  /// in front reads the link status there.
  var expressCapability: Int? { get }
}

extension PCIFunction {
  package func peekConfig(offset: Int, length: Int) -> UInt32 {
    readConfig(offset: offset, length: length)
  }

  package var barRegions: [FunctionRegion] { [] }

  package var expressCapability: Int? { nil }
}
