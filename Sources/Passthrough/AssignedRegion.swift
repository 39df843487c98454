internal import HostKernel
internal import Hypervisor
internal import PCI
internal import SystemPackage
internal import Tracing
package import VFIO

/// One BAR of an assigned function: its mappings, its place in the guest, accesses that trap.
///
/// The trapped region spans the BAR; each mapping lies over it and can be switched off, so that
/// accesses trap while an interrupt is pending. The guest's BAR may be larger than the device's, to
/// have room for an MSI-X table: there nothing answers. Used under the machine lock.
package final class AssignedRegion: MemoryHandler {
  package let index: Int
  package let name: String
  package let info: RegionInfo
  /// The parts that will be mapped; empty when the BAR may not be.
  package internal(set) var areas: [RegionInfo.Area]

  private let device: VFIODevice
  private let environment: FunctionEnvironment
  private var mapped: [MappedArea] = []
  /// The address space that the BAR is in, its region there and its length for the guest in bytes.
  private var space: AddressSpace?
  private var place: RegionID?
  private var guestSize: UInt64 = 0
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

  /// Maps the areas into this process, unless the device has no such BAR. Events: `vfio_region_mmap`,
  /// `vfio_region_mmap_fault`, `vfio_region_dmabuf`.
  func map() {
    mapAreas()
    for area in mapped { export(area) }
  }

  /// Puts the BAR, still disabled, into the guest: over `parent` in guest memory or in its ports.
  func enterGuest(_ bar: BARDescription, in space: AddressSpace, over parent: RegionID?) {
    guestSize = bar.size
    self.space = space
    space.update {
      let place = space.add(
        MemoryRegion(
          name: name, base: 0, size: bar.size, priority: Self.priority, kind: .io(self),
          isEnabled: false),
        over: parent)
      self.place = place
      guard bar.kind != .io else { return }
      for (number, area) in mapped.enumerated() {
        pieces.append(
          space.add(
            MemoryRegion(
              name: "\(name) mmaps[\(number)]", base: area.area.offset, size: area.area.size,
              kind: .deviceRAM(
                hostAddress: area.address,
                file: Self.file(of: area))),
            over: place))
      }
    }
  }

  /// The dma-buf of an area of whole pages, the only ones that can be mapped by it.
  private static func file(of area: MappedArea) -> MemoryFile? {
    guard area.area.size % pageSize == 0 else { return nil }
    return area.bufferNumber.map { MemoryFile(descriptor: $0) }
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

  /// Takes the BAR out of the guest, for good, and says so when `isTraced`.
  /// Event: `vfio_region_exit`, for a BAR that the device has.
  func leaveGuest(isTraced: Bool = false) {
    afterAccess = {}
    if let place { space?.remove(place) }
    place = nil
    space = nil
    pieces = []
    if isTraced, info.size > 0 {
      environment.tracer.emit(.vfioRegionExit, [.text(device.name), .number(index)])
    }
  }

  /// Unmaps what is mapped into this process; the guest has it no more.
  /// Event: `vfio_region_finalize`, for a BAR that the device has.
  func unmap() {
    mapped = []
    guard info.size > 0 else { return }
    environment.tracer.emit(.vfioRegionFinalize, [.text(device.name), .number(index)])
  }

  /// Places the BAR at a guest address, or takes it away with nil.
  ///
  /// A BAR that is smaller than a host page but can be mapped whole fills its page while it begins
  /// one, under everything else that may be there: only whole pages can be memory of the guest. The
  /// kernel lets such a BAR be mapped only when nothing else is in its page of the host.
  func setAddress(_ address: UInt64?) {
    guard let place, let space else { return }
    space.update {
      if isSmallAndMapped {
        let isAtPage = address.map { $0 % Self.pageSize == 0 } ?? false
        for region in [place] + pieces {
          space.resize(region, to: isAtPage ? Self.pageSize : guestSize)
        }
        if let address {
          space.show(place, at: address, priority: isAtPage ? Self.lowPriority : Self.priority)
          return
        }
      }
      if let address {
        space.show(place, at: address, priority: Self.priority)
      } else {
        space.setEnabled(place, false)
      }
    }
  }

  private static let pageSize: UInt64 = 4096
  /// Among the regions of a bus, as QEMU has it.
  private static let priority = 1
  private static let lowPriority = 0

  private var isSmallAndMapped: Bool {
    guestSize < Self.pageSize && guestSize == info.size && pieces.count == 1
      && mapped.first?.area == RegionInfo.Area(offset: 0, size: info.size)
  }

  /// Lays a trapped window over the BAR, such as an emulated MSI-X table; nil for a BAR that is not
  /// in the guest's memory.
  @discardableResult
  func overlay(
    _ handler: any MemoryHandler, name: String, offset: UInt64, size: UInt64,
    isEnabled: Bool = true
  ) -> RegionID? {
    guard let place, let space else { return nil }
    return space.add(
      MemoryRegion(
        name: name, base: offset, size: size, priority: 1, kind: .io(handler),
        isEnabled: isEnabled),
      over: place)
  }

  /// Switches all mappings on or off; off makes every access trap.
  /// Event: `vfio_region_mmaps_set_enabled`, for any BAR that exists.
  func setMappingsEnabled(_ isEnabled: Bool) {
    guard info.size > 0 else { return }
    for piece in pieces { space?.setEnabled(piece, isEnabled) }
    environment.tracer.emit(
      .vfioRegionMmapsSetEnabled, [.text(name), .flag(isEnabled)])
  }

  // MARK: - Trapped accesses

  package func read(offset: UInt64, size: Int) -> UInt64 {
    var value = UInt64.max >> UInt64(64 - 8 * min(max(size, 1), 8))
    guard offset < info.size else { return value }
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
    guard offset < info.size else { return }
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
