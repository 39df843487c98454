internal import Hypervisor

extension BootAssembly {
  /// A multiboot 1 image, started with the protocol's number in RAX and the address of its
  /// information in RBX. Modules follow the kernel, page-aligned.
  mutating func multiboot(
    _ header: MultibootHeader, _ head: [UInt8],
    _ modules: [(text: String, source: any BootSource)], _ payload: GuestPayload
  ) throws(BootError) -> BootPlan {
    let entry = try placeMultibootKernel(header, head)
    var list: [UInt8] = []
    for module in modules {
      let range = try placeModule(module.source)
      list.append(little: UInt32(truncatingIfNeeded: range.lowerBound))
      list.append(little: UInt32(truncatingIfNeeded: range.upperBound))
      let text = try addCommandLine(module.text, limit: Self.longestCommandLine)
      list.append(little: UInt32(truncatingIfNeeded: text))
      list.append(little: UInt32(0))
    }
    // QEMU puts the kernel's path in front.
    let commandLine = try addCommandLine(
      "\(kernel.path) \(payload.commandLine)", limit: Self.longestCommandLine)
    var map: [UInt8] = []
    for entry in memoryMap {
      // The size of the rest of the entry.
      map.append(little: UInt32(20))
      map.append(little: entry.range.lowerBound)
      map.append(little: UInt64(entry.range.count))
      map.append(little: entry.kind.rawValue)
    }
    let information = try addInformation(
      commandLine: commandLine, moduleCount: modules.count,
      modules: modules.isEmpty ? 0 : try add(list), mapCount: map.count, map: try add(map))

    var cpu = CPUState.protected32(entry: entry)
    cpu.general.rax = 0x2bad_b002
    cpu.general.rbx = information
    return plan(.multiboot, cpu)
  }

  /// Places the image and says where it starts.
  private mutating func placeMultibootKernel(
    _ header: MultibootHeader, _ head: [UInt8]
  ) throws(BootError) -> UInt32 {
    if header.hasAddresses {
      let placement = try header.placement(head, of: kernel)
      try placeKernel(
        at: UInt64(placement.address), fileOffset: placement.fileOffset,
        fileCount: placement.fileCount, memoryCount: placement.memoryCount)
      return placement.entry
    }
    if ELFImage.isFor64BitMachine(head) { throw failure(.multibootELF64) }
    guard ELFImage.isPresent(in: head) else { throw failure(.notAKernel) }
    let image = try ELFImage(kernel)
    return try place(image, startedAt: image.physicalEntry)
  }

  private mutating func placeModule(
    _ module: any BootSource
  ) throws(BootError) -> Range<UInt64> {
    let start = max(BootLayout.highMemory, memory.taken.last?.upperBound ?? 0)
    if module.size == 0 { return start..<start }
    let room = start..<max(start, memory.end)
    guard let range = memory.lowest(module.size, alignment: 4096, within: room) else {
      throw BootError(
        module.path,
        .initialRAMDiskTooLarge(
          size: module.size, largest: memory.largest(alignment: 4096, within: room),
          enough: enough(for: module.size, below: 1 << 32)))
    }
    place(module, at: range)
    return range
  }

  /// Makes the multiboot information (3.3): memory, command line, modules, memory map, loader's name.
  private mutating func addInformation(
    commandLine: UInt64, moduleCount: Int, modules: UInt64, mapCount: Int, map: UInt64
  ) throws(BootError) -> UInt64 {
    let name = try add([UInt8]("swiftvmm".utf8) + [0])
    func low(_ value: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: value) }
    // Bits: 0 memory, 2 command line, 3 modules, 6 memory map, 9 loader's name.
    let flags: UInt32 = 1 << 0 | 1 << 2 | (moduleCount > 0 ? 1 << 3 : 0) | 1 << 6 | 1 << 9
    // Memory in KiB from 0, at most 640, and from 1 MiB.
    let lower = low(BootLayout.firmware.lowerBound >> 10)
    let upper = low((memory.end - BootLayout.highMemory) >> 10)
    var words = [flags, lower, upper, 0, low(commandLine), low(UInt64(moduleCount)), low(modules)]
    words += [0, 0, 0, 0, low(UInt64(mapCount)), low(map), 0, 0, 0, low(name)]
    var bytes: [UInt8] = []
    for word in words { bytes.append(little: word) }
    bytes.append(contentsOf: [UInt8](repeating: 0, count: 120 - bytes.count))
    return try add(bytes)
  }
}
