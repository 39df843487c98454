internal import CLinux
internal import SystemPackage

/// Tokens of SR-IOV functions.
extension ContractHost {
  /// `VFIO_DEVICE_BIND_IOMMUFD` with a token at an address.
  @discardableResult
  func bind(_ device: Int32, _ iommufd: Int32, tokenAt address: UInt64) throws(Errno) -> UInt32 {
    try call(
      device, VFIO_DEVICE_BIND_IOMMUFD,
      [
        24, UInt32(VFIO_DEVICE_BIND_FLAG_TOKEN), UInt32(bitPattern: iommufd), 0,
        UInt32(truncatingIfNeeded: address), UInt32(address >> 32),
      ])[3]
  }

  /// A device bound with a token of 16 bytes.
  func bound(_ fixture: Fixture, _ iommufd: Int32, token: [UInt8]) throws -> Bound {
    let memory = try memory(pages: 1)
    try store(Self.words(token), at: memory)
    let descriptor = try node(fixture)
    return Bound(
      descriptor: descriptor, identifier: try bind(descriptor, iommufd, tokenAt: memory))
  }

  /// A virtual function bound with a token that the physical function, which is bound too, was opened
  /// with.
  func openedVirtual(_ fixture: Fixture) throws -> Int32 {
    let iommufd = try iommufd()
    let token = [UInt8](repeating: 0, count: 16)
    _ = try bound(.p, iommufd, token: token)
    return try bound(fixture, iommufd, token: token).descriptor
  }
}
