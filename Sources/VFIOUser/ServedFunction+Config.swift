internal import PCI
internal import SimulatedKernel

/// Config space: what a write does beyond the bits that it changes.
extension ServedFunction {
  /// Writes bytes that all lie in the space.
  func writeConfig(_ bytes: [UInt8], at offset: Int) {
    let wasDisabled = disablesInterrupt
    let state = function.powerState
    for (index, byte) in bytes.enumerated() { function.config.write(byte, at: offset + index) }
    let range = offset..<offset + bytes.count
    if ordersReset(bytes, at: offset) || leavesD3(from: state) { reset() }
    if let vpd = function.config.capability(.vpd), range.contains(vpd + 3) {
      transferProductData(at: vpd)
    }
    if wasDisabled, !disablesInterrupt { interruptLineChanged() }
    function.model?.interruptsChanged(on: bus)
  }

  /// Whether function level reset was asked for, by PCI Express or by advanced features. The bits
  /// themselves always read 0.
  private func ordersReset(_ bytes: [UInt8], at offset: Int) -> Bool {
    let config = function.config
    func isSet(_ bit: UInt8, at register: Int) -> Bool {
      let index = register - offset
      return bytes.indices.contains(index) && bytes[index] & bit != 0
    }
    if let express = config.capability(.pcie), FunctionReset.hasFLR(config),
      isSet(0x80, at: express + 9)
    {
      return true
    }
    guard let advanced = config.capability(.advancedFeatures) else { return false }
    return FunctionReset.hasAdvancedFLR(config) && isSet(0x01, at: advanced + 4)
  }

  /// A function that does not keep state in D3hot is reset when it leaves it.
  private func leavesD3(from state: UInt16) -> Bool {
    state == 3 && function.powerState == 0 && FunctionReset.losesStateInD3(function.config)
  }

  /// A write to the upper address byte with the flag clear moves four bytes and sets the flag.
  private func transferProductData(at offset: Int) {
    let address = function.config.word(at: offset + 2)
    guard address & 0x8000 == 0 else { return }
    let data = function.description.vitalProductData
    let start = Int(address & 0x7FFC)
    for index in 0..<4 {
      let byte = data.indices.contains(start + index) ? data[start + index] : 0
      function.config.set(UInt64(byte), at: offset + 4 + index, width: 1)
    }
    function.config.set(UInt64(address | 0x8000), at: offset + 2, width: 2)
  }
}
