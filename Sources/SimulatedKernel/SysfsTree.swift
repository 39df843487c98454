internal import PCI
package import SystemPackage

/// The sysfs of a simulated host as far as PCI, IOMMU groups and VFIO go.
///
/// A value made from the state of the moment; paths are absolute, as a process sees them.
package struct SysfsTree: Sendable {
  private enum Node: Sendable {
    case directory(Set<String>)
    case file([UInt8])
    case link(String)
  }

  private var nodes: [String: Node] = ["/sys": .directory([])]

  /// The tree of a host that nobody uses yet.
  package init(of description: HostDescription) {
    self.init(of: SimulatedHost(description, runsGuests: false, report: { _ in }))
  }

  init(of host: SimulatedHost) {
    addDirectory("/sys/bus/pci/devices")
    addDirectory("/sys/bus/pci/drivers")
    addDirectory("/sys/bus/pci/slots")
    addDirectory("/sys/bus/mdev")
    addDirectory("/sys/kernel/iommu_groups")
    addDirectory("/sys/class/vfio-dev")
    addDirectory("/sys/class/iommu")
    for function in host.functions { add(function, on: host) }
    for (number, members) in Dictionary(grouping: host.functions, by: \.group.number) {
      addGroup(number, members)
    }
  }

  // MARK: Reading

  /// Throws `ENOENT`, `ENOTDIR` or `ELOOP` for a path that leads nowhere.
  func check(_ path: String) throws(Errno) { _ = try node(at: path) }

  /// The names in a directory.
  func entries(of path: String) throws(Errno) -> [String] {
    guard case .directory(let names) = try node(at: path) else { throw .enotdir }
    return names.sorted()
  }

  func contents(of path: String) throws(Errno) -> [UInt8] {
    guard case .file(let bytes) = try node(at: path) else { throw .eisdir }
    return bytes
  }

  /// The text of a link; `EINVAL` for anything else.
  func link(at path: String) throws(Errno) -> String {
    let resolved = try resolve(path, followsLast: false)
    guard let node = nodes[resolved] else { throw .enoent }
    guard case .link(let text) = node else { throw .einval }
    return text
  }

  private func node(at path: String) throws(Errno) -> Node {
    guard let node = nodes[try resolve(path, followsLast: true)] else { throw .enoent }
    return node
  }

  /// The real path behind one with links in it.
  private func resolve(_ path: String, followsLast: Bool) throws(Errno) -> String {
    var rest = Array(path.split(separator: "/").map(String.init).reversed())
    var resolved = ""
    var followed = 0
    while let name = rest.popLast() {
      if name == "." { continue }
      if name == ".." {
        resolved = Self.parent(of: resolved)
        continue
      }
      let next = "\(resolved)/\(name)"
      switch nodes[next] {
      case nil: throw .enoent
      case .link(let text) where !rest.isEmpty || followsLast:
        followed += 1
        guard followed <= 40 else { throw .eloop }
        if text.hasPrefix("/") { resolved = "" }
        rest += text.split(separator: "/").map(String.init).reversed()
      case .file where !rest.isEmpty: throw .enotdir
      default: resolved = next
      }
    }
    return resolved
  }

  private static func parent(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
  }

  // MARK: Building

  private mutating func addDirectory(_ path: String) {
    guard nodes[path] == nil else { return }
    let parent = Self.parent(of: path)
    addDirectory(parent)
    insert(path, .directory([]))
  }

  private mutating func insert(_ path: String, _ node: Node) {
    nodes[path] = node
    let parent = Self.parent(of: path)
    guard let slash = path.lastIndex(of: "/"), case .directory(var names) = nodes[parent] else {
      return
    }
    names.insert(String(path[path.index(after: slash)...]))
    nodes[parent] = .directory(names)
  }

  private mutating func addFile(_ path: String, _ text: String) {
    insert(path, .file(Array("\(text)\n".utf8)))
  }

  /// Adds a link whose text leads from the link's own directory to `target`.
  private mutating func addLink(_ path: String, to target: String) {
    let depth = path.split(separator: "/").count - 2
    let up = String(repeating: "../", count: depth)
    insert(path, .link(up + target.dropFirst("/sys/".count)))
  }

  /// The directory of a function below the bridges that lead to it.
  static func directory(of function: FunctionState, on host: SimulatedHost) -> String {
    let bus = host.bus(of: function)
    if let bridge = bus?.bridge, let upstream = host.function(at: bridge) {
      return "\(directory(of: upstream, on: host))/\(function.address)"
    }
    return "/sys/devices/pci\(function.address.busAddress)/\(function.address)"
  }

  private mutating func add(_ function: FunctionState, on host: SimulatedHost) {
    let directory = Self.directory(of: function, on: host)
    let config = function.config
    addDirectory(directory)
    insert("\(directory)/config", .file(config.bytes))
    func hex(_ value: UInt64, _ width: Int) -> String { "0x" + padded(value, width) }
    addFile("\(directory)/vendor", hex(UInt64(function.description.identity & 0xFFFF), 4))
    addFile("\(directory)/device", hex(UInt64(function.description.identity >> 16), 4))
    addFile("\(directory)/class", hex(config.value(at: PCIRegister.revision + 1, width: 3), 6))
    addFile("\(directory)/revision", hex(config.value(at: PCIRegister.revision, width: 1), 2))
    addFile(
      "\(directory)/subsystem_vendor",
      hex(config.value(at: PCIRegister.subsystemVendor, width: 2), 4))
    addFile(
      "\(directory)/subsystem_device", hex(config.value(at: PCIRegister.subsystem, width: 2), 4))
    addFile("\(directory)/irq", "\(function.description.irq ?? 0)")
    addFile("\(directory)/numa_node", "-1")
    addFile("\(directory)/enable", "1")
    addFile("\(directory)/driver_override", "(null)")
    addFile("\(directory)/modalias", Self.alias(of: config))
    let methods = function.description.resetMethods.map(\.rawValue)
    if !methods.isEmpty { addFile("\(directory)/reset_method", methods.joined(separator: " ")) }
    addFile("\(directory)/resource", Self.resources(of: function.description))
    addLink("\(directory)/subsystem", to: "/sys/bus/pci")
    // VFIO makes the group of a function without IOMMU when its driver is bound.
    if !function.group.isArtificial || host.device(at: function.address) != nil {
      addLink("\(directory)/iommu_group", to: "/sys/kernel/iommu_groups/\(function.group.number)")
    }
    if !function.group.isArtificial {
      add(function.group.iommu, inFrontOf: function, at: directory)
    }
    addLink("/sys/bus/pci/devices/\(function.address)", to: directory)
    let device = host.device(at: function.address)
    // A driver that leaves has lost its links before it waits for the device's users.
    let isLeaving = device?.isLeaving ?? false
    if let driver = function.driver {
      addDirectory("/sys/bus/pci/drivers/\(driver)")
      if !isLeaving {
        addLink("\(directory)/driver", to: "/sys/bus/pci/drivers/\(driver)")
        addLink("/sys/bus/pci/drivers/\(driver)/\(function.address)", to: directory)
      }
    }
    if let device, !isLeaving {
      let node = "\(directory)/vfio-dev/vfio\(device.index)"
      addDirectory(node)
      if !function.group.isArtificial {
        addFile("\(node)/dev", "\(DeviceNumbers.deviceMajor):\(device.index)")
      }
      addLink("/sys/class/vfio-dev/vfio\(device.index)", to: node)
    }
  }

  /// The unit in front of a function with what its driver says of it, and the links between the two.
  private mutating func add(
    _ iommu: HostIOMMU, inFrontOf function: FunctionState, at directory: String
  ) {
    if case .absent = iommu.kind { return }
    let unit = "/sys/devices/virtual/iommu/\(iommu.name)"
    addDirectory("\(unit)/devices")
    addLink("/sys/class/iommu/\(iommu.name)", to: unit)
    addLink("\(directory)/iommu", to: unit)
    addLink("\(unit)/devices/\(function.address)", to: directory)
    guard case .intel(let capability, let extendedCapability) = iommu.kind else { return }
    addDirectory("\(unit)/intel-iommu")
    addFile("\(unit)/intel-iommu/cap", String(capability, radix: 16))
    addFile("\(unit)/intel-iommu/ecap", String(extendedCapability, radix: 16))
  }

  private static func alias(of config: HostConfigSpace) -> String {
    func part(_ offset: Int, _ width: Int, _ digits: Int) -> String {
      padded(config.value(at: offset, width: width), digits).uppercased()
    }
    return "pci:v\(part(PCIRegister.vendor, 2, 8))d\(part(PCIRegister.device, 2, 8))"
      + "sv\(part(PCIRegister.subsystemVendor, 2, 8))sd\(part(PCIRegister.subsystem, 2, 8))"
      + "bc\(part(0x0B, 1, 2))sc\(part(0x0A, 1, 2))i\(part(0x09, 1, 2))"
  }

  /// One line for each BAR, the ROM and what bridges have: first address, last address, flags.
  private static func resources(of function: HostFunction) -> String {
    var lines = [String](repeating: line(0, 0, 0), count: 13)
    for bar in function.bars {
      // Linux: IORESOURCE_IO 0x100, _MEM 0x200, _PREFETCH 0x2000, _SIZEALIGN 0x40000, _MEM_64.
      var flags: UInt64 = 0x40000 | bar.typeBits
      flags |= bar.kind == .io ? 0x100 : 0x200
      if bar.isPrefetchable { flags |= 0x2000 }
      if bar.kind == .memory64 { flags |= 0x10_0000 }
      lines[bar.index] = line(bar.address, bar.address + bar.size - 1, flags)
    }
    if let rom = function.rom {
      lines[6] = line(rom.address, rom.address + rom.size - 1, 0x46200)
    }
    return lines.joined(separator: "\n")
  }

  private static func line(_ first: UInt64, _ last: UInt64, _ flags: UInt64) -> String {
    "0x\(padded(first, 16)) 0x\(padded(last, 16)) 0x\(padded(flags, 16))"
  }

  private mutating func addGroup(_ number: UInt32, _ members: [FunctionState]) {
    let directory = "/sys/kernel/iommu_groups/\(number)"
    addDirectory("\(directory)/devices")
    addFile("\(directory)/type", "DMA")
    let regions = (members.first?.group.iommu.reserved ?? []).map {
      "0x\(padded($0.first, 16)) 0x\(padded($0.last, 16)) \($0.kind.rawValue)"
    }
    addFile("\(directory)/reserved_regions", regions.joined(separator: "\n"))
    for member in members {
      guard case .link(let text) = nodes["/sys/bus/pci/devices/\(member.address)"] else { continue }
      insert(
        "\(directory)/devices/\(member.address)",
        .link("../../../.." + text.dropFirst("../../..".count)))
    }
  }

  /// All directories before what is in them, then files and links; paths without `/sys`.
  private var listing: [(path: String, node: Node)] {
    nodes.sorted { $0.key < $1.key }.map { ($0.key.dropFirst("/sys".count).description, $0.value) }
  }
}

extension SysfsTree {
  /// Writes the tree below a directory, which becomes what `/sys` is on the host: point libpci at it
  /// with `lspci -A linux-sysfs -O sysfs.path=DIRECTORY/bus/pci`. Throws as the calls do.
  package func write(to directory: String) throws(Errno) {
    for (path, node) in listing {
      switch node {
      case .directory: try TreeWriter.makeDirectory(directory + path)
      case .file(let bytes): try TreeWriter.write(bytes, to: directory + path)
      case .link(let text): try TreeWriter.link(text, at: directory + path)
      }
    }
  }
}
