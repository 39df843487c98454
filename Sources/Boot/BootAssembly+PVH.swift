internal import Hypervisor

extension BootAssembly {
  /// An ELF kernel by the PVH protocol: 32-bit code, started with the address of `hvm_start_info` in
  /// RBX. The initial RAM disk is its only module.
  mutating func pvh(
    _ image: ELFImage, _ disk: (any BootSource)?, _ payload: GuestPayload
  ) throws(BootError) -> BootPlan {
    // XEN_ELFNOTE_PHYS32_ENTRY, as wide as the image's words.
    guard let note = try image.note(owner: "Xen", type: 18),
      let low = note.load(UInt32.self, at: 0)
    else { throw failure(.noPVHNote) }
    let high = note.load(UInt32.self, at: 4) ?? 0
    let entry = try place(image, startedAt: UInt64(high) << 32 | UInt64(low))

    let information = try allocate(56, alignment: 16)
    let commandLine = try addCommandLine(payload.commandLine, limit: Self.longestCommandLine)
    var modules: [UInt8] = []
    if let disk {
      let range = try placeDisk(disk, below: 1 << 32)
      for word in [range.lowerBound, UInt64(range.count), 0, 0] { modules.append(little: word) }
      if range.isEmpty { modules = [] }
    }
    var map: [UInt8] = []
    for entry in memoryMap {
      map.append(little: entry.range.lowerBound)
      map.append(little: UInt64(entry.range.count))
      map.append(little: entry.kind.rawValue)
      map.append(little: UInt32(0))
    }

    var start: [UInt8] = []
    // Magic number, version, flags, count of modules.
    for word in [0x336e_c578, 1, 0, UInt32(modules.count / 32)] { start.append(little: word) }
    let moduleList = modules.isEmpty ? 0 : try add(modules)
    for word in [moduleList, commandLine, tables?.rootPointer ?? 0, try add(map)] {
      start.append(little: word)
    }
    start.append(little: UInt32(memoryMap.count))
    start.append(little: UInt32(0))
    fill(information, start)

    var cpu = CPUState.protected32(entry: entry)
    cpu.general.rbx = information
    return plan(.pvh, cpu)
  }

  /// Bytes of a command line for protocols that name no limit.
  static var longestCommandLine: Int { 65535 }

  /// Places what an ELF image has to load at its physical addresses, and checks the one at which it
  /// is started.
  mutating func place(
    _ image: ELFImage, startedAt entry: UInt64
  ) throws(BootError) -> UInt32 {
    let isLoaded = image.segments.contains { segment in
      entry >= segment.physicalAddress && entry - segment.physicalAddress < segment.fileCount
    }
    guard isLoaded, let start = UInt32(exactly: entry) else {
      throw failure(.invalidELF(.entry(entry)))
    }
    for segment in image.segments {
      try placeKernel(
        at: segment.physicalAddress, fileOffset: segment.offset, fileCount: segment.fileCount,
        memoryCount: segment.memoryCount)
    }
    return start
  }
}
