internal import SystemPackage

/// The secret without which nobody opens a virtual function whose physical function is on vfio-pci
/// (2.9 of the contract).
extension VFIODevice {
  /// Bytes of a token.
  static let tokenSize = 16

  /// Checks the token that an opening gives or lacks. One for a physical function whose virtual
  /// functions are not in use becomes its token.
  func check(_ given: [UInt8]?, on host: SimulatedHost) throws(Errno) {
    if let address = function.description.physicalFunction {
      guard let owner = host.device(at: address) else {
        guard given == nil else { throw .einval }
        return
      }
      guard let given, given == owner.token else { throw .eacces }
    } else if function.description.isPhysical {
      let isInUse = host.devices.contains {
        $0.openCount > 0 && $0.function.description.physicalFunction == address
      }
      guard let given else {
        if isInUse { throw .eacces }
        return
      }
      guard !isInUse || given == token else { throw .eacces }
      token = given
    } else if given != nil {
      throw .einval
    }
  }

  /// The bytes of a token in its textual form of 36 characters; nil for any other text.
  static func token(_ text: Substring) -> [UInt8]? {
    let characters = Array(text.utf8)
    guard characters.count == 36 else { return nil }
    let hyphens = [8, 13, 18, 23]
    guard hyphens.allSatisfy({ characters[$0] == 0x2D }) else { return nil }
    let digits = characters.indices.filter { !hyphens.contains($0) }.map { characters[$0] }
    var bytes: [UInt8] = []
    for place in stride(from: 0, to: digits.count, by: 2) {
      let pair = digits[place..<place + 2]
      guard !pair.contains(0x2B), !pair.contains(0x2D),
        let byte = UInt8(String(decoding: pair, as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(byte)
    }
    return bytes
  }
}
