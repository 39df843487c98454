internal import CLinux
internal import SystemPackage

extension IOMMUFDFile {
  /// `IOMMU_TEST_CMD`: the mock devices, as far as nesting and faults need them.
  func performTest(
    _ argument: inout UserArgument, size: Int, on host: SimulatedHost
  ) throws(Errno) {
    let header = try argument.load(iommu_test_cmd.self, count: size)
    switch Int32(bitPattern: header.op) {
    case IOMMU_TEST_OP_MOCK_DOMAIN, IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS:
      try makeMockDevice(&argument, on: host)
    case IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE:
      var command = try argument.load(iommu_test_mock_domain_replace.self)
      let device = try mockDevice(command.id)
      command.pt_id = try context.attach(device, to: command.pt_id, pasid: 0, host: host)
        .identifier
      try argument.store(command)
    case IOMMU_TEST_OP_MD_CHECK_IOTLB:
      let command = try argument.load(iommu_test_check_entry.self)
      guard case .table(let table) = context.objects[command.id], table.nesting != nil else {
        throw .enoent
      }
      try check(command, table.mockEntries)
    case IOMMU_TEST_OP_DEV_CHECK_CACHE:
      let command = try argument.load(iommu_test_check_entry.self)
      guard case .mock(let device) = try context.device(command.id).device else { throw .einval }
      try check(command, device.cache)
    case IOMMU_TEST_OP_TRIGGER_IOPF:
      let command = try argument.load(iommu_test_trigger_iopf.self)
      let request = PageRequest(
        address: command.addr, permissions: command.perm, group: command.grpid,
        pasid: command.pasid == 0 ? nil : command.pasid)
      // The kernel answers in the user's place what no queue takes, and says nothing of it.
      _ = try context.device(command.dev_id).report([request])
    case IOMMU_TEST_OP_TRIGGER_VEVENT:
      try reportEvent(of: argument.load(iommu_test_trigger_vevent.self).dev_id)
    case IOMMU_TEST_OP_PASID_ATTACH:
      var command = try argument.load(iommu_test_pasid.self)
      let device = try mockDevice(command.id)
      guard command.pasid < 1 << 31 else { throw .enospc }
      // Unlike VFIO's command it never replaces.
      guard device.group.attachments[command.pasid] == nil else { throw .einval }
      command.pt_id = try context.attach(
        device, to: command.pt_id, pasid: command.pasid, host: host
      ).identifier
      try argument.store(command)
    case IOMMU_TEST_OP_PASID_DETACH:
      let command = try argument.load(iommu_test_pasid.self)
      context.detach(try mockDevice(command.id), pasid: command.pasid)
    case 1...23: throw host.notModelled("mock device", UInt(header.op))
    default: throw .eopnotsupp
    }
  }

  /// A device of its own: bound, attached, and there until its object is destroyed.
  private func makeMockDevice(
    _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) {
    var command = try argument.load(iommu_test_mock_domain_flags.self)
    let hasFlags = command.op == UInt32(IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS)
    guard let mock = MockDevice(flags: hasFlags ? command.dev_flags : 0) else { throw .einval }
    // Its own object takes the first number, and what it is bound as the second.
    let identifier = context.freeIdentifier
    context.add(.tombstone, as: identifier)
    let device = context.addDevice(.mock(mock))
    do throws(Errno) {
      let table = try context.attach(device, to: command.id, pasid: 0, host: host)
      command.out_stdev_id = identifier
      command.out_hwpt_id = table.identifier
      command.out_idev_id = device.identifier
      try argument.store(command)
    } catch {
      context.removeDevice(device)
      context.remove(identifier)
      throw error
    }
    context.add(.mock(device), as: identifier)
  }

  private func mockDevice(_ identifier: UInt32) throws(Errno) -> BoundDevice {
    guard case .mock(let device) = context.objects[identifier] else { throw .enoent }
    return device
  }

  private func check(_ command: iommu_test_check_entry, _ entries: [UInt32]) throws(Errno) {
    guard let index = entries.indices.first(where: { $0 == Int(command.index) }),
      entries[index] == command.value
    else { throw .einval }
  }

  /// An event of a device for the guest of the virtual IOMMU that has it: `ENOENT` for a device that
  /// none has, `EOPNOTSUPP` where the guest has no queue of the type.
  private func reportEvent(of identifier: UInt32) throws(Errno) {
    let device = try context.device(identifier)
    guard let virtual = device.group.attachments[0]?.table.nesting?.virtualIOMMU,
      let number = device.virtualDevice?.virtualNumber, number != 0
    else { throw .enoent }
    guard let queue = virtual.eventQueues[UInt32(IOMMU_VEVENTQ_TYPE_SELFTEST)] else {
      throw .eopnotsupp
    }
    let event = iommu_viommu_event_selftest(virt_id: UInt32(truncatingIfNeeded: number))
    queue.add(UserMemory.bytes(of: event))
  }
}

extension BoundDevice {
  /// Reports page requests of one group. They go where the page table of their PASID sends them, on the
  /// mock IOMMU to the guest's own if no page table of the host has the PASID; says whether a queue took
  /// them.
  func report(_ requests: [PageRequest]) -> Bool {
    guard let first = requests.first else { return false }
    var table = group.attachments[first.pasid ?? 0]?.table
    if table == nil, group.iommu.kind == .mock, let ours = group.attachments[0]?.table,
      ours.nesting != nil
    {
      table = ours
    }
    guard let table, let queue = table.faults else { return false }
    queue.add(FaultQueue.Group(requests: requests, device: self, table: table))
    return true
  }
}
