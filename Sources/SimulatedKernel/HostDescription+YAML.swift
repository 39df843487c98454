internal import CLinux
internal import Glibc
internal import PCI
internal import SystemPackage
internal import Tracing

extension HostDescription {
  /// The longest description file, in bytes.
  package static let fileLimit = 1 << 20

  /// Reads and validates a description file. Throws the first mistake with its file, line and key.
  package init(contentsOf path: String) throws(HostDescriptionError) {
    let text: [UInt8]
    do throws(Errno) {
      text = try Self.read(path)
    } catch {
      throw HostDescriptionError(file: path, line: nil, key: "", problem: .unreadable(error))
    }
    try self.init(parsing: text, file: path)
  }

  /// Reads and validates the text of a description; `file` is the name used in errors.
  package init(parsing text: [UInt8], file: String) throws(HostDescriptionError) {
    guard text.count <= Self.fileLimit else {
      throw HostDescriptionError(
        file: file, line: nil, key: "", problem: .tooLarge(limit: Self.fileLimit))
    }
    let document: YAMLDocument
    do throws(YAMLDocument.Failure) {
      document = try YAMLDocument(parsing: text)
    } catch {
      throw HostDescriptionError(file: file, line: error.line, key: "", problem: error.problem)
    }
    try self.init(reading: YAMLValue(topOf: document, file: file))
  }

  private init(reading top: YAMLValue) throws(HostDescriptionError) {
    let fields = try top.fields([
      "name", "functions", "buses", "iommus", "type1-allow-unsafe-interrupts",
      "iommufd-allow-unsafe-interrupts", "iommufd-test", "dma-buf", "nointxmask", "memlock", "uapi",
    ])
    _ = try fields["name"]?.text()
    let iommus = try Self.iommus(fields.required("iommus"))
    var drafts: [HostFunctionDraft] = []
    for value in try fields.required("functions").items(limit: 1024) {
      let draft = try HostFunctionDraft(reading: value, iommus: iommus)
      if let other = drafts.first(where: { $0.address == draft.address }) {
        throw draft.place.mistake(
          .repeated("function \(draft.address)", firstLine: other.place.line))
      }
      drafts.append(draft)
    }
    let buses = try Self.buses(fields["buses"], functions: drafts)
    try Self.checkGroups(drafts)
    try Self.checkVirtualFunctions(drafts)
    self.init(
      functions: try HostFunctionDraft.finish(drafts, buses: buses), buses: buses,
      iommus: iommus,
      type1AllowsUnsafeInterrupts: try fields.boolean("type1-allow-unsafe-interrupts", or: false),
      iommufdAllowsUnsafeInterrupts: try fields.boolean(
        "iommufd-allow-unsafe-interrupts", or: false),
      hasMockDevices: try fields.boolean("iommufd-test", or: false),
      exportsDMABuffers: try fields.boolean("dma-buf", or: false),
      masksINTxAtController: try fields.boolean("nointxmask", or: false),
      lockedMemoryLimit: try fields["memlock"].map { value throws(HostDescriptionError) in
        try value.size()
      },
      uapi: try fields["uapi"]?.choice(HostUAPI.allCases.map { ($0.rawValue, $0) }) ?? .linux72)
  }

  private static func buses(
    _ list: YAMLValue?, functions: [HostFunctionDraft]
  ) throws(HostDescriptionError) -> [HostBus] {
    guard let list else { return [] }
    var buses: [(bus: HostBus, line: Int)] = []
    for value in try list.items(limit: 256) {
      let fields = try value.fields(["bus", "bridge", "reset"])
      let name = try fields.required("bus")
      let text = try name.text()
      guard let address = HostBusAddress(text) else {
        throw name.mistake(.notAnAddress(text, form: "DDDD:BB, such as \"0000:81\""))
      }
      if let other = buses.first(where: { $0.bus.address == address }) {
        throw name.mistake(.repeated("bus \(address)", firstLine: other.line))
      }
      let reset = try fields.required("reset").choice(
        HostBusReset.allCases.map { ($0.rawValue, $0) })
      let bridge = try fields["bridge"].map { value throws(HostDescriptionError) in
        try bridgeAddress(value, to: address, functions: functions)
      }
      buses.append((HostBus(address: address, bridge: bridge, reset: reset), value.line))
    }
    return buses.map(\.bus)
  }

  private static func bridgeAddress(
    _ value: YAMLValue, to bus: HostBusAddress, functions: [HostFunctionDraft]
  ) throws(HostDescriptionError) -> PCIAddress {
    let address = try value.address()
    guard let function = functions.first(where: { $0.address == address }) else {
      let names = functions.map(\.address.description)
      throw value.mistake(
        .undeclared(
          address.description, what: "function",
          nearest: NearestName.find(address.description, in: names)))
    }
    guard address.domain == bus.domain, address.bus < bus.bus else {
      throw value.mistake(.contradiction("a bridge sits on a bus with a lower number than \(bus)"))
    }
    guard function.driver != "vfio-pci" else {
      throw value.mistake(.contradiction("vfio-pci does not bind to a bridge"))
    }
    return address
  }

  private static func checkGroups(_ drafts: [HostFunctionDraft]) throws(HostDescriptionError) {
    var first: [UInt32: HostFunctionDraft] = [:]
    for draft in drafts {
      if let other = first[draft.group], other.iommu != draft.iommu {
        throw draft.place.mistake(
          .contradiction(
            "IOMMU group \(draft.group) is behind '\(draft.iommu)' here and behind "
              + "'\(other.iommu)' on line \(other.place.line)"))
      }
      if first[draft.group] == nil { first[draft.group] = draft }
    }
  }

  private static func checkVirtualFunctions(
    _ drafts: [HostFunctionDraft]
  ) throws(HostDescriptionError) {
    for draft in drafts {
      guard let address = draft.physicalFunction else { continue }
      guard drafts.contains(where: { $0.address == address && $0.isPhysical }) else {
        throw draft.place.mistake(
          .contradiction("there is no function \(address) with an 'sriov' capability"))
      }
    }
  }

  private static func read(_ path: String) throws(Errno) -> [UInt8] {
    let descriptor = unsafe clinux_open(path, O_RDONLY)
    guard descriptor >= 0 else { throw Errno(rawValue: -descriptor) }
    defer { _ = clinux_close(descriptor) }
    var text: [UInt8] = []
    while text.count <= fileLimit {
      var result: Int64 = 0
      let piece = unsafe [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
        guard let base = buffer.baseAddress else { return }
        result = unsafe clinux_read(descriptor, base, 1 << 16)
        count = max(0, Int(result))
      }
      guard result >= 0 else { throw Errno(rawValue: Int32(truncatingIfNeeded: -result)) }
      if result == 0 { break }
      text.append(contentsOf: piece)
    }
    return text
  }
}

extension YAMLValue {
  /// The address of a function in its full form.
  func address() throws(HostDescriptionError) -> PCIAddress {
    let text = try text()
    guard let address = PCIAddress(sysfsName: text) else {
      throw mistake(.notAnAddress(text, form: "DDDD:BB:DD.F, such as \"0000:81:00.0\""))
    }
    return address
  }
}
