internal import HostKernel
internal import Hypervisor
internal import PCI
internal import SystemPackage
internal import Tracing
internal import VFIO

/// An expansion ROM as the guest finds it.
struct GuestROM {
  let bar: ExpansionROMBAR
  let place: RegionID
}

extension PassthroughFunction {
  /// Gives the guest a ROM BAR as large as the host's, unless a file was asked for. Event:
  /// `vfio_pci_size_rom`.
  func setUpHostROM() throws(AssignmentError.Failure) {
    guard options.isROMBarEnabled, options.romFile == nil else { return }
    let original = try rawRead(PCIRegister.rom, 4)
    try rawWrite(PCIRegister.rom, 0xffff_f800)
    let sizing = try rawRead(PCIRegister.rom, 4)
    try rawWrite(PCIRegister.rom, original)
    guard let bar = ExpansionROMBAR(sizing: sizing) else { return }
    environment.tracer.emit(.vfioPciSizeRom, [.text(name), .number(bar.size)])
    let handler = ExpansionROM(size: Int(bar.size), device: device, environment: environment)
    installROM(bar, .io(handler))
  }

  /// Gives the guest the ROM of the file that was asked for: read-only memory, zero from the file's
  /// end to a power of two. As in QEMU the last step of making the function.
  func setUpROMFile() throws(AssignmentError.Failure) {
    guard options.isROMBarEnabled, let path = options.romFile, !path.isEmpty else { return }
    let kernel = environment.kernel
    let status: FileStatus
    do throws(Errno) { status = try kernel.status(of: path) } catch {
      throw .romFile(path: path, .notFound(error))
    }
    guard let size = status.size else { throw .romFile(path: path, .notAFile) }
    guard size > 0 else { throw .romFile(path: path, .empty) }
    let padded = max(2048, size.roundedUpToPowerOfTwo)
    guard let bar = ExpansionROMBAR(size: padded), let length = Int(exactly: padded) else {
      throw .romFile(path: path, .tooLarge)
    }
    let file: HostDescriptor
    do throws(Errno) { file = try HostDescriptor(opening: path, .readOnly, on: kernel) } catch {
      throw .romFile(path: path, .notFound(error))
    }
    do throws(Errno) {
      let memory = try HostMapping(MappingRequest(descriptor: nil, length: length), on: kernel)
      try memory.fill(from: file)
      installROM(bar, .ram(hostAddress: memory.address, isReadOnly: true))
      romMemory = consume memory
    } catch {
      throw .romFile(path: path, .unreadable(error))
    }
  }

  private func installROM(_ bar: ExpansionROMBAR, _ kind: MemoryKind) {
    bar.install(in: &image)
    let region = environment.addressSpace.add(
      MemoryRegion(
        name: "\(name) ROM", base: 0, size: bar.size, priority: 1, kind: kind, isEnabled: false),
      over: place.memoryRegion)
    rom = GuestROM(bar: bar, place: region)
  }

  /// Places the ROM at a guest address, or takes it away with nil.
  func placeROM(at address: UInt64?) {
    guard let rom else { return }
    if let address {
      environment.addressSpace.show(rom.place, at: address, priority: 1)
    } else {
      environment.addressSpace.setEnabled(rom.place, false)
    }
  }

  /// Writes the device's config space behind the trace, four bytes.
  private func rawWrite(_ offset: Int, _ value: UInt32) throws(AssignmentError.Failure) {
    do throws(Errno) {
      try device.writeWord(configRegion, at: UInt64(offset), size: 4, value: UInt64(value))
    } catch {
      throw .cannotReadConfig(error)
    }
  }
}
