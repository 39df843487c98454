/// An address map of the guest, of memory or of ports: regions, the view that they make, and accesses
/// to it.
///
/// Used only while the machine lock is held.
package final class AddressSpace {
  private var regions: [RegionID: PlacedRegion] = [:]
  private var listeners: [any MemoryListener] = []
  private var view = FlatView.empty
  private var dispatch: [DispatchEntry] = []
  private var lastNumber: UInt64 = 0
  private var updateDepth = 0
  private var isChanged = false

  /// Whether an access that reaches over the end of a device's section is split there; else the
  /// device that holds the first byte gets it whole, as port accesses are.
  let splitsDeviceAccesses: Bool

  package init(splitsDeviceAccesses: Bool = true) {
    self.splitsDeviceAccesses = splitsDeviceAccesses
  }

  /// What the guest sees now, as of the last finished update.
  package var flatView: FlatView { view }

  // MARK: - Regions

  /// Places a region, at the top or over another. A region placed over another is offset from its
  /// first byte, is cut to its bounds, moves with it, and is gone while it is disabled. A parent that
  /// is not there (any more) leaves the region nowhere.
  @discardableResult
  package func add(_ region: MemoryRegion, over parent: RegionID? = nil) -> RegionID {
    let number = nextNumber()
    let id = RegionID(rawValue: number)
    change { regions[id] = PlacedRegion(id: id, parent: parent, order: number, region: region) }
    return id
  }

  /// Takes a region away, and every region over it.
  package func remove(_ id: RegionID) {
    change {
      regions[id] = nil
      var orphans = regions.values.filter { $0.parent == id }.map(\.id)
      while let orphan = orphans.popLast() {
        regions[orphan] = nil
        orphans += regions.values.filter { $0.parent == orphan }.map(\.id)
      }
    }
  }

  /// Forgets every listener, without a word to it, and takes every region away. Ends what held on to
  /// each other through handlers and listeners, so it is called when the machine goes; what a
  /// listener set up on the host ends with its descriptors.
  package func tearDown() {
    listeners = []
    change { regions = [:] }
  }

  /// Shows or hides a region and what lies over it; says nothing to anyone when nothing changes.
  package func setEnabled(_ id: RegionID, _ isEnabled: Bool) {
    guard let placed = regions[id], placed.region.isEnabled != isEnabled else { return }
    change { regions[id]?.region.isEnabled = isEnabled }
  }

  /// Puts a region at another address (or offset in its parent), over siblings of its priority.
  package func move(_ id: RegionID, to base: UInt64) {
    guard let placed = regions[id], placed.region.base != base else { return }
    let order = nextNumber()
    change {
      regions[id]?.region.base = base
      regions[id]?.order = order
    }
  }

  /// Shows a region at an address (or offset in its parent) with a priority, over siblings of the same.
  package func show(_ id: RegionID, at base: UInt64, priority: Int) {
    guard regions[id] != nil else { return }
    let order = nextNumber()
    change {
      regions[id]?.region.base = base
      regions[id]?.region.priority = priority
      regions[id]?.region.isEnabled = true
      regions[id]?.order = order
    }
  }

  /// Makes a region longer or shorter, in bytes.
  package func resize(_ id: RegionID, to size: UInt64) {
    guard let placed = regions[id], placed.region.size != size else { return }
    change { regions[id]?.region.size = size }
  }

  /// Gives a bus region other windows, in any order and overlapping as they may; says nothing to
  /// anyone when nothing changes. Other regions are left alone.
  package func setWindows(_ id: RegionID, _ windows: [ClosedRange<UInt64>]) {
    guard case .bus(let old)? = regions[id]?.region.kind else { return }
    let disjoint = Self.disjoint(windows)
    guard disjoint != old else { return }
    change { regions[id]?.region.kind = .bus(windows: disjoint) }
  }

  /// The same addresses in ascending ranges between each of which something is left out.
  private static func disjoint(_ ranges: [ClosedRange<UInt64>]) -> [ClosedRange<UInt64>] {
    var result: [ClosedRange<UInt64>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      guard let last = result.last,
        last.upperBound == .max || range.lowerBound <= last.upperBound + 1
      else {
        result.append(range)
        continue
      }
      result[result.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
    }
    return result
  }

  /// The region by this name, or nil when it is not there.
  package func region(_ id: RegionID) -> MemoryRegion? { regions[id]?.region }

  // MARK: - Updates

  /// Makes several changes that listeners hear of as one, when the outermost update ends.
  package func update<Value, Failure: Error>(
    _ body: () throws(Failure) -> Value
  ) throws(Failure) -> Value {
    updateDepth += 1
    defer { endUpdate() }
    return try body()
  }

  private func change(_ body: () -> Void) {
    update {
      body()
      isChanged = true
    }
  }

  private func endUpdate() {
    // The depth stays above zero while listeners run, so that a change from inside waits its turn.
    while updateDepth == 1, isChanged {
      isChanged = false
      publish(FlatView.make(Array(regions.values)))
    }
    updateDepth -= 1
  }

  private func publish(_ newView: FlatView) {
    let difference = FlatView.difference(from: view, to: newView)
    view = newView
    dispatch = newView.sections.map(DispatchEntry.init)
    for section in difference.removed {
      for listener in listeners.reversed() { listener.regionRemoved(section) }
    }
    for section in difference.added {
      for listener in listeners { listener.regionAdded(section) }
    }
  }

  private func nextNumber() -> UInt64 {
    lastNumber += 1
    return lastNumber
  }

  // MARK: - Listeners

  /// Tells a new listener of every section there is, in address order, and then of each change.
  package func register(_ listener: any MemoryListener) {
    for section in view.sections { listener.regionAdded(section) }
    listeners.append(listener)
  }

  /// Tells a listener that every section is gone, in address order, and then nothing more.
  package func unregister(_ listener: any MemoryListener) {
    guard let index = listeners.firstIndex(where: { $0 === listener }) else { return }
    listeners.remove(at: index)
    for section in view.sections { listener.regionRemoved(section) }
  }

  // MARK: - Dispatch

  /// The entry that answers at an address, or nil where nothing does.
  func entry(at address: UInt64) -> DispatchEntry? {
    let index = dispatch.partitioningIndex { $0.last >= address }
    guard index < dispatch.count, dispatch[index].start <= address else { return nil }
    return dispatch[index]
  }

  /// The first address at or after `address` where an entry starts, or nil when there is none.
  func nextStart(after address: UInt64) -> UInt64? {
    let index = dispatch.partitioningIndex { $0.start > address }
    return index < dispatch.count ? dispatch[index].start : nil
  }
}
