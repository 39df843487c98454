/// A context with a bound device and an address space, for the hardware suite.
enum ContractMappingTests {
  struct Space {
    var iommufd: Int32
    var device: Int32
    var deviceIdentifier: UInt32
    var ioas: UInt32
  }

  /// A device with an address space that it is attached to or not.
  static func space(_ host: ContractHost, attached: Bool) throws -> Space {
    let fd = try host.iommufd()
    let n = try host.bound(ContractHost.n, fd)
    let ioas = try host.allocateIOAS(fd)
    if attached { try host.attach(n.descriptor, ioas) }
    return Space(iommufd: fd, device: n.descriptor, deviceIdentifier: n.identifier, ioas: ioas)
  }
}
