internal import CLinux
internal import SystemPackage

/// `VFIO_DEVICE_FEATURE` (2.8 of the contract): tokens, low power, and DMA buffers where the
/// kernel has them.
extension VFIODeviceFile {
  func feature(_ argument: UserArgument, on host: SimulatedHost) throws(Errno) -> Int32 {
    let size = try argument.argumentSize(minimum: 8)
    let flags = try argument.load(vfio_device_feature.self).flags
    let isGet = flags & UInt32(VFIO_DEVICE_FEATURE_GET) != 0
    let isSet = flags & UInt32(VFIO_DEVICE_FEATURE_SET) != 0
    let isProbe = flags & UInt32(VFIO_DEVICE_FEATURE_PROBE) != 0
    guard flags & ~UInt32(0x7FFFF) == 0, !(isGet && isSet) || isProbe else { throw .einval }
    let number = flags & UInt32(VFIO_DEVICE_FEATURE_MASK)
    if number == UInt32(VFIO_DEVICE_FEATURE_DMA_BUF), host.description.exportsDMABuffers {
      // It can only be asked for.
      guard !isSet else { throw .einval }
      if isProbe { return 0 }
      guard isGet else { throw .einval }
      return try exportBuffer(argument, size: size, on: host)
    }
    guard let payload = try payload(of: number) else { throw .enotty }
    // All of them can only be set.
    guard !isGet else { throw .einval }
    if isProbe { return 0 }
    guard isSet, size - 8 >= payload else { throw .einval }
    switch number {
    case 0: device.token = try argument.bytes(at: 8, count: payload)
    case 3: try device.enterLowPower(wakeEvent: nil)
    case 4:
      let event = try argument.load(Int32.self, at: 8)
      guard event >= 0 else { throw .einval }
      try device.enterLowPower(wakeEvent: try ProcessDescriptor.duplicate(event: event))
    default: device.exitLowPower()
    }
    return 0
  }

  /// How many bytes a feature takes; nil for one that the device does not have.
  private func payload(of feature: UInt32) throws(Errno) -> Int? {
    switch feature {
    case 0: return device.function.description.isPhysical ? VFIODevice.tokenSize : nil
    case 3, 5: return 0
    case 4: return 8
    // Precopy information of a device that cannot migrate is refused this way, even when probed.
    case 12: throw .einval
    default: return nil
    }
  }
}
