internal import CLinux
internal import HostKernel
internal import PCI
internal import SystemPackage

/// The whole state of a simulated host. Reached only while the kernel's lock is held.
final class SimulatedHost {
  let description: HostDescription
  /// In ascending order of address.
  let functions: [FunctionState]
  private let groups: [UInt32: GroupState]
  /// The functions bound to vfio-pci, in order of binding.
  private(set) var devices: [VFIODevice] = [] { didSet { deviceChanges += 1 } }
  var files = DescriptorTable()
  /// The contexts that something still holds.
  private(set) var contexts: [IOMMUFDContext] = []
  var privileges: HostPrivileges { didSet { lockedMemory.limit = privileges.lockedMemoryLimit } }
  var parameters: ModuleParameters
  let lockedMemory = LockedMemory()
  private var mappings: [UInt: (file: any OpenFile, length: Int)] = [:]
  /// How often a file is held by other than its descriptor.
  private var holders: [ObjectIdentifier: Int] = [:]
  private var bindings = 0
  private var reported: Set<String> = []
  private let report: @Sendable (String) -> Void
  /// `/dev/kvm` is the real host's.
  private let runsGuests: Bool
  /// The sysfs that was last asked for, and how many changes it shows.
  private var sysfsOfThen: (tree: SysfsTree, changes: Int)?
  private var deviceChanges = 0
  /// An eventfd that users signal was set since this was last looked at.
  var hasNewWatchedEvent = false

  init(
    _ description: HostDescription, runsGuests: Bool,
    report: @escaping @Sendable (String) -> Void
  ) {
    self.description = description
    self.runsGuests = runsGuests
    self.report = report
    privileges = HostPrivileges(
      missing: description.lockedMemoryLimit == nil ? [] : [.ipcLock],
      lockedMemoryLimit: description.lockedMemoryLimit)
    lockedMemory.limit = description.lockedMemoryLimit
    parameters = ModuleParameters(
      type1AllowsUnsafeInterrupts: description.type1AllowsUnsafeInterrupts,
      iommufdAllowsUnsafeInterrupts: description.iommufdAllowsUnsafeInterrupts,
      allowsNoIOMMU: description.iommus.contains { $0.kind == .absent })
    var groups: [UInt32: GroupState] = [:]
    var functions: [FunctionState] = []
    for function in description.functions {
      let iommu =
        description.iommus.first { $0.name == function.iommu }
        ?? HostIOMMU(name: function.iommu, kind: .silent)
      let group = groups[function.group] ?? GroupState(number: function.group, iommu: iommu)
      groups[function.group] = group
      functions.append(FunctionState(function, group: group))
    }
    self.groups = groups
    self.functions = functions
    for function in functions where function.driver == "vfio-pci" { bindVFIO(function) }
  }

  // MARK: Looking things up

  func function(at address: PCIAddress) -> FunctionState? {
    functions.first { $0.address == address }
  }

  func device(at address: PCIAddress) -> VFIODevice? {
    devices.first { $0.address == address }
  }

  /// Whether a function has virtual functions.
  func hasVirtualFunctions(_ function: FunctionState) -> Bool {
    functions.contains { $0.description.physicalFunction == function.address }
  }

  /// The group of a path `/dev/vfio/N`: the node exists while a member is on vfio-pci.
  func group(ofNode path: String) -> GroupState? {
    devices.map(\.function.group).first { path == "/dev/vfio/\($0.node)" }
  }

  /// The bus of a function; nil for a root bus.
  func bus(of function: FunctionState) -> HostBus? {
    description.buses.first { $0.address == function.address.busAddress }
  }

  /// The sysfs of the moment.
  var sysfs: SysfsTree {
    let changes = functions.reduce(deviceChanges) { $0 + $1.sysfsChanges }
    if let sysfsOfThen, sysfsOfThen.changes == changes { return sysfsOfThen.tree }
    let tree = SysfsTree(of: self)
    sysfsOfThen = (tree, changes)
    return tree
  }

  // MARK: Files

  func open(_ path: String, _ access: FileAccess) throws(Errno) -> Int32 {
    if path == "/dev/iommu" {
      let context = IOMMUFDContext()
      let descriptor = try files.add(IOMMUFDFile(context: context), named: path)
      contexts.append(context)
      return descriptor
    }
    if path == "/dev/kvm" {
      guard runsGuests else { return try files.add(KVMModuleFile(), named: path) }
      let descriptor = try LinuxKernel().open(path, access)
      files.add(RealKVMModuleFile(), as: descriptor)
      return descriptor
    }
    if path == "/dev/vfio/vfio" { return try files.add(VFIOContainer(), named: path) }
    if path.hasPrefix("/dev/vfio/devices/vfio") {
      let number = path.dropFirst("/dev/vfio/devices/vfio".count)
      guard let device = devices.first(where: { String($0.index) == number }), !device.isLeaving,
        !device.function.group.isArtificial
      else { throw .enoent }
      return try files.add(VFIODeviceFile(device: device, group: nil), named: path)
    }
    if path.hasPrefix("/dev/vfio/") {
      guard let group = group(ofNode: path) else { throw .enoent }
      guard !group.isArtificial || privileges.has(.sysRawIO) else { throw .eperm }
      guard group.boundCount == 0, group.openFile == nil else { throw .ebusy }
      let file = VFIOGroupFile(group: group)
      let descriptor = try files.add(file, named: path)
      group.openFile = file
      return descriptor
    }
    throw .enoent
  }

  /// Closes a descriptor of either kind.
  func close(_ descriptor: Int32) {
    guard let file = files.remove(descriptor), holders[ObjectIdentifier(file)] == nil else {
      return
    }
    file.closed(on: self)
  }

  /// Closes whatever is still open and undoes what is still mapped.
  func closeAll() {
    for (address, mapping) in mappings { unmap(address: address, length: mapping.length) }
    for (descriptor, _) in files.all { close(descriptor) }
  }

  /// Keeps a file open after its descriptor was closed, as another kernel object that refers to it
  /// does.
  func hold(_ file: any OpenFile) { holders[ObjectIdentifier(file), default: 0] += 1 }

  /// Ends what `hold` began.
  func letGo(_ file: any OpenFile) {
    let holder = ObjectIdentifier(file)
    guard let count = holders[holder] else { return }
    holders[holder] = count == 1 ? nil : count - 1
    if count == 1, !files.all.contains(where: { $0.file === file }) { file.closed(on: self) }
  }

  /// Closes a file that never got a descriptor.
  func close(_ file: any OpenFile) { file.closed(on: self) }

  /// Maps and remembers which file the mapping keeps alive.
  func map(_ request: MappingRequest, of file: any OpenFile) throws(Errno) -> UInt {
    let address = try file.map(request, on: self)
    mappings[address] = (file, request.length)
    return address
  }

  /// Unmaps, and lets the file go that the mapping kept alive.
  func unmap(address: UInt, length: Int) {
    MemoryCalls.unmap(address: address, length: length)
    mappings.removeValue(forKey: address)?.file.unmapped(address, on: self)
  }

  // MARK: DMA

  /// Whether a member's driver uses kernel DMA; these drivers do not.
  func driversUseDMA(of group: GroupState) -> Bool {
    functions.contains { function in
      guard function.group === group, let driver = function.driver else { return false }
      return !Self.driversWithoutDMA.contains(driver)
    }
  }

  static let driversWithoutDMA: Set<String> = ["vfio-pci", "pci-stub", "pcieport"]

  /// Binds a device to a context: interrupts must be isolated and the group's DMA free.
  func bind(_ device: VFIODevice, to context: IOMMUFDContext) throws(Errno) -> BoundDevice {
    let group = device.function.group
    guard group.iommu.remapsInterrupts || parameters.iommufdAllowsUnsafeInterrupts else {
      throw .eperm
    }
    try group.ownership.claim(for: context, whileDriversUseIt: driversUseDMA(of: group))
    context.retain()
    let bound = context.addDevice(.function(device))
    device.binding = bound
    return bound
  }

  /// Ends all claims of a bound device and its object.
  func unbind(_ bound: BoundDevice) {
    bound.context.removeDevice(bound)
    if case .function(let device) = bound.device { device.binding = nil }
    bound.group.ownership.release()
    release(bound.context)
  }

  /// Lets a context go.
  func release(_ context: IOMMUFDContext) {
    if context.release() { contexts.removeAll { $0 === context } }
  }

  /// Pages of a new mapping, charged as the context and the caller's privileges say.
  func newPages(for context: IOMMUFDContext) -> UserPages {
    let account: LockedMemory.Account =
      context.countsLockedMemoryByProcess ? .process : .user
    return UserPages(lockedMemory, account: privileges.has(.ipcLock) ? .none : account)
  }

  /// Checks what pinning the pages of a mapping checks (8.2, step 7).
  func pin(_ mapping: IOAS.Mapping) throws(Errno) {
    let length = mapping.iova.upperBound - mapping.iova.lowerBound
    switch mapping.source {
    case .memory(let address):
      let (last, overflow) = address.addingReportingOverflow(length)
      guard !overflow, last < .max else { throw .efault }
      guard !overlapsDeviceMemory(address...last) else { throw .efault }
      try ProcessMemory.check(address..<last + 1, isWritten: mapping.isWritable)
    case .file where mapping.pages.isRevoked: throw .enodev
    case .file(let start, let size):
      guard let size, start <= size, length < size - start else { throw .einval }
    }
    // The page tables take no entry that allows nothing.
    guard mapping.isReadable || mapping.isWritable else { throw .einval }
  }

  /// Whether a range of the process's memory is, in part, a BAR.
  func overlapsDeviceMemory(_ range: ClosedRange<UInt64>) -> Bool {
    mappings.contains { address, mapping in
      range.overlaps(UInt64(address)...(UInt64(address) + UInt64(mapping.length - 1)))
    }
  }

  // MARK: Drivers

  private func bindVFIO(_ function: FunctionState) {
    var index = 0
    while devices.contains(where: { $0.index == index }) { index += 1 }
    devices.append(VFIODevice(function: function, index: index, sequence: bindings))
    bindings += 1
  }

  /// Probes a driver on a function that has none. `EBUSY` when a user owns the group's DMA and the
  /// driver needs it.
  func bindDriver(_ driver: String, to function: FunctionState) throws(Errno) {
    guard function.driver == nil else { throw .ebusy }
    if driver == "vfio-pci", function.group.isArtificial, !parameters.allowsNoIOMMU {
      throw .einval
    }
    if driver == "vfio-pci", hasVirtualFunctions(function) { throw .ebusy }
    if !Self.driversWithoutDMA.contains(driver), function.group.ownership.owner != nil {
      throw .ebusy
    }
    function.driver = driver
    if driver == "vfio-pci" { bindVFIO(function) }
  }

  /// Unbinds the driver. A device in use asks its user and stays until the last close; says whether
  /// it has gone.
  func unbindDriver(of function: FunctionState) -> Bool {
    guard let device = device(at: function.address) else {
      function.driver = nil
      return true
    }
    device.isLeaving = true
    function.isLocked = true
    if let event = device.interrupts.request { EventDescriptor.signal(event) }
    finishLeaving(device)
    return function.driver == nil
  }

  /// Completes an unbind that waited for users.
  func finishLeaving(_ device: VFIODevice) {
    guard device.isLeaving, device.openCount == 0, !hasFile(of: device) else { return }
    devices.removeAll { $0 === device }
    device.function.driver = nil
    device.function.isLocked = false
    let group = device.function.group
    if !devices.contains(where: { $0.function.group === group }) {
      group.openFile?.loseLastMember(on: self)
    }
  }

  private func hasFile(of device: VFIODevice) -> Bool {
    files.all.contains { ($0.file as? VFIODeviceFile)?.device === device }
  }

  // MARK: Eventfds that users signal

  /// Whether an eventfd that users signal was set since this was last asked.
  func takeNewWatchedEvent() -> Bool {
    defer { hasNewWatchedEvent = false }
    return hasNewWatchedEvent
  }

  /// The eventfds that unmask INTx of a device or write to a BAR.
  var watchedEvents: [Int32] {
    devices.flatMap { [$0.interrupts.unmask].compactMap(\.self) + $0.ioEvents.descriptors }
  }

  /// Takes the count of an eventfd, unmasks the device that it unmasks, and writes what it writes.
  func takeSignal(of event: Int32) {
    for device in devices where device.interrupts.unmask == event {
      EventDescriptor.drain(event)
      device.unmaskINTx()
    }
    guard let identity = devices.lazy.compactMap({ $0.ioEvents.identity(of: event) }).first else {
      return
    }
    EventDescriptor.drain(event)
    for device in devices { device.writeValues(signalledBy: identity, on: self) }
  }

  // MARK: Messages and introspection

  /// Says once for each kind of file and command that it is not modelled, and gives `ENOTTY`.
  func notModelled(_ kind: String, _ request: UInt) -> Errno {
    let name = "\(kind) command 0x\(String(request, radix: 16))"
    reportOnce(of: name, "\(name) is not modelled, answering ENOTTY")
    return .enotty
  }

  /// Reports what has to be said once about a subject.
  func reportOnce(of subject: String, _ text: String) {
    if reported.insert(subject).inserted { report("simulated kernel: \(text)") }
  }

  /// What is still held, one line each; empty when nothing is.
  var heldObjects: [String] {
    var lines = files.all.map { "descriptor \($0.descriptor): \($0.file.kind)" }
    for context in contexts {
      lines.append("iommufd context held \(context.references) times")
      for identifier in context.objects.keys.sorted() {
        switch context.objects[identifier] {
        case .ioas(let ioas): lines.append("ioas \(identifier): \(ioas.mappings.count) mappings")
        case .device(let bound):
          if case .function(let device) = bound.device {
            lines.append("device \(identifier): \(device.address)")
          }
        case .table: lines.append("page table \(identifier)")
        case .faults: lines.append("fault queue \(identifier)")
        case .virtualIOMMU: lines.append("virtual IOMMU \(identifier)")
        case .virtualDevice: lines.append("virtual device \(identifier)")
        case .events: lines.append("virtual event queue \(identifier)")
        case .mock: lines.append("mock device \(identifier)")
        case .tombstone, nil: break
        }
      }
    }
    for group in groups.values.sorted(by: { $0.number < $1.number }) where group.openFile != nil {
      lines.append("group \(group.number) open")
    }
    for device in devices where device.openCount > 0 || device.heldEvents > 0 {
      lines.append("\(device.address) open, \(device.heldEvents) eventfds")
    }
    for address in mappings.keys.sorted() {
      lines.append("device mapping at 0x\(String(address, radix: 16))")
    }
    return lines
  }
}
