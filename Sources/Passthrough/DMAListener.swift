package import Hypervisor
internal import SystemPackage
package import Tracing
package import VFIO

/// Keeps one I/O address space equal to the guest's memory.
///
/// Guest RAM and the mapped parts of BARs are mapped at their guest-physical addresses, rounded
/// inwards to host pages; all else is skipped. Events: `vfio_listener_region_*`.
package final class DMAListener: MemoryListener {
  package let container: any DMAContainer
  private let tracer: Tracer
  private let diagnostics: Diagnostics
  /// The first guest RAM that could not be mapped. Without it, devices would miss memory.
  package private(set) var failure: AssignmentError.Failure?
  /// Bytes of guest RAM that devices are to reach through the container.
  package private(set) var guestMemory: UInt64 = 0
  /// The functions whose BARs are known to be out of other devices' reach.
  private var unreachable: Set<String> = []

  private static let pageSize: UInt64 = 4096

  package init(container: any DMAContainer, tracer: Tracer, diagnostics: Diagnostics) {
    self.container = container
    self.tracer = tracer
    self.diagnostics = diagnostics
  }

  package func regionAdded(_ section: MemorySection) {
    guard Self.isMappable(section) else {
      skip("region_add", section)
      return
    }
    guard let pages = Self.wholePages(of: section), let host = section.hostAddress else {
      if section.isDeviceRAM {
        tracer.emit(
          .vfioListenerRegionAddNoDmaMap,
          [
            .text(section.name), .number(section.start), .number(section.size),
            .number(Self.pageSize),
          ])
      }
      return
    }
    let inset = pages.lowerBound - section.start
    let address = host &+ UInt(inset)
    let size = (pages.upperBound - pages.lowerBound) &+ 1
    if !section.isDeviceRAM { guestMemory &+= size }
    tracer.emit(
      .vfioListenerRegionAddRam,
      [.number(pages.lowerBound), .number(pages.upperBound), .number(address)])
    do throws(Errno) {
      try container.map(
        iova: pages.lowerBound, size: size, address: address, isReadOnly: section.isReadOnly,
        file: section.file.map { ($0.descriptor, $0.offset &+ inset) })
    } catch {
      report(error, section, iova: pages.lowerBound, size: size, address: UInt64(address))
    }
  }

  package func regionRemoved(_ section: MemorySection) {
    guard Self.isMappable(section) else {
      skip("region_del", section)
      return
    }
    guard let pages = Self.wholePages(of: section) else { return }
    tracer.emit(
      .vfioListenerRegionDel, [.number(pages.lowerBound), .number(pages.upperBound)])
    let size = (pages.upperBound - pages.lowerBound) &+ 1
    if !section.isDeviceRAM { guestMemory &-= size }
    do throws(Errno) {
      try container.unmap(iova: pages.lowerBound, size: size)
    } catch {
      diagnostics.error(
        "vfio_container_dma_unmap(\(Self.hex(pages.lowerBound)), \(Self.hex(size))) = "
          + "-\(error.rawValue) (\(error.description))")
    }
  }

  /// Whether DMA may reach a section. A BAR at an address with bit 63 set is being sized.
  private static func isMappable(_ section: MemorySection) -> Bool {
    section.isRAM && section.start >> 63 == 0
  }

  /// The part of a section that covers whole pages: first and last address; nil when there is none.
  private static func wholePages(of section: MemorySection) -> ClosedRange<UInt64>? {
    let (start, overflow) = section.start.addingReportingOverflow(pageSize - 1)
    guard !overflow else { return nil }
    let first = start & ~(pageSize - 1)
    // One past the last address, rounded down, unless it is 2^64.
    let (next, isEndOfSpace) = section.last.addingReportingOverflow(1)
    guard !isEndOfSpace else { return first...section.last }
    let end = next & ~(pageSize - 1)
    return end > first ? first...(end - 1) : nil
  }

  private func skip(_ word: String, _ section: MemorySection) {
    tracer.emit(
      .vfioListenerRegionSkip,
      [.text(word), .number(section.start), .number(section.last)])
  }

  private func report(
    _ error: Errno, _ section: MemorySection, iova: UInt64, size: UInt64, address: UInt64
  ) {
    let text =
      "vfio_container_dma_map(\(Self.hex(iova)), \(Self.hex(size)), \(Self.hex(address))) = "
      + "-\(error.rawValue) (\(error.description))"
    if section.isDeviceRAM {
      // A guest moves BARs as often as it likes: each function is told of once.
      let function = section.name.prefix { $0 != " " }
      guard unreachable.insert(String(function)).inserted else { return }
      diagnostics.warning(
        "\(text): \(section.name): PCI peer-to-peer transactions on BARs are not supported.")
      return
    }
    if failure == nil {
      failure = .memoryListener(
        region: section.name, iova: iova, size: size, address: address, error,
        container.backend)
    }
  }

  private static func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}
