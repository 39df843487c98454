internal import HostKernel
internal import Hypervisor
internal import SystemPackage
internal import Tracing
package import VFIO

/// One BAR of an assigned function: its mappings, its place in the guest, accesses that trap.
///
/// The trapped region spans the BAR; each mapping lies over it and can be switched off, so that
/// accesses trap while an interrupt is pending. Used under the machine lock.
package final class AssignedRegion: MemoryHandler {
  package let index: Int
  package let name: String
  package let info: RegionInfo
  /// The parts that will be mapped; empty when the BAR may not be.
  package internal(set) var areas: [RegionInfo.Area]

  private let device: VFIODevice
  private let environment: FunctionEnvironment
  private var mapped: [MappedArea] = []
  private var place: RegionID?
  private var pieces: [RegionID] = []
  /// Called after each trapped access, which counts as the end of a pending interrupt.
  var afterAccess: () -> Void = {}

  /// Chooses the areas to map. Events: `vfio_region_setup`, `vfio_region_sparse_mmap_*`.
  init(
    index: Int, device: VFIODevice, info: RegionInfo, isMappingAllowed: Bool,
    environment: FunctionEnvironment
  ) {
    self.index = index
    self.name = "\(device.name) BAR \(index)"
    self.device = device
    self.info = info
    self.environment = environment
    let tracer = environment.tracer
    if !isMappingAllowed || !info.isMappable || info.size == 0 {
      areas = []
    } else if let sparse = info.sparseAreas {
      tracer.emit(
        .vfioRegionSparseMmapHeader,
        [.text(device.name), .number(index), .number(sparse.count)])
      let usable = sparse.filter { area in
        area.size > 0 && area.offset <= info.size && area.size <= info.size - area.offset
      }
      for (number, area) in usable.enumerated() {
        tracer.emit(
          .vfioRegionSparseMmapEntry,
          [.number(number), .number(area.offset), .number(area.offset &+ area.size)])
      }
      areas = usable.sorted { $0.offset < $1.offset }
    } else {
      areas = [RegionInfo.Area(offset: 0, size: info.size)]
    }
    tracer.emit(
      .vfioRegionSetup,
      [
        .text(device.name), .number(index), .text(name), .number(info.flags),
        .number(info.fileOffset), .number(info.size),
      ])
  }

  /// Maps the areas into this process and puts the BAR, still disabled, into the guest's memory.
  /// Events: `vfio_region_mmap`, `vfio_region_mmap_fault`, `vfio_region_dmabuf`.
  func enterGuest(isMemory: Bool) {
    mapAreas()
    for area in mapped { export(area) }
    guard isMemory else { return }
    let space = environment.addressSpace
    space.update {
      let parent = space.add(
        MemoryRegion(
          name: name, base: 0, size: info.size, priority: 1, kind: .io(self), isEnabled: false))
      place = parent
      for (number, area) in mapped.enumerated() {
        pieces.append(
          space.add(
            MemoryRegion(
              name: "\(name) mmaps[\(number)]", base: area.area.offset, size: area.area.size,
              kind: .deviceRAM(
                hostAddress: area.address,
                file: area.bufferNumber.map { MemoryFile(descriptor: $0) })),
            over: parent))
      }
    }
  }

  private func mapAreas() {
    for (number, area) in areas.enumerated() {
      do throws(Errno) {
        mapped.append(try MappedArea(area, of: info, of: device))
        environment.tracer.emit(
          .vfioRegionMmap,
          [.text("\(name) mmaps[\(number)]"), .number(area.offset), .number(area.last)])
      } catch {
        environment.tracer.emit(
          .vfioRegionMmapFault,
          [
            .text(name), .number(number), .number(info.fileOffset &+ area.offset),
            .number(info.fileOffset &+ area.last), .number(-error.rawValue),
          ])
        environment.diagnostics.error(
          "Failed to mmap \(name). Performance may be slow: \(error.description)")
      }
    }
  }

  /// Exports a mapped area as a dma-buf, so that other devices can reach it by iommufd.
  private func export(_ area: MappedArea) {
    do throws(Errno) {
      try area.export(region: index, of: device)
      environment.tracer.emit(
        .vfioRegionDmabuf,
        [
          .text(device.name), .number(area.bufferNumber ?? -1), .number(index), .text(name),
          .number(area.area.offset), .number(area.area.size),
        ])
    } catch .inappropriateIOCTLForDevice {
      environment.diagnostics.warningOnce(
        "VFIO dma-buf not supported in kernel, using mmap fallback, P2P DMA will not work")
    } catch {
      environment.diagnostics.warning(
        "\(name): dma-buf unavailable, using mmap fallback, P2P DMA will not work")
    }
  }

  /// Takes the BAR out of the guest's memory, for good.
  func leaveGuest() {
    afterAccess = {}
    guard let place else { return }
    environment.addressSpace.remove(place)
    self.place = nil
    pieces = []
  }

  /// Places the BAR at a guest-physical address, or takes it away with nil.
  func setAddress(_ address: UInt64?) {
    guard let place else { return }
    let space = environment.addressSpace
    space.update {
      if let address { space.move(place, to: address) }
      space.setEnabled(place, address != nil)
    }
  }

  /// Lays a trapped window over the BAR, such as an emulated MSI-X table; nil for a BAR that is not
  /// in the guest's memory.
  @discardableResult
  func overlay(
    _ handler: any MemoryHandler, name: String, offset: UInt64, size: UInt64,
    isEnabled: Bool = true
  ) -> RegionID? {
    guard let place else { return nil }
    return environment.addressSpace.add(
      MemoryRegion(
        name: name, base: offset, size: size, priority: 1, kind: .io(handler),
        isEnabled: isEnabled),
      over: place)
  }

  /// Switches all mappings on or off; off makes every access trap.
  /// Event: `vfio_region_mmaps_set_enabled`, for any BAR that exists.
  func setMappingsEnabled(_ isEnabled: Bool) {
    guard info.size > 0 else { return }
    for piece in pieces { environment.addressSpace.setEnabled(piece, isEnabled) }
    environment.tracer.emit(
      .vfioRegionMmapsSetEnabled, [.text(name), .flag(isEnabled)])
  }

  // MARK: - Trapped accesses

  package func read(offset: UInt64, size: Int) -> UInt64 {
    var value = UInt64.max >> UInt64(64 - 8 * min(max(size, 1), 8))
    do throws(Errno) {
      value = try device.readWord(info, at: offset, size: size)
    } catch {
      environment.diagnostics.error(
        "vfio_region_read(\(device.name):region\(index)+0x\(String(offset, radix: 16)), "
          + "\(size)) failed: \(error.description)")
    }
    environment.tracer.emit(
      .vfioRegionRead,
      [
        .text(device.name), .number(index), .number(offset), .number(size), .number(value),
      ])
    afterAccess()
    return value
  }

  package func write(offset: UInt64, size: Int, value: UInt64) {
    do throws(Errno) {
      try device.writeWord(info, at: offset, size: size, value: value)
    } catch {
      environment.diagnostics.error(
        "vfio_region_write(\(device.name):region\(index)+0x\(String(offset, radix: 16)), "
          + "0x\(String(value, radix: 16)),\(size)) failed: \(error.description)")
    }
    environment.tracer.emit(
      .vfioRegionWrite,
      [
        .text(device.name), .number(index), .number(offset), .number(value), .number(size),
      ])
    afterAccess()
  }
}
