internal import Hypervisor
internal import SystemPackage
internal import Tracing
internal import VFIO

/// The expansion ROM of an assigned function, read from the host device once, at the guest's first
/// read. Writes are ignored. Used under the machine lock.
package final class ExpansionROM: MemoryHandler {
  private let device: VFIODevice
  private let environment: FunctionEnvironment
  private let size: Int
  private var bytes: [UInt8]?

  private static let regionIndex = 6

  /// A ROM of `size` bytes, a power of two; `contents` comes from a file, nil from the device.
  init(size: Int, contents: [UInt8]?, device: VFIODevice, environment: FunctionEnvironment) {
    self.size = size
    self.bytes = contents
    self.device = device
    self.environment = environment
  }

  package func read(offset: UInt64, size: Int) -> UInt64 {
    let bytes = loaded()
    var value: UInt64 = 0
    for place in 0..<UInt64(min(max(size, 0), 8)) {
      let (index, overflow) = offset.addingReportingOverflow(place)
      let byte = !overflow && index < UInt64(bytes.count) ? bytes[Int(index)] : 0xff
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
      contents = try device.readBytes(region, count: min(size, Int(clamping: region.size)))
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
