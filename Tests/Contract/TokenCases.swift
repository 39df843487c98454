internal import CLinux
internal import SystemPackage

extension Contract {
  /// Section 12.17.
  static let tokens = ContractSection(
    "12.17", "SR-IOV tokens", tokensOfVirtualFunctions + tokensOfPhysicalFunctions + tokenForms)

  private static let first = [UInt8](0x10..<0x20)
  private static let second = [UInt8](0xA0..<0xB0)

  /// Rows 517 to 519.
  private static let tokensOfVirtualFunctions: [ContractCase] = [
    ContractCase(517, "P open: BIND V0 without token → EACCES", [.p, .v0]) { host in
      let fd = try host.iommufd()
      _ = try host.bound(.p, fd)
      try expect(.permissionDenied) { _ = try host.bound(.v0, fd) }
    },
    ContractCase("517b", "P not open: BIND V0 without token → EACCES", [.p, .v0]) { host in
      try expect(.permissionDenied) { _ = try host.opened(.v0) }
    },
    ContractCase("517c", "P open: GET_DEVICE_FD V0 without token → EACCES", [.p, .v0]) { host in
      _ = try host.bound(.p, try host.iommufd(), token: first)
      let group = try host.usableGroup(.v0, container: try host.container())
      try expect(.permissionDenied) { _ = try host.device(group, .v0) }
    },
    ContractCase(518, "P open: BIND V0 with another token → EACCES", [.p, .v0]) { host in
      let fd = try host.iommufd()
      _ = try host.bound(.p, fd, token: first)
      try expect(.permissionDenied) { _ = try host.bound(.v0, fd, token: second) }
    },
    ContractCase(519, "P opened with T: BIND V0 with T → 0", [.p, .v0]) { host in
      let fd = try host.iommufd()
      _ = try host.bound(.p, fd, token: first)
      _ = try host.bound(.v0, fd, token: first)
    },
    ContractCase("519b", "P opened with T, closed: BIND V0 with T → 0", [.p, .v0]) { host in
      let fd = try host.iommufd()
      host.close(try host.bound(.p, fd, token: first).descriptor)
      _ = try host.bound(.v0, fd, token: first)
    },
    ContractCase("519c", "P opened with T by name: GET_DEVICE_FD V0 with T → 0", [.p, .v0]) {
      host in
      let container = try host.container()
      let physical = try host.usableGroup(.p, container: container)
      _ = try host.device(physical, "\(host.address(.p)) vf_token=\(text(first))")
      let virtual = try host.group(.v0)
      try host.setContainer(virtual, container)
      _ = try host.device(virtual, "\(host.address(.v0))  vf_token=\(text(first)) ")
    },
    ContractCase(
      "519d", "P without vfio-pci: BIND V0 with a token, without → EINVAL, 0", [.p, .v0]
    ) { host in
      try host.platform.abandonVirtualFunctions(of: try host.address(.p))
      let fd = try host.iommufd()
      try expect(.invalidArgument) { _ = try host.bound(.v0, fd, token: first) }
      _ = try host.bound(.v0, fd)
    },
  ]

  /// Rows 520 to 522, and 526.
  private static let tokensOfPhysicalFunctions: [ContractCase] = [
    ContractCase(520, "V0 in use: BIND P with another token → EACCES", [.p, .v0]) { host in
      let fd = try virtualFunctionInUse(host)
      try expect(.permissionDenied) { _ = try host.bound(.p, fd, token: second) }
    },
    ContractCase("520b", "V0 in use: BIND P without token → EACCES", [.p, .v0]) { host in
      let fd = try virtualFunctionInUse(host)
      try expect(.permissionDenied) { _ = try host.bound(.p, fd) }
    },
    ContractCase("520c", "V0 in use: BIND P with its token → 0", [.p, .v0]) { host in
      let fd = try virtualFunctionInUse(host)
      _ = try host.bound(.p, fd, token: first)
    },
    ContractCase(521, "V0 not in use: BIND P with a new token → 0, token replaced", [.p, .v0]) {
      host in
      let fd = try host.iommufd()
      host.close(try host.bound(.p, fd, token: first).descriptor)
      host.close(try host.bound(.v0, fd, token: first).descriptor)
      _ = try host.bound(.p, fd, token: second)
      try expect(.permissionDenied, "old") { _ = try host.bound(.v0, fd, token: first) }
      _ = try host.bound(.v0, fd, token: second)
    },
    ContractCase("521b", "V0 not in use: BIND P without token → 0, token stays", [.p, .v0]) {
      host in
      let fd = try host.iommufd()
      host.close(try host.bound(.p, fd, token: first).descriptor)
      _ = try host.bound(.p, fd)
      _ = try host.bound(.v0, fd, token: first)
    },
    ContractCase(522, "P open: FEATURE 0 SET a new token → 0, V0 needs the new one", [.p, .v0]) {
      host in
      let fd = try host.iommufd()
      let p = try host.bound(.p, fd, token: first).descriptor
      try setToken(host, p, second)
      try expect(.permissionDenied, "old") { _ = try host.bound(.v0, fd, token: first) }
      _ = try host.bound(.v0, fd, token: second)
    },
    ContractCase("522b", "V0 in use: FEATURE 0 SET → 0, V0 stays", [.p, .v0]) { host in
      let fd = try host.iommufd()
      let p = try host.bound(.p, fd, token: first).descriptor
      let v0 = try host.bound(.v0, fd, token: first).descriptor
      try setToken(host, p, second)
      _ = try host.config(v0, 0, width: 4)
    },
    ContractCase("522c", "P open: FEATURE 0 PROBE, GET, SET of 15 bytes → 0, EINVAL, EINVAL", [.p])
    {
      host in
      let p = try host.opened(.p)
      try host.call(p, VFIO_DEVICE_FEATURE, [8, UInt32(VFIO_DEVICE_FEATURE_PROBE)])
      try expect(.invalidArgument, "GET") {
        try host.call(p, VFIO_DEVICE_FEATURE, [24, UInt32(VFIO_DEVICE_FEATURE_GET), 0, 0, 0, 0])
      }
      try expect(.invalidArgument, "15 bytes") {
        try host.call(p, VFIO_DEVICE_FEATURE, [23, UInt32(VFIO_DEVICE_FEATURE_SET), 0, 0, 0, 0])
      }
    },
    ContractCase("522d", "V0 open: FEATURE 0 SET → ENOTTY", [.p, .v0]) { host in
      let v0 = try host.openedVirtual(.v0)
      try expect(.enotty) { try setToken(host, v0, second) }
    },
    ContractCase(526, "P has VFs, no driver: bind vfio-pci → EBUSY", [.p, .v0]) { host in
      let p = try host.address(.p)
      try host.platform.abandonVirtualFunctions(of: p)
      try expect(.resourceBusy) { try host.platform.setDriver(of: p, to: "vfio-pci") }
    },
  ]

  /// Rows 523 to 525.
  private static let tokenForms: [ContractCase] = [
    ContractCase(523, "N: BIND with a token → EINVAL", [.n]) { host in
      let fd = try host.iommufd()
      try expect(.invalidArgument) { _ = try host.bound(.n, fd, token: first) }
      _ = try host.bound(.n, fd)
    },
    ContractCase("523b", "N: GET_DEVICE_FD with a token → EINVAL", [.n]) { host in
      let group = try host.usableGroup(.n, container: try host.container())
      try expect(.invalidArgument) {
        _ = try host.device(group, "\(host.address(.n)) vf_token=\(text(first))")
      }
    },
    ContractCase(524, "GET_DEVICE_FD \"V0 vf_token=short\" → EINVAL", [.v0]) { host in
      let group = try host.usableGroup(.v0, container: try host.container())
      try expect(.invalidArgument) {
        _ = try host.device(group, "\(host.address(.v0)) vf_token=short")
      }
    },
    ContractCase("524b", "GET_DEVICE_FD V0 with two tokens, no UUID, else → EINVAL", [.p, .v0]) {
      host in
      let group = try host.usableGroup(.v0, container: try host.container())
      let token = "vf_token=\(text(first))"
      let noUUID = "vf_token=" + String(repeating: "x", count: 36)
      for options in ["\(token) \(token)", noUUID, "other", "\(token)other"] {
        try expect(.invalidArgument, options) {
          _ = try host.device(group, "\(host.address(.v0)) \(options)")
        }
      }
    },
    ContractCase(525, "V0: BIND with a token that is not readable → EFAULT", [.v0]) { host in
      let fd = try host.iommufd()
      let v0 = try host.node(.v0)
      let hole = try host.hole()
      try expect(.badAddress) { try host.bind(v0, fd, tokenAt: hole) }
    },
    ContractCase("525b", "token wrong, iommufd no descriptor: BIND → EACCES", [.p, .v0]) { host in
      let v0 = try host.node(.v0)
      try expect(.permissionDenied) { try host.bind(v0, host.closedDescriptor) }
    },
  ]

  // MARK: Setting up

  /// Has V0 in use with the first token, and P closed; gives the context.
  private static func virtualFunctionInUse(_ host: ContractHost) throws -> Int32 {
    let fd = try host.iommufd()
    let p = try host.bound(.p, fd, token: first).descriptor
    _ = try host.bound(.v0, fd, token: first)
    host.close(p)
    return fd
  }

  private static func setToken(
    _ host: ContractHost, _ device: Int32, _ token: [UInt8]
  ) throws {
    try host.call(
      device, VFIO_DEVICE_FEATURE,
      [24, UInt32(VFIO_DEVICE_FEATURE_SET)] + ContractHost.words(token))
  }

  /// The form of a UUID: 36 characters.
  private static func text(_ token: [UInt8]) -> String {
    var text = ""
    for (index, byte) in token.enumerated() {
      if [4, 6, 8, 10].contains(index) { text += "-" }
      text += String(byte >> 4, radix: 16) + String(byte & 0xF, radix: 16)
    }
    return text
  }
}
