/// One call of a random sequence, in terms that mean the same on two hosts: descriptors are named by
/// slots, memory by pages of one buffer, functions by fixtures; object ids are plain numbers.
enum DifferentialOperation: Sendable, Equatable {
  /// A descriptor of a device: each function has two slots.
  struct Device: Sendable, Hashable {
    var fixture: Fixture
    var slot: Int
  }

  /// What a group is put into, and what container commands go to.
  enum Container: Sendable, Hashable {
    case native
    case iommufd(Int)
  }

  /// What comes with `VFIO_DEVICE_SET_IRQS`.
  enum InterruptData: Sendable, Equatable {
    case none(count: UInt32)
    case switches([UInt8])
    /// True for an eventfd, false for -1, nil for a descriptor that is closed.
    case events([Bool?])
  }

  // iommufd
  case openIOMMUFD(Int)
  case closeIOMMUFD(Int)
  case allocateIOAS(Int)
  case destroy(Int, UInt32)
  case allocateTable(Int, device: UInt32, parent: UInt32, flags: UInt32)
  case map(Int, ioas: UInt32, page: Int, length: UInt64, iova: UInt64?, flags: UInt32)
  case unmap(Int, ioas: UInt32, iova: UInt64, length: UInt64)
  case copy(
    Int, from: UInt32, to: UInt32, source: UInt64, length: UInt64, iova: UInt64?, flags: UInt32)
  case ranges(Int, ioas: UInt32)
  case allow(Int, ioas: UInt32, [ClosedRange<UInt64>])
  case hardwareInfo(Int, device: UInt32)
  // cdev
  case openNode(Device)
  case bind(Device, Int)
  case attach(Device, UInt32)
  case detach(Device)
  case closeDevice(Device)
  // groups and containers
  case openContainer
  case closeContainer
  case openGroup(Fixture)
  case closeGroup(Fixture)
  case groupStatus(Fixture)
  case setContainer(Fixture, Container)
  case unsetContainer(Fixture)
  case setBackend(Container, UInt)
  case checkExtension(Container, UInt)
  case openFromGroup(Device)
  case mapType1(Container, page: Int, length: UInt64, iova: UInt64, flags: UInt32)
  case unmapType1(Container, iova: UInt64, length: UInt64, flags: UInt32)
  // devices
  case deviceInfo(Device)
  case regionInfo(Device, UInt32)
  case interruptInfo(Device, UInt32)
  case setInterrupts(Device, index: UInt32, action: UInt32, start: UInt32, InterruptData)
  case writeConfig(Device, offset: Int, width: Int, value: UInt64)
  case reset(Device)
  case hotResetInfo(Device)
  case hotReset(Device, groups: [Fixture])
}

extension DifferentialOperation.Device: CustomStringConvertible {
  var description: String { slot == 0 ? fixture.rawValue : "\(fixture.rawValue)'" }
}

extension DifferentialOperation.Container: CustomStringConvertible {
  var description: String {
    switch self {
    case .native: "native container"
    case .iommufd(let slot): "iommufd \(slot)"
    }
  }
}
