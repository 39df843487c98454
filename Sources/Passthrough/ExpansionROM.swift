internal import Hypervisor
internal import SystemPackage
internal import Tracing
internal import VFIO

/// The expansion ROM of a host function, read from the device once, at the guest's first read. Writes
/// are ignored. Used under the machine lock.
package final class ExpansionROM: MemoryHandler {
  private let device: VFIODevice
  private let environment: FunctionEnvironment
  private let size: Int
  private var bytes: [UInt8]?

  private static let regionIndex = 6

  /// A ROM of `size` bytes, a power of two.
  init(size: Int, device: VFIODevice, environment: FunctionEnvironment) {
    self.size = size
    self.device = device
    self.environment = environment
  }

  /// Bytes that the device has not given read as ones, those beyond its ROM region as zeros.
  package func read(offset: UInt64, size: Int) -> UInt64 {
    let bytes = loaded()
    var value: UInt64 = 0
    for place in 0..<UInt64(min(max(size, 0), 8)) {
      let (index, overflow) = offset.addingReportingOverflow(place)
      let byte = !overflow && index < UInt64(bytes.count) ? bytes[Int(index)] : 0
      value |= UInt64(byte) << (8 * place)
    }
    environment.tracer.emit(
      .vfioRomRead,
      [.text(device.name), .number(offset), .number(size), .number(value)])
    return value
  }

  package func write(offset: UInt64, size: Int, value: UInt64) {}

  /// The contents, taken from the device when they are not here yet. Event: `vfio_pci_load_rom`.
  private func loaded() -> [UInt8] {
    if let bytes { return bytes }
    var contents: [UInt8] = []
    do throws(Errno) {
      let region = try device.regionInfo(Self.regionIndex)
      environment.tracer.emit(
        .vfioPciLoadRom,
        [
          .text(device.name), .number(region.size), .number(region.fileOffset),
          .number(region.flags),
        ])
      let count = min(size, Int(clamping: region.size))
      contents = [UInt8](repeating: 0xff, count: count)
      let given = try device.readBytes(region, count: count)
      contents.replaceSubrange(0..<given.count, with: given)
    } catch {
      environment.diagnostics.error(
        "vfio-pci: Cannot read device rom at \(device.name): \(error.description)")
    }
    if contents.isEmpty {
      environment.diagnostics.error("vfio-pci: Device ROM size is zero at \(device.name)")
    }
    bytes = contents
    return contents
  }
}
