internal import PCI

extension HostConfigSpace {
  /// Whether vfio-pci knows the function as one whose INTx cannot be masked as its registers say: the
  /// adapters of i40e, and the X550. Users find no INTx then, unless the module has `nointxmask`.
  var hasBrokenINTxMasking: Bool {
    guard word(at: 0) == 0x8086 else { return false }
    switch word(at: 2) {
    case 0x1572, 0x1574, 0x1580...0x1581, 0x1583...0x158b, 0x37d0...0x37d2, 0x1563: return true
    default: return false
    }
  }
}
