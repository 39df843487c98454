/// Hears which sections a guest sees come and go, for example to map them for KVM or for DMA.
///
/// Called with the machine lock held, at the end of an update: first all removals in address order,
/// then all additions in address order. A listener that cannot follow keeps that as its own state,
/// for whoever registered it to ask about; the address space goes on. It does not change the
/// address space from inside a call.
package protocol MemoryListener: AnyObject {
  /// A section that `regionAdded` told of is gone.
  func regionRemoved(_ section: MemorySection)

  /// A section is there now.
  func regionAdded(_ section: MemorySection)
}
