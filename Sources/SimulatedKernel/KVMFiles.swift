internal import CLinux
internal import SystemPackage

/// `/dev/kvm` of the simulated host: it makes virtual machines that can do nothing but tell the VFIO
/// device of groups and devices (2.11 of the contract).
final class KVMModuleFile: OpenFile {
  let kind = "kvm"

  func control(
    _ request: UInt, _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) -> Int32 {
    switch request {
    case UInt(KVM_GET_API_VERSION):
      guard argument.value == 0 else { throw .einval }
      return KVM_API_VERSION
    case UInt(KVM_CHECK_EXTENSION): return KVMMachine.extent(of: argument.value)
    case UInt(KVM_CREATE_VM):
      guard argument.value == 0 else { throw .einval }
      return try host.files.add(KVMMachineFile(), named: "kvm-vm")
    default: throw host.notModelled(kind, request)
    }
  }
}

/// What a machine's file and the files of its devices share.
final class KVMMachine {
  /// The one VFIO device, while its file is open.
  fileprivate(set) weak var device: KVMVFIODeviceFile?

  /// What `KVM_CHECK_EXTENSION` says.
  static func extent(of capability: UInt64) -> Int32 {
    capability == UInt64(KVM_CAP_DEVICE_CTRL) ? 1 : 0
  }
}

/// A virtual machine of the simulated host.
class KVMMachineFile: OpenFile {
  let kind = "kvm machine"
  private let machine = KVMMachine()

  func answers(_ request: UInt, _ argument: UserArgument) -> Bool { true }

  func control(
    _ request: UInt, _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) -> Int32 {
    switch request {
    case UInt(KVM_CHECK_EXTENSION): return KVMMachine.extent(of: argument.value)
    case UInt(KVM_CREATE_DEVICE): try createDevice(&argument, on: host)
    default: throw host.notModelled(kind, request)
    }
    return 0
  }

  private func createDevice(
    _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) {
    var command = try argument.load(kvm_create_device.self)
    guard command.type == UInt32(KVM_DEV_TYPE_VFIO) else { throw .enodev }
    guard command.flags & UInt32(KVM_CREATE_DEVICE_TEST) == 0 else { return }
    guard machine.device == nil else { throw .ebusy }
    let device = KVMVFIODeviceFile(of: machine)
    command.fd = UInt32(bitPattern: try host.files.add(device, named: "kvm-vfio"))
    machine.device = device
    try argument.store(command)
  }
}

/// `/dev/kvm` of the real host, on a simulated host that runs guests.
final class RealKVMModuleFile: OpenFile {
  let kind = "kvm of the real host"

  func answers(_ request: UInt, _ argument: UserArgument) -> Bool { false }

  func made(_ descriptor: Int32, by request: UInt, on host: SimulatedHost) {
    guard request == UInt(KVM_CREATE_VM) else { return }
    host.files.add(RealKVMMachineFile(), as: descriptor)
  }
}

/// A machine of the real KVM: only its VFIO device is simulated, since the files that it is told of
/// are.
final class RealKVMMachineFile: KVMMachineFile {
  override func answers(_ request: UInt, _ argument: UserArgument) -> Bool {
    guard request == UInt(KVM_CREATE_DEVICE) else { return false }
    do throws(Errno) {
      return try argument.load(kvm_create_device.self).type == UInt32(KVM_DEV_TYPE_VFIO)
    } catch {
      return false
    }
  }
}

/// The VFIO device of a virtual machine. It holds the files that it was told of, so that they stay
/// open when their descriptors are closed.
final class KVMVFIODeviceFile: OpenFile {
  let kind = "kvm vfio device"
  private let machine: KVMMachine
  private var files: [any OpenFile] = []

  init(of machine: KVMMachine) { self.machine = machine }

  func control(
    _ request: UInt, _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) -> Int32 {
    switch request {
    case UInt(KVM_SET_DEVICE_ATTR):
      let command = try argument.load(kvm_device_attr.self)
      guard Self.isKnown(command) else { throw .enxio }
      try set(command, on: host)
    case UInt(KVM_GET_DEVICE_ATTR): throw .eperm
    case UInt(KVM_HAS_DEVICE_ATTR):
      guard Self.isKnown(try argument.load(kvm_device_attr.self)) else { throw .enxio }
    default: throw .enotty
    }
    return 0
  }

  private static func isKnown(_ command: kvm_device_attr) -> Bool {
    command.group == UInt32(KVM_DEV_VFIO_FILE)
      && [UInt64(KVM_DEV_VFIO_FILE_ADD), UInt64(KVM_DEV_VFIO_FILE_DEL)].contains(command.attr)
  }

  private func set(_ command: kvm_device_attr, on host: SimulatedHost) throws(Errno) {
    let descriptor = UserMemory.value(
      Int32.self, from: try UserMemory.bytes(at: command.addr, count: 4))
    let file = host.files[descriptor]
    if file == nil { _ = try ProcessDescriptor.kind(of: descriptor) }
    let index = files.firstIndex { $0 === file }
    if command.attr == UInt64(KVM_DEV_VFIO_FILE_DEL) {
      guard let index else { throw .enoent }
      host.letGo(files.remove(at: index))
      return
    }
    guard let file, file is VFIOGroupFile || file is VFIODeviceFile else { throw .einval }
    guard index == nil else { throw .eexist }
    files.append(file)
    host.hold(file)
  }

  func closed(on host: SimulatedHost) {
    machine.device = nil
    for file in files { host.letGo(file) }
    files.removeAll()
  }
}
