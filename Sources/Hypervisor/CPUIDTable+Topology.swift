extension CPUIDTable {
  /// The table of one CPU: its APIC id and its place among the others, wherever CPUID tells of them.
  package func placed(at cpu: Int, in topology: CPUTopology) -> CPUIDTable {
    var table = self
    let id = topology.apicID(of: cpu)
    let siblings = UInt32(topology.countPerSocket)
    table[1, 0, .ebx] =
      table[1, 0, .ebx] & 0x0000_ffff | (id & 0xff) << 24 | (siblings > 1 ? siblings : 0) << 16
    let multithreading: UInt32 = 1 << 28
    table[1, 0, .edx] =
      siblings > 1 ? table[1, 0, .edx] | multithreading : table[1, 0, .edx] & ~multithreading
    table.placeLevels(id, topology)
    table.placeCaches(leaf: 4, topology)
    if isAMD { table.placeAMD(id, topology) }
    return table
  }

  /// Leaf 0xb: threads of a core, then CPUs of a socket. The leaf for more levels is not there.
  private mutating func placeLevels(_ id: UInt32, _ topology: CPUTopology) {
    remove(leaf: 0xb)
    remove(leaf: 0x1f)
    let levels: [(shift: Int, count: Int, type: UInt32)] = [
      (topology.threadWidth, topology.threads, 1),
      (topology.socketShift, topology.countPerSocket, 2), (0, 0, 0),
    ]
    for (index, level) in levels.enumerated() {
      set(
        Entry(
          leaf: 0xb, index: UInt32(index), isIndexed: true, eax: UInt32(level.shift),
          ebx: UInt32(level.count), ecx: level.type << 8 | UInt32(index), edx: id))
    }
    if self[0, 0, .eax] < 0xb { self[0, 0, .eax] = 0xb }
  }

  /// Intel's and AMD's cache leaves: the first two levels belong to a core, the others to a socket.
  private mutating func placeCaches(leaf: UInt32, _ topology: CPUTopology) {
    for place in entries.indices
    where entries[place].leaf == leaf && entries[place].eax & 0x1f != 0 {
      let level = entries[place].eax >> 5 & 7
      let sharing = level < 3 ? topology.threads : topology.countPerSocket
      entries[place].eax = entries[place].eax & 0x3fff | UInt32(sharing - 1) << 14
      if leaf == 4 { entries[place].eax |= UInt32(topology.cores - 1) << 26 }
    }
  }

  private mutating func placeAMD(_ id: UInt32, _ topology: CPUTopology) {
    let siblings = UInt32(topology.countPerSocket)
    let legacyMultiprocessing: UInt32 = 1 << 1
    let hasTopologyLeaves = self[0x8000_0001, 0, .ecx] & 1 << 22 != 0
    self[0x8000_0001, 0, .ecx] =
      siblings > 1
      ? self[0x8000_0001, 0, .ecx] | legacyMultiprocessing
      : self[0x8000_0001, 0, .ecx] & ~legacyMultiprocessing
    self[0x8000_0008, 0, .ecx] =
      siblings > 1 ? UInt32(topology.socketShift) << 12 | (siblings - 1) : 0
    guard hasTopologyLeaves else {
      remove(leaf: 0x8000_001d)
      remove(leaf: 0x8000_001e)
      return
    }
    placeCaches(leaf: 0x8000_001d, topology)
    let coreMask = (UInt32(1) << UInt32(topology.socketShift - topology.threadWidth)) - 1
    let core = id >> UInt32(topology.threadWidth) & coreMask
    let socket = id >> UInt32(topology.socketShift)
    set(
      Entry(
        leaf: 0x8000_001e, eax: id, ebx: UInt32(topology.threads - 1) << 8 | core, ecx: socket))
  }
}
