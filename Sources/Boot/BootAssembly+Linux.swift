internal import Hypervisor

extension BootAssembly {
  /// A Linux kernel by the 64-bit protocol, or the 32-bit one when it has no other entry.
  mutating func linux(
    _ header: LinuxHeader, _ disk: (any BootSource)?, _ payload: GuestPayload
  ) throws(BootError) -> BootPlan {
    try placeKernel(
      at: header.loadAddress, fileOffset: header.body.lowerBound,
      fileCount: UInt64(header.body.count), memoryCount: header.memoryCount, isCleared: false)
    let zeroPage = try allocate(4096, alignment: 4096)
    let commandLine = try addCommandLine(payload.commandLine, limit: header.commandLineLimit)
    var diskRange: Range<UInt64> = 0..<0
    if let disk { diskRange = try placeDisk(disk, below: header.diskEnd) }
    fill(zeroPage, zeroPageBytes(header, diskRange, commandLine: commandLine))

    let descriptors = FlatDescriptors(is64Bit: header.is64Bit)
    let table = CPUState.DescriptorTable(
      base: try add(descriptors.bytes), limit: UInt16(descriptors.bytes.count - 1))
    if header.is64Bit {
      let pages = try allocate(IdentityPageTables.size, alignment: 4096)
      fill(pages, IdentityPageTables(at: pages).bytes)
      var cpu = CPUState.long64(
        entry: header.loadAddress + 0x200, pageTable: pages, gdt: table)
      cpu.general.rsi = zeroPage
      return plan(.linux64, cpu)
    }
    var cpu = CPUState.protected32(entry: UInt32(truncatingIfNeeded: header.loadAddress))
    cpu.gdt = table
    cpu.general.rsi = zeroPage
    return plan(.linux32, cpu)
  }

  /// `struct boot_params` (arch/x86/include/uapi/asm/bootparam.h): the header with the loader's
  /// fields, the memory map and the ACPI root pointer. All that describes a screen is zero: there is
  /// none.
  private func zeroPageBytes(
    _ header: LinuxHeader, _ disk: Range<UInt64>, commandLine: UInt64
  ) -> [UInt8] {
    func low(_ value: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: value) }
    var page = [UInt8](repeating: 0, count: 4096)
    page.replaceSubrange(
      LinuxHeader.offset..<(LinuxHeader.offset + header.bytes.count), with: header.bytes)
    page.store(little: tables?.rootPointer ?? 0, at: 0x70)
    // A loader without a number of its own.
    page.store(little: UInt8(0xff), at: 0x210)
    page.store(little: low(header.loadAddress), at: 0x214)
    page.store(little: low(disk.lowerBound), at: 0x218)
    page.store(little: low(UInt64(disk.count)), at: 0x21c)
    page.store(little: low(commandLine), at: 0x228)
    page.store(little: UInt64(0), at: 0x250)
    page.store(little: UInt8(memoryMap.count), at: 0x1e8)
    for (index, entry) in memoryMap.enumerated() {
      let offset = 0x2d0 + 20 * index
      page.store(little: entry.range.lowerBound, at: offset)
      page.store(little: UInt64(entry.range.count), at: offset + 8)
      page.store(little: entry.kind.rawValue, at: offset + 16)
    }
    return page
  }
}
