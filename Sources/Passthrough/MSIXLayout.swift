package import PCI
package import VFIO

extension MSIXCapability.Registers {
  /// What is left of a fully mapped BAR when the host pages that hold the table are cut out.
  ///
  /// No area when the table covers everything, else one or two, in address order. A BAR whose areas
  /// are not exactly one over all of it is left as it is (nil).
  package func areasWithoutTable(
    of areas: [RegionInfo.Area], size: UInt64, pageSize: UInt64 = 4096
  ) -> [RegionInfo.Area]? {
    guard areas == [RegionInfo.Area(offset: 0, size: size)], tableOffset < size else { return nil }
    let mask = pageSize - 1
    let start = tableOffset & ~mask
    let (rawEnd, overflow) = (tableOffset &+ tableLength).addingReportingOverflow(mask)
    let end = overflow ? size : min(size, rawEnd & ~mask)
    var left: [RegionInfo.Area] = []
    if start > 0 { left.append(RegionInfo.Area(offset: 0, size: start)) }
    if end < size { left.append(RegionInfo.Area(offset: end, size: size - end)) }
    return left
  }
}
