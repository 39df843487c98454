internal import PCI
internal import SystemPackage

/// The functions that one slot or bus reset takes along, and the hot reset itself (4.1 to 4.4 of the
/// contract).
struct ResetScope {
  /// What a caller shows to prove that the affected devices are its own.
  enum Proof {
    /// Groups whose files the caller holds, and devices of which it holds descriptors.
    case holdings(groups: [GroupState], devices: [VFIODevice])
    /// The context that the caller's device is bound to.
    case context(IOMMUFDContext)
  }

  /// Every function on the bus or slot and below, in order of discovery; bridges count.
  let functions: [FunctionState]
  private let members: [VFIODevice]
  private let uapi: HostUAPI

  /// Throws `ENODEV` where neither slot nor bus can be reset.
  init(of function: FunctionState, on host: SimulatedHost) throws(Errno) {
    guard let bus = host.bus(of: function), bus.reset != .none else { throw .enodev }
    let slot = bus.reset == .slot ? function.slot : nil
    functions = Self.walk(bus.address, slot: slot, host)
    uapi = host.description.uapi
    let key = host.resetSet(of: function)
    members = host.devices.filter { host.resetSet(of: $0.function) == key }
      .sorted { $0.sequence < $1.sequence }
  }

  private static func walk(
    _ bus: HostBusAddress, slot: UInt8?, _ host: SimulatedHost
  ) -> [FunctionState] {
    var found: [FunctionState] = []
    for function in host.functions
    where function.address.busAddress == bus && (slot == nil || function.slot == slot) {
      found.append(function)
      // A bridge leads to a bus with a higher number, so this ends.
      for below in host.description.buses where below.bridge == function.address {
        found += walk(below.address, slot: nil, host)
      }
    }
    return found
  }

  /// What a hot-reset entry says of a function: its devid, 0 for one that is owned through its
  /// group, all ones for one that is not owned.
  func identifier(
    of function: FunctionState, for context: IOMMUFDContext, on host: SimulatedHost
  ) -> UInt32 {
    guard let device = members.first(where: { $0.function === function }) else { return .max }
    if let bound = device.binding, bound.context === context { return bound.identifier }
    if uapi == .rfcv3, device.openCount == 0 { return 0 }
    return function.group.ownership.isOwned(by: context) ? 0 : .max
  }

  /// Whether every function in scope is on vfio-pci in the same set.
  var isWhole: Bool {
    functions.allSatisfy { function in members.contains { $0.function === function } }
  }

  /// Whether any member is in use.
  var isInUse: Bool { members.contains { $0.openCount > 0 } }

  /// Whether any member waits for a reset that its last close could not do.
  var needsReset: Bool { members.contains { $0.needsReset } }

  /// Resets all functions, if all are members and the proof covers every member that needs it.
  /// `EBUSY` when the user of one is inside an access to it.
  func reset(owning proof: Proof, on host: SimulatedHost) throws(Errno) {
    guard isWhole else { throw .einval }
    for member in members where uapi == .linux72 || member.openCount > 0 {
      let isOwned =
        switch proof {
        case .holdings(let groups, let devices):
          groups.contains { $0 === member.function.group } || devices.contains { $0 === member }
        case .context(let context):
          identifier(of: member.function, for: context, on: host) != .max
        }
      guard isOwned else { throw .einval }
      guard !member.function.isMemoryBusy else { throw .ebusy }
    }
    try perform()
  }

  /// Resets all functions; `EAGAIN` when one is locked, `ENOTTY` when one does not come back.
  func perform() throws(Errno) {
    for member in members {
      member.function.setPowerState(0)
      member.updateMappings()
      member.buffers.interrupt(isReachable: member.isMemoryReachable)
    }
    guard functions.allSatisfy({ !$0.isLocked }) else { throw .eagain }
    for function in functions { function.reset() }
    guard !functions.contains(where: \.resetTimesOut) else { throw .enotty }
    for member in members { member.needsReset = false }
  }
}

extension FunctionState {
  /// The device number of the slot; a virtual function sits in that of its physical function.
  fileprivate var slot: UInt8 { (description.physicalFunction ?? address).device }
}

/// Which devices are reset together: the key of a set.
enum ResetSet: Hashable {
  case alone(PCIAddress)
  case slot(HostBusAddress, UInt8)
  case bus(HostBusAddress)
}
