extension DeviceFacts {
  /// The facts with what the device itself makes of its address space.
  ///
  /// The kernel tells what is left of an address space with all devices in it. A device that came to
  /// one and left it as it was is at least as wide: nothing is known of it beyond that, unless a device
  /// behind the same physical IOMMU is there, whose ranges are its own as well. So the device that
  /// narrows is the one that is named, in whatever order they come.
  ///
  /// - Parameter neighbours: Each device there was, with its own facts and what the kernel told of its
  ///   address space before this one came.
  package func separated(
    from neighbours: [(facts: DeviceFacts, told: [ClosedRange<UInt64>])]
  ) -> DeviceFacts {
    let same = neighbours.filter { $0.facts.backend == backend && $0.told == iovaRanges }
    guard !iovaRanges.isEmpty, !same.isEmpty else { return self }
    let behind = same.first { unitName != nil && $0.facts.unitName == unitName }
    return DeviceFacts(
      name: name, unitName: unitName, backend: backend, information: information,
      iovaRanges: behind?.facts.iovaRanges ?? [], iovaAlignment: iovaAlignment,
      isBehindConventionalBridge: isBehindConventionalBridge)
  }
}
