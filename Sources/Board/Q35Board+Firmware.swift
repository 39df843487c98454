package import HostKernel
internal import Hypervisor
internal import SystemPackage

extension Q35Board {
  /// The most that fits above the interrupt controllers' windows.
  private static var largestFirmware: UInt64 { 16 << 20 }

  /// Places the image of a file as read-only memory that ends at 4 GiB, where a processor starts at its
  /// reset. Nothing of it shows below 1 MiB: there are no PAM registers to take it away again.
  ///
  /// Throws when the file cannot be had, or is not of a multiple of 64 KiB, as QEMU, up to 16 MiB.
  package func addFirmware(_ path: String, on kernel: any HostKernel) throws(BoardError) {
    let size: UInt64
    do throws(Errno) {
      guard let bytes = try kernel.status(of: path).size else { throw Errno.invalidArgument }
      size = bytes
    } catch {
      throw .firmware(path: path, .unreadable(error))
    }
    guard size > 0, size % 0x10000 == 0, size <= Self.largestFirmware else {
      throw .firmware(path: path, .size(size))
    }
    do throws(Errno) {
      let file = try HostDescriptor(opening: path, .readOnly, on: kernel)
      let mapping = try HostMapping(
        MappingRequest(descriptor: nil, length: Int(size)), on: kernel)
      try mapping.fill(from: file)
      memory.add(
        MemoryRegion(
          name: "pc.bios", base: 1 << 32 - size, size: size,
          kind: .ram(hostAddress: mapping.address, isReadOnly: true)))
      firmware = consume mapping
    } catch {
      throw .firmware(path: path, .unreadable(error))
    }
  }
}
