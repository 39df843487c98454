internal import CLinux
internal import SystemPackage

extension Contract {
  /// Section 12.6.
  static let resetInformation = ContractSection(
    "12.6", "Hot reset INFO",
    [
      ContractCase(145, "a root-bus function → ENODEV", [.r]) { host in
        let r = try host.bound(.r, try host.iommufd()).descriptor
        try expect(.enodev) { _ = try host.hotResetInfo(r) }
      },
      ContractCase(146, "argsz 11 → EINVAL", [.a0]) { host in
        let a0 = try host.bound(.a0, try host.iommufd()).descriptor
        try expect(.invalidArgument) {
          try host.call(a0, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, [11, 0, 0])
        }
      },
      ContractCase(152, "A0, A1 bound to one context → flags 3, both ids", [.a0, .a1]) { host in
        let fd = try host.iommufd()
        let a0 = try host.bound(.a0, fd)
        let a1 = try host.bound(.a1, fd)
        try expectInformation(host, a0.descriptor, 3, [a0.identifier, a1.identifier])
        try expectInformation(host, a1.descriptor, 3, [a0.identifier, a1.identifier])
      },
    ])

  /// Requires flags and numbers of the hot-reset information of a device.
  static func expectInformation(
    _ host: ContractHost, _ device: Int32, _ flags: UInt32, _ numbers: [UInt32],
    file: StaticString = #fileID, line: UInt = #line
  ) throws {
    let information = try host.hotResetInfo(device)
    try expect(information.flags, equals: flags, "flags", file: file, line: line)
    try expect(information.entries.map(\.number), equals: numbers, file: file, line: line)
  }
}
